/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boundary between the host program and a cell, whole and self-contained:
 * fixed-width C11, no pointers, no host or guest headers.
 *
 * Two kinds of traffic share one mailbox per cpu:
 *   job      host -> cell   "do this with the image", answered by a result
 *   request  cell -> host   "move these bytes for me", answered in place
 * A cpu runs one job at a time; while it runs, each doorbell is either a batch
 * of I/O requests, a sign of progress, or the end of the job.
 *
 * Rules the host keeps: a mailbox header is copied out once, checked, and only
 * the copy is used; every address range is translated by one function;
 * everything is bounded by the constants below.
 * Rules the payload keeps: it believes the host, and nothing that comes from
 * an image.
 *
 * IN is written by the host, OUT by the cell.
 */
#ifndef INSTAR_ABI_H
#define INSTAR_ABI_H

#include <stddef.h>
#include <stdint.h>

#define ABI_VERSION 1u

/* For the asserts beside each struct: where a member lies. */
#define ABI_AT(type, member, offset)                                                               \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

/* Bounds, each enforced by the host. */
#define ABI_TABLE_SIZE (256u * 1024u) /* bytes of each of the two tables of a cpu */
#define ABI_MAX_IO 256u               /* I/O operations in one request */
#define ABI_MAX_IO_LENGTH (64u << 20) /* bytes of one read or write */
#define ABI_MAX_HANDLES 64u           /* files attached to one cell */
#define ABI_MAX_CPUS 17u              /* one driver cpu and 16 codec cpus */
#define ABI_MAX_CODEC 64u             /* clusters in one codec job */
#define ABI_MAX_NAME 4096u            /* bytes of a name taken from an image */

/* Every struct that crosses begins with this; size is that of the struct. */
struct abi_head {
    uint32_t size;
    uint16_t kind;
    uint16_t version;
};
_Static_assert(sizeof(struct abi_head) == 8, "abi_head");
ABI_AT(abi_head, kind, 4);
ABI_AT(abi_head, version, 6);

/* ---- requests: cell -> host ------------------------------------------- */

enum abi_request_kind {
    ABI_REQ_READY = 1,    /* first doorbell: head.version says what is spoken */
    ABI_REQ_IO = 2,       /* run the first count entries of the cpu's abi_io array */
    ABI_REQ_PROGRESS = 3, /* done of total; the host may answer "cancel" */
    ABI_REQ_DONE = 4,     /* the job is over; the abi_result is filled in */
    ABI_REQ_EMIT = 5,     /* take "done" bytes of whole prop records at offset "total" of the
                               out table now; the job goes on and fills it anew. The answer is
                               all such pieces and the last one, joined (many messages of a
                               check, many snapshots) */
    ABI_REQ_CLOCK = 6,    /* the host answers in "done": nanoseconds since some moment */
};

enum abi_io_op {
    ABI_IO_READ = 1, /* bytes behind the end of the file read as zeros */
    ABI_IO_WRITE = 2,
    ABI_IO_ZERO = 3,      /* make a range read as zeros; flags: ABI_IOF_UNMAP */
    ABI_IO_DISCARD = 4,   /* give a range back to the file system, if it can */
    ABI_IO_TRUNCATE = 5,  /* offset is the new size; flags: ABI_PREALLOC_* */
    ABI_IO_FLUSH = 6,     /* what was written before is on stable storage */
    ABI_IO_SIZE = 7,      /* result is the size of the file */
    ABI_IO_NEXT_DATA = 8, /* result is the first offset >= offset with data, or the size */
};

enum abi_io_flags {
    ABI_IOF_UNMAP = 1 << 0, /* (ZERO) space may be given back to the file system */
};

/* One I/O operation. Operations of a request run in order; at the first
 * failure the rest answer -ECANCELED (-125). */
