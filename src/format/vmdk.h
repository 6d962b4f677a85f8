/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmdk, monolithicSparse: one file with a header, a text that describes the
 * disk, two grain directories with their tables, and grains.
 *
 * Facts about the layout are those of VMware's "Virtual Disk Format 5.0",
 * section "Hosted Sparse Extents". Sectors are of 512 bytes, numbers little endian.
 * A grain directory's entry is the sector of a grain table, a table's the sector
 * of a grain; 0 is "not there", and 1 is "reads as zeros" where the header says so.
 */
#ifndef INSTAR_VMDK_H
#define INSTAR_VMDK_H

#include "base/checked.h"
#include "base/endian.h"
#include "format/format.h"
#include "format/vmdk-status.h"

#define VMDK_SECTOR 512u
#define VMDK_MAX_VERSION 3u
#define VMDK_NO_PARENT UINT32_MAX
#define VMDK_FLAG_REDUNDANT (1u << 1) /* the second grain directory is kept up to date */
#define VMDK_FLAG_ZEROED (1u << 2)    /* an entry of 1 reads as zeros */
#define VMDK_COMPRESSION_DEFLATE 1u
#define VMDK_GD_AT_END UINT64_MAX /* the header that counts stands at the end of the file */
#define VMDK_ENTRY_ZERO 1u

/* Limits, those of qemu-img but for the grain's. */
#define VMDK_MAX_GTES 512u                          /* entries in a grain table */
#define VMDK_MAX_GRAIN (2u << 20)                   /* bytes; qemu-img: 1 GiB */
#define VMDK_MAX_GRAIN_SECTORS 0x200000ull          /* above is "invalid" */
#define VMDK_MAX_TABLES (32u << 20)                 /* entries in a grain directory */
#define VMDK_MAX_NAME 4095u                         /* bytes of parentFileNameHint */
#define VMDK_MAX_CAPACITY (INT64_MAX / VMDK_SECTOR) /* sectors */
#define VMDK_MAX_FILE 0x7fffffffc0000000ull         /* bytes: behind it qemu-img reads nothing */

/* Where qemu-img looks for the text, and how much of it. */
#define VMDK_TEXT_OFFSET 512u
#define VMDK_TEXT_SIZE (20u * VMDK_SECTOR)

/* SparseExtentHeader, what is used of it. Sizes and places in sectors. */
struct vmdk_header {
    uint32_t version, flags;
    uint64_t capacity, grain_size;
    uint64_t text_offset;
    uint32_t n_gtes;
    uint64_t rgd, gd;  /* places of the redundant and of the first directory */
    uint64_t overhead; /* sectors in front of the first grain */
    uint16_t compression;
};

/* Bytes of the text. */
struct vmdk_text {
    const char *bytes;
    uint32_t length;
};

/* A grain table in memory. The cache is direct-mapped: table number n is in slot n % VMDK_SLOTS. */
#define VMDK_SLOTS 1024u
struct vmdk_table {
    uint8_t *entries;   /* le32[n_gtes]; NULL: the slot is empty */
    uint64_t number;    /* in the grain directory */
    uint64_t place;     /* bytes in the file; 0: there is no table */
    uint16_t from, end; /* entries changed since it was written; none if end is 0 */
};

/* A piece of a grain directory. */
#define VMDK_PIECE 4096u
#define VMDK_PIECES 16u
struct vmdk_piece {
    uint8_t *bytes;
    uint64_t place; /* bytes in the file */
};

struct vmdk_writer;

struct vmdk_state {
    struct vmdk_header header;
    uint64_t size;  /* of the disk, bytes */
    uint32_t grain; /* bytes */
    uint64_t span;  /* bytes of the disk that one table tells of */
    uint64_t n_tables;
    uint64_t file_size; /* when it was opened */
    uint32_t id, parent_id;
    char *text_bytes;        /* VMDK_TEXT_SIZE and a zero */
    struct vmdk_text parent; /* name of the backing file, in text_bytes; empty: none */
    uint64_t seed;           /* from the host, for a new content id */
    struct vmdk_table *tables;
    struct vmdk_piece pieces[VMDK_PIECES];
    uint64_t next_table; /* where a reader that goes on comes to */
    uint32_t ahead;      /* tables read for it at a time */
    struct vmdk_writer *writer;
};

/* vmdk-probe.c */
uint32_t vmdk_probe(const uint8_t *head, uint32_t length);

/* vmdk-header.c: read, and judge. *ret_plain: there is no sparse header, but maybe a text at
 * byte *ret_text. */
int vmdk_header_read(struct fmt_image *im, uint64_t file_size, struct vmdk_header *ret,
                     bool *ret_plain, uint64_t *ret_text);
int vmdk_header_judge(struct fmt_image *im, const struct vmdk_header *h, uint64_t file_size);
/* A header of VMDK_SECTOR bytes. */
void vmdk_header_store(const struct vmdk_header *h, uint8_t *bytes);

/* vmdk-text.c. The first zero byte ends a text. */
/* The text that has a value behind key, as a number in hexadecimal. FALSE: none. */
bool vmdk_text_id(struct vmdk_text text, const char *key, uint32_t *ret_id);
/* The name of the parent; empty if there is none. FALSE: it has no end, or is too long. */
bool vmdk_text_parent(struct vmdk_text text, struct vmdk_text *ret_name);
/* Between the quotes behind createType=. FALSE: it does not say. */
bool vmdk_text_type(struct vmdk_text text, struct vmdk_text *ret_type);
/* Put another content id into text_bytes. FALSE: there is no place for it. */
bool vmdk_text_set_id(char *bytes, uint32_t room, uint32_t id);
struct vmdk_text vmdk_text_of(const char *bytes, uint32_t room);

/* vmdk-open.c */
int vmdk_open(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props);
int vmdk_info(struct fmt_image *im, uint32_t part, struct props_writer *props);
/* The facts and names of an image whose state is there. */
void vmdk_tell(const struct vmdk_state *st, struct abi_facts *facts, struct props_writer *props);
/* State of a header that was judged. */
int vmdk_state_make(struct fmt_image *im, const struct vmdk_header *h, uint64_t file_size);

/* vmdk-table.c */
/* The table that tells of guest, and the entry's index in it. *ret_table stays good until the next
 * call; its place is 0 if there is none. */
int vmdk_table_get(struct fmt_image *im, uint64_t guest, struct vmdk_table **ret_table,
                   uint32_t *ret_index);
/* Where table number n is in the first directory or in the redundant one, bytes; 0: nowhere. */
int vmdk_table_place(struct fmt_image *im, bool redundant, uint64_t n, uint64_t *ret_place);
uint32_t vmdk_entry(const struct vmdk_table *table, uint32_t index);
static inline bool vmdk_is_zero(const struct vmdk_state *st, uint32_t entry)
{
    return entry == VMDK_ENTRY_ZERO && (st->header.flags & VMDK_FLAG_ZEROED);
}

/* vmdk-map.c, vmdk-check.c, vmdk-create.c */
int vmdk_extents(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                 struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint64_t *ret_next);
int vmdk_check(struct fmt_image *im, uint32_t fix, struct abi_check *ret,
               struct props_writer *messages);
int vmdk_create(struct fmt_image *im, const struct abi_create *req, struct props_reader options,
                struct abi_facts *facts, struct props_writer *props);

/* vmdk-write.c, vmdk-flush.c */
int vmdk_write(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
               struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint32_t *ret_taken);
int vmdk_flush(struct fmt_image *im);

extern const struct fmt_driver vmdk_driver;

#endif