struct abi_io {
    uint32_t op;       /* OUT enum abi_io_op */
    uint32_t handle;   /* OUT */
    uint64_t offset;   /* OUT bytes in the file */
    uint64_t length;   /* OUT bytes */
    uint64_t address;  /* OUT cell address of the bytes */
    int64_t result;    /* IN  bytes really read, a size, 0, or -errno */
    uint32_t flags;    /* OUT */
    uint32_t reserved; /* OUT zero */
};
_Static_assert(sizeof(struct abi_io) == 48, "abi_io");
ABI_AT(abi_io, offset, 8);
ABI_AT(abi_io, length, 16);
ABI_AT(abi_io, address, 24);
ABI_AT(abi_io, result, 32);
ABI_AT(abi_io, flags, 40);

enum abi_prealloc {
    ABI_PREALLOC_OFF = 0,
    ABI_PREALLOC_METADATA = 1,
    ABI_PREALLOC_FALLOC = 2,
    ABI_PREALLOC_FULL = 3,
};

struct abi_request {
    struct abi_head head; /* OUT kind: enum abi_request_kind */
    uint32_t count;       /* OUT (IO) entries in the abi_io array */
    uint32_t cancel;      /* IN  (PROGRESS, EMIT) 1: stop as soon as consistent */
    uint64_t done;        /* OUT (PROGRESS); (EMIT) bytes; IN (CLOCK) nanoseconds */
    uint64_t total;       /* OUT (PROGRESS); (EMIT) where in the out table they begin */
};
_Static_assert(sizeof(struct abi_request) == 32, "abi_request");
ABI_AT(abi_request, count, 8);
ABI_AT(abi_request, cancel, 12);
ABI_AT(abi_request, done, 16);
ABI_AT(abi_request, total, 24);

/* ---- jobs: host -> cell ------------------------------------------------ */

/* How a size changes. */
#define ABI_TRUNCATE_EXACT 1u /* a store that cannot have just this size refuses */
/* The backing file reaches behind the old end: new clusters must read as zeros all the same. */
#define ABI_TRUNCATE_ZERO 2u

/* What the driver cpu can be asked. in and out are bytes at the start of the in
 * table, which stays as it is until the job ends, and of the out table. Structs
 * of the input that have a head carry the job's op as head.kind. */
enum abi_job_op {
    ABI_JOB_PROBE = 1,     /* handle 0; out: abi_probe */
    ABI_JOB_OPEN = 2,      /* in: abi_open; out: abi_facts + props */
    ABI_JOB_ATTACH = 3,    /* arg0: enum abi_role, arg1: handle, arg2: index */
    ABI_JOB_INFO = 4,      /* arg0: enum abi_info_part; out: props */
    ABI_JOB_EXTENTS = 5,   /* arg0 start, arg1 length, arg2 flags, arg3 most entries (0: as
                               many as fit); out: abi_extent[];
                               ret0 count, ret1 first offset not covered */
    ABI_JOB_WRITE = 6,     /* see "writing" below. EXTENTS and WRITE may emit a message: a table
                               was found broken */
    ABI_JOB_FLUSH = 7,     /* all metadata out, in safe order, then flush */
    ABI_JOB_CLOSE = 8,     /* FLUSH, then what marks an image closed cleanly */
    ABI_JOB_CREATE = 9,    /* in: abi_create + props; arg0: handle of the (empty) data file, 0
                               for none; the image is then open */
    ABI_JOB_CHECK = 10,    /* arg0: ABI_FIX_*; out: abi_check + props (messages) */
    ABI_JOB_TRUNCATE = 11, /* arg0 new virtual size, arg1 abi_prealloc, arg2 ABI_TRUNCATE_*;
                               ret0: the host is to write zeros from the old size up to here, 0:
                               nowhere; the disk gets its size on stable storage with the next
                               FLUSH then */
    ABI_JOB_MEASURE = 12,  /* in: abi_create + props; out: abi_measure; after a failure ret0 may be
                               ABI_MEASURE_SIZE */
    ABI_JOB_SELECT = 13,   /* in: snapshot name; arg0: abi_select; reads then see it */
    ABI_JOB_CALL = 14,     /* arg0: enum abi_call; in/out: props */
    ABI_JOB_UNLOCK = 16,   /* in: the secret of an encrypted image, any bytes */
    ABI_JOB_CODEC = 15,    /* any cpu. in: abi_codec[arg0]; answered in place in out */
};

struct abi_job {
    struct abi_head head; /* IN  kind: enum abi_job_op */
    uint32_t in_length;   /* IN  bytes of input in the in table */
    uint32_t flags;       /* IN  */
    uint64_t arg[6];      /* IN  */
};
_Static_assert(sizeof(struct abi_job) == 64, "abi_job");
ABI_AT(abi_job, in_length, 8);
ABI_AT(abi_job, flags, 12);
ABI_AT(abi_job, arg, 16);

/* Room for the longest sentence: the names of 64 unknown features. */
#define ABI_ERROR_TEXT 3072u

/* How a job ended. status 0 is success, else enum fmt_status (negative), whose
 * words the host makes from its table with arg and text. io_errno is set where
 * a host request failed (positive errno). text is data: any bytes. */
struct abi_result {
    struct abi_head head;         /* OUT kind: the job's */
    int32_t status;               /* OUT */
    uint32_t io_errno;            /* OUT */
    uint32_t out_length;          /* OUT bytes of output in the out table */
    uint32_t text_length;         /* OUT at most ABI_ERROR_TEXT */
    uint64_t ret[4];              /* OUT */
    uint64_t err_arg[4];          /* OUT */
    uint64_t arena_peak;          /* OUT bytes */
    uint8_t text[ABI_ERROR_TEXT]; /* OUT */
};
_Static_assert(sizeof(struct abi_result) == 24 + 32 + 32 + 8 + ABI_ERROR_TEXT, "abi_result");
ABI_AT(abi_result, status, 8);
ABI_AT(abi_result, io_errno, 12);
ABI_AT(abi_result, out_length, 16);
ABI_AT(abi_result, text_length, 20);
ABI_AT(abi_result, ret, 24);
ABI_AT(abi_result, err_arg, 56);
ABI_AT(abi_result, arena_peak, 88);
ABI_AT(abi_result, text, 96);

/* Where a cpu of the process back end faulted, for the error's words. */
struct abi_fault {
    uint64_t address; /* OUT of the instruction */
    uint32_t signal;  /* OUT 0: no fault */
    uint32_t reserved;
};
_Static_assert(sizeof(struct abi_fault) == 16, "abi_fault");

/* The mailbox of a cpu: one page. Its abi_io array and its two tables lie behind
 * it, see layout.h. */
struct abi_mailbox {
    struct abi_request request;
    struct abi_job job;
    struct abi_result result;
    struct abi_fault fault;
};
_Static_assert(sizeof(struct abi_mailbox) <= 4096, "abi_mailbox");
ABI_AT(abi_mailbox, job, 32);
ABI_AT(abi_mailbox, result, 96);

/* ---- probing and opening ----------------------------------------------- */

/* Format numbers are stable; the names are qemu's. */
enum abi_format {
    ABI_FORMAT_NONE = 0,
    ABI_FORMAT_RAW = 1,
    ABI_FORMAT_QCOW2 = 2,
    ABI_FORMAT_QCOW = 3,
    ABI_FORMAT_QED = 4,
    ABI_FORMAT_VMDK = 5,
    ABI_FORMAT_VDI = 6,
    ABI_FORMAT_VPC = 7,
    ABI_FORMAT_VHDX = 8,
    ABI_FORMAT_PARALLELS = 9,
    ABI_FORMAT_LUKS = 10,
    ABI_FORMAT_BOCHS = 11,
    ABI_FORMAT_CLOOP = 12,
    ABI_FORMAT_DMG = 13,
};

struct abi_probe {
    uint32_t format; /* OUT enum abi_format; RAW when nothing else fits */
    uint32_t score;  /* OUT 0..100 */
};
_Static_assert(sizeof(struct abi_probe) == 8, "abi_probe");

enum abi_open_flags {
    ABI_OPEN_WRITE = 1 << 0, /* metadata may be changed */
    ABI_OPEN_CHECK = 1 << 1, /* for check: a dirty image is not repaired on open */
    /* info only: guest data is never asked for, a data file not attached */
    ABI_OPEN_NO_IO = 1 << 2,
    ABI_OPEN_DISCARD_UNMAP = 1 << 3, /* discards and zeroes may give clusters back */
    ABI_OPEN_INACTIVE = 1 << 4,      /* leave autoclear bits and bitmaps as they are */
};

struct abi_open {
    struct abi_head head;
    uint32_t format; /* IN enum abi_format */
    uint32_t flags;  /* IN enum abi_open_flags */
    uint64_t seed;   /* IN random, for an id that changes with the content */
};
_Static_assert(sizeof(struct abi_open) == 24, "abi_open");
ABI_AT(abi_open, format, 8);
ABI_AT(abi_open, flags, 12);
ABI_AT(abi_open, seed, 16);

enum abi_role {
    ABI_ROLE_FILE = 0,      /* the image file itself; always handle 0 */
    ABI_ROLE_DATA_FILE = 1, /* qcow2 external data file */
    ABI_ROLE_EXTENT = 2,    /* vmdk extents, arg2 the index */
};

enum abi_fact_flags {
    ABI_FACT_ENCRYPTED = 1 << 0,
    ABI_FACT_DIRTY = 1 << 1,
    ABI_FACT_CORRUPT = 1 << 2,
    ABI_FACT_BACKING = 1 << 3,        /* props hold "backing-file" */
    ABI_FACT_BACKING_FORMAT = 1 << 4, /* props hold "backing-format" */
    ABI_FACT_DATA_FILE = 1 << 5, /* an external data file is used; props may hold "data-file" */
    ABI_FACT_DATA_FILE_RAW = 1 << 6,
    ABI_FACT_CAN_COMPRESS = 1 << 7,
    ABI_FACT_CAN_ZERO = 1 << 8,         /* writing zeroes is cheap (no data is stored) */
    ABI_FACT_UNALLOCATED_ZERO = 1 << 9, /* clusters never written read as zeros */
    ABI_FACT_HAS_SNAPSHOTS = 1 << 10,
    ABI_FACT_HAS_CLUSTER_SIZE = 1 << 11, /* info prints cluster_size */
    ABI_FACT_V2 = 1 << 12,               /* qcow2 compat 0.10 */
    ABI_FACT_BITMAP_CALL = 1 << 13,      /* the format has bitmaps: ABI_CALL_BITMAP is answered */
    ABI_FACT_BITMAPS = 1 << 14,          /* and this image can hold some */
    ABI_FACT_CONTENT_ID = 1 << 15,
    ABI_FACT_PARENT_ID = 1 << 16, /* what is not allocated cannot be read with another */
    ABI_FACT_COUNTED = 1 << 17,   /* clusters are counted: ABI_INFO_USED is answered */
};

struct abi_facts {
    struct abi_head head;
    uint32_t format;          /* OUT */
    uint32_t flags;           /* OUT enum abi_fact_flags */
    uint64_t virtual_size;    /* OUT bytes */
    uint32_t cluster_size;    /* OUT bytes; 0: none */
    uint32_t subcluster_size; /* OUT bytes; equals cluster_size without subclusters */
    uint32_t codec;           /* OUT enum abi_codec_id of compressed clusters */
    uint32_t snapshots;       /* OUT */
    uint64_t vm_state_offset; /* OUT bytes */
    uint32_t content_id;      /* OUT with ABI_FACT_CONTENT_ID: another one after each writing */
    uint32_t parent_id;       /* OUT with ABI_FACT_PARENT_ID: what the backing file's has to be */
    uint64_t look_span;       /* OUT bytes of the guest that qemu-img's driver tells of in one
                                 answer, at multiples of it: map shows the seams; 0: all */
};
_Static_assert(sizeof(struct abi_facts) == 64, "abi_facts");
ABI_AT(abi_facts, format, 8);
ABI_AT(abi_facts, flags, 12);
ABI_AT(abi_facts, virtual_size, 16);
ABI_AT(abi_facts, cluster_size, 24);
ABI_AT(abi_facts, subcluster_size, 28);
ABI_AT(abi_facts, codec, 32);
ABI_AT(abi_facts, snapshots, 36);
ABI_AT(abi_facts, vm_state_offset, 40);
ABI_AT(abi_facts, content_id, 48);
ABI_AT(abi_facts, parent_id, 52);
ABI_AT(abi_facts, look_span, 56);

enum abi_info_part {
    ABI_INFO_SPECIFIC = 0,  /* the members of format-specific.data; "type" is the format. U64 "file"
                               of an object is a handle, shown as "filename" */
    ABI_INFO_SNAPSHOTS = 1, /* list of objects id, name, vm-state-size, date-sec, ... */
    ABI_INFO_NAMES = 2,     /* backing-file, backing-format, data-file as at OPEN */
    ABI_INFO_USED = 3,      /* used-clusters: those of the image file with a count above zero */
};

enum abi_select {
    ABI_SELECT_ACTIVE = 0,
    ABI_SELECT_ID_OR_NAME = 1, /* in: bytes of one word matched against id, then name */
    ABI_SELECT_ID = 2,
    ABI_SELECT_NAME = 3,
    ABI_SELECT_ID_AND_NAME = 4, /* in: id, a zero byte, name */
};

enum abi_call {
    ABI_CALL_SNAPSHOT = 1, /* props: action, name, ... */
    ABI_CALL_BITMAP = 2,
    ABI_CALL_AMEND = 3,
    ABI_CALL_SET_BACKING = 4,
    ABI_CALL_MAKE_EMPTY = 5,
};

/* ---- extents and writing ----------------------------------------------- */

enum abi_extent_kind {
    ABI_EXT_DATA = 1,   /* plain bytes at handle/file_offset */
    ABI_EXT_ZERO = 2,   /* reads as zeros, decided by this image */
    ABI_EXT_HOLE = 3,   /* not allocated here: the backing file's bytes, else zeros */
    ABI_EXT_COOKED = 4, /* stored_length coded bytes at file_offset give one whole cluster */
    /* answers of ABI_JOB_WRITE only */
    ABI_EXT_FILL_OLD =
        5, /* read the image's present content of the guest range, write it at file_offset */
    ABI_EXT_FILL_ZERO = 6, /* make the file range read as zeros */
    /* questions of ABI_JOB_WRITE only */
    ABI_EXT_LINK = 7,    /* the data of this guest range is in place: publish it */
    ABI_EXT_DISCARD = 8, /* the guest range is not needed any more */
    ABI_EXT_ABORT = 9,   /* the data of this guest range will not come: give its clusters back */
};

enum abi_extent_flags {
    ABI_EXTF_OFFSET = 1 << 0,    /* file_offset is valid (also for ZERO: preallocated) */
    ABI_EXTF_ALLOCATED = 1 << 1, /* this layer decides the content */
    ABI_EXTF_FRESH = 1 << 2, /* file range lies behind the old end of the file: reads as zeros */
    ABI_EXTF_UNMAP = 1 << 3, /* ZERO question: clusters may be given back */
    ABI_EXTF_CORRUPT = 1 << 4,
    ABI_EXTF_STALE = 1 << 5, /* question: the backing file is not the one that the image is for */
};

/* A guest range and where its bytes are. For COOKED, guest_offset/length are
 * the part asked for and the cluster begins at guest_offset rounded down to
 * the cluster size. */
struct abi_extent {
    uint64_t guest_offset;  /* bytes */
    uint64_t length;        /* bytes of guest data */
    uint64_t file_offset;   /* bytes in the file of handle */
    uint64_t stored_length; /* COOKED: bytes in the file, an upper bound */
    uint32_t handle;
    uint16_t kind;  /* enum abi_extent_kind */
    uint16_t flags; /* enum abi_extent_flags */
    uint32_t codec; /* enum abi_codec_id; with an offset, the cipher of what is stored there */
    uint32_t reserved;
};
_Static_assert(sizeof(struct abi_extent) == 48, "abi_extent");
ABI_AT(abi_extent, length, 8);
ABI_AT(abi_extent, file_offset, 16);
ABI_AT(abi_extent, stored_length, 24);
ABI_AT(abi_extent, handle, 32);
ABI_AT(abi_extent, kind, 36);
ABI_AT(abi_extent, flags, 38);
ABI_AT(abi_extent, codec, 40);

/* The end of a table that arrays leave free, for a message in between. */
#define ABI_EMIT_ROOM 256u
#define ABI_MAX_EXTENTS ((ABI_TABLE_SIZE - ABI_EMIT_ROOM) / sizeof(struct abi_extent))

/*
 * Writing. in: abi_extent[arg0]; arg1: most steps wanted, 0: as many as fit. Of kinds
 *   LINK     first: ranges whose data the host has written since (as answered)
 *   ABORT    ranges whose write failed
 *   DATA     a guest range the host wants to write plainly
 *   COOKED   one whole cluster, stored_length coded bytes; nothing at 0: there are no more
 *   ZERO     a guest range shall read as zeros (may be answered with FILL_ZERO
 *            or DATA|zero steps for parts of clusters)
 *   DISCARD
 * out: abi_extent[ret0], steps for the host in guest order, none of them across two
 * questions: DATA and COOKED
 * (write the caller's bytes at file_offset), FILL_OLD and FILL_ZERO (complete a
 * cluster). Nothing is visible to a reader until LINK; the tables that publish
 * it leave the cell after that and after a flush where order asks for one.
 * ret1: how many of the questions were taken (the table may fill up); the host
 * asks the rest again. ZERO and DISCARD are done when the job returns, apart
 * from their FILL steps, which are linked like data.
 * A question that fails ends the answer in front of it, so that what was taken
 * before is not lost; asked again, first, it fails the job. The host does the
 * steps of one cluster in the order they were given, also when they belong to
 * several questions or jobs; it links or aborts each step, FILL too.
 */

/* ---- codecs -------------------------------------------------------------- */

enum abi_codec_id {
    ABI_CODEC_NONE = 0,
    ABI_CODEC_DEFLATE = 1, /* raw deflate. qemu-img codes with a window of 4 KiB, but decodes a
                               cluster in one call, where distances up to 32 KiB are good */
    ABI_CODEC_ZSTD = 2,
    ABI_CODEC_ZLIB = 3, /* zlib header (qcow, vmdk, dmg) */
    ABI_CODEC_BZIP2 = 4,
    /* The image's own cipher, once it is unlocked: as many bytes out as in, whole sectors of 512
     * bytes numbered by their place in the guest, or in the file they are stored in. */
    ABI_CODEC_CIPHER_GUEST = 5,
    ABI_CODEC_CIPHER_FILE = 6,
};

static inline int abi_codec_is_cipher(uint32_t codec)
{
    return codec == ABI_CODEC_CIPHER_GUEST || codec == ABI_CODEC_CIPHER_FILE;
}

enum abi_codec_direction { ABI_DECODE = 0, ABI_ENCODE = 1 };

/* One piece of coding work. Addresses lie in the window of the cpu. DECODE:
 * out_length bytes must come out; coded bytes behind the end are passed over,
 * and so is what is coded beyond out_length (deflate). ENCODE: result is the coded length, or 0 if
 * it does not fit in out_length bytes. */
struct abi_codec {
    uint32_t codec;       /* IN enum abi_codec_id */
    uint32_t direction;   /* IN */
    uint64_t in_address;  /* IN */
    uint64_t in_length;   /* IN  bytes */
    uint64_t out_address; /* IN */
    uint64_t out_length;  /* IN  bytes of room */
    int64_t result;       /* OUT bytes, or enum fmt_status */
    uint64_t sector;      /* IN  CIPHER: number of the first sector */
};
_Static_assert(sizeof(struct abi_codec) == 56, "abi_codec");
ABI_AT(abi_codec, direction, 4);
ABI_AT(abi_codec, in_address, 8);
ABI_AT(abi_codec, in_length, 16);
ABI_AT(abi_codec, out_address, 24);
ABI_AT(abi_codec, out_length, 32);
ABI_AT(abi_codec, result, 40);
ABI_AT(abi_codec, sector, 48);

/* ---- create, measure, check --------------------------------------------- */

enum abi_create_flags {
    /* Look at the options only: no file is there yet. What is wrong is told before an old file
     * with the same name is gone. */
    ABI_CREATE_JUDGE = 1 << 0,
};

/* Followed by props: the creation options under their qemu names, typed. */
struct abi_create {
    struct abi_head head;
    uint32_t format;       /* IN */
    uint32_t flags;        /* IN enum abi_create_flags */
    uint64_t virtual_size; /* IN bytes */
    uint64_t seed;         /* IN random, for ids */
};
_Static_assert(sizeof(struct abi_create) == 32, "abi_create");
ABI_AT(abi_create, format, 8);
ABI_AT(abi_create, flags, 12);
ABI_AT(abi_create, virtual_size, 16);
ABI_AT(abi_create, seed, 24);

/* abi_create.flags of ABI_JOB_MEASURE: an image is to be copied. The property "source-data" (u64)
 * then tells how many bytes of it, counted in units of abi_measure.unit, hold data; the first
 * question is asked without it. */
#define ABI_MEASURE_SOURCE 1u
/* The options are good, only the size is not. */
#define ABI_MEASURE_SIZE 1u

struct abi_measure {
    uint64_t required;        /* OUT bytes */
    uint64_t fully_allocated; /* OUT bytes */
    uint64_t unit;            /* OUT bytes of the guest stored together; 0: what the source holds
                                 makes no difference */
    uint64_t bitmap_unit;     /* OUT bytes bitmaps are stored in multiples of; 0: they cannot be */
};
_Static_assert(sizeof(struct abi_measure) == 32, "abi_measure");
ABI_AT(abi_measure, fully_allocated, 8);
ABI_AT(abi_measure, unit, 16);
ABI_AT(abi_measure, bitmap_unit, 24);

#define ABI_FIX_LEAKS 1u
#define ABI_FIX_ERRORS 2u

struct abi_check {
    struct abi_head head;
    uint32_t flags;
    uint32_t reserved;
    uint64_t corruptions, leaks, check_errors;
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t image_end_offset;
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
};
_Static_assert(sizeof(struct abi_check) == 96, "abi_check");
ABI_AT(abi_check, flags, 8);
ABI_AT(abi_check, corruptions, 16);
ABI_AT(abi_check, corruptions_fixed, 40);
ABI_AT(abi_check, image_end_offset, 56);
ABI_AT(abi_check, total_clusters, 64);

/* ---- property streams ------------------------------------------------------ */

/* Names and values of any shape, as a flat stream of records, each padded to
 * 8 bytes. Key bytes come first, then value bytes. OBJECT and LIST hold what
 * follows up to the matching END. Depth is at most ABI_PROP_DEPTH. */
enum abi_prop_type {
    ABI_PROP_U64 = 1,
    ABI_PROP_I64 = 2,
    ABI_PROP_BOOL = 3,   /* value: 8 bytes, 0 or 1 */
    ABI_PROP_STRING = 4, /* any bytes, not terminated */
    ABI_PROP_OBJECT = 5,
    ABI_PROP_LIST = 6,
    ABI_PROP_END = 7,
    ABI_PROP_MESSAGE = 8, /* value: abi_message; words are the host's */
};
#define ABI_PROP_DEPTH 8u

struct abi_prop {
    uint16_t type;
    uint16_t key_length;
    uint32_t value_length;
};
_Static_assert(sizeof(struct abi_prop) == 8, "abi_prop");
ABI_AT(abi_prop, key_length, 2);
ABI_AT(abi_prop, value_length, 4);

enum abi_stream {
    ABI_STREAM_OUT = 1,    /* stdout, as it is */
    ABI_STREAM_ERR = 2,    /* stderr, as it is */
    ABI_STREAM_REPORT = 3, /* stderr, behind "program: " */
};

/* A message of a check or a warning, told as a number and its values. Bytes
 * behind the struct in the value of the record are its text ({s}). */
struct abi_message {
    int32_t code;    /* enum fmt_status */
    uint32_t stream; /* enum abi_stream */
    uint64_t arg[6];
};
_Static_assert(sizeof(struct abi_message) == 56, "abi_message");
ABI_AT(abi_message, stream, 4);
ABI_AT(abi_message, arg, 8);

#endif
