/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room only. */
#ifndef INSTAR_IMAGE_PRIVATE_H
#define INSTAR_IMAGE_PRIVATE_H

#include "cell/cell.h"
#include "abi/status.h"
#include "image/formats.h"
#include "image/image.h"
#include "image/options.h"

#define IMAGE_SECTOR 512u

struct ImageSpec {
    gatomicrefcount refs;
    char *name;   /* as given, for messages */
    char *format; /* NULL: probe */
    ImageOptions *options;
    char **warnings;  /* to be printed when it is opened */
    gboolean is_opts; /* of --image-opts */
};

/* ---- names (name.c) ------------------------------------------------------------- */

/* Does it begin with "something:", before any slash? */
gboolean name_has_protocol(const char *name);
/* Split a plain name: *ret_driver is "file", "host_device" or NULL (told by the file itself),
 * *ret_path is to be freed. FALSE for an unknown protocol. */
gboolean name_parse(const char *name, const char **ret_driver, char **ret_path, GError **error);

/* ---- formats (formats.c) ---------------------------------------------------------- */

typedef enum {
    DRIVER_NONE, /* not a driver's name */
    DRIVER_FORMAT,
    DRIVER_PROTOCOL, /* of bytes: file, host_device */
} DriverKind;
DriverKind driver_kind(const char *name);

/* ---- options every node has (node-options.c) --------------------------------------- */

/* How a node is to be opened; children start from their parent's. */
typedef struct {
    IoFlags io; /* IO_NO_CACHE, IO_NO_FLUSH, IO_SYNC, IO_NO_LOCK */
    gboolean force_share, read_only, unmap;
} NodeOptions;
/* needs_filename: of a node that is a file. */
gboolean node_options_take(ImageOptions *options, NodeOptions *node, gboolean writing,
                           gboolean needs_filename, GError **error);
/* What is not told of the node below is as it is above. */
void node_options_hand_down(const ImageOptions *options, ImageOptions *below);
/* FALSE and qemu's words if anything is left. what: "Block format" or "Block protocol". */
gboolean node_options_done(const ImageOptions *options, const char *driver, gboolean protocol,
                           GError **error);

/* ---- byte stores (store.c) ---------------------------------------------------------- */

/* The node below a format: a file, or a raw window of one. */
typedef struct {
    IoFile *file;   /* owned */
    char *driver;   /* "file", "host_device", "raw" */
    char *path;     /* of the innermost file */
    char *json;     /* how the node is written in a json: name */
    gboolean plain; /* path alone says everything */
} Store;
void store_clear(Store *store);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Store, store_clear)
/* Open from options (taken from). */
gboolean store_open(ImageOptions *options, const NodeOptions *inherited, gboolean writing,
                    Store *ret_store, GError **error);
/* Take offset and size of a raw node over a store: replaces store->file by a window. How they were
 * given is added to ret_strong, for store_json(). */
gboolean store_window(Store *store, ImageOptions *options, GString *ret_strong, GError **error);
/* A format node in a json: name, without "json:". strong: lines of "key": value, each with a
 * newline (JSON has none inside). Free with g_free. */
char *store_json(const char *driver, const char *strong, const char *file_json);

/* ---- images ---------------------------------------------------------------------------- */

#define IMAGE_CODECS (ABI_MAX_CPUS - 1)

/* Clusters decoded for image_read(), kept for the next part of the same one. */
typedef struct {
    guint8 *bytes; /* cluster_size; NULL: unused */
    guint64 start; /* guest offset, bytes; G_MAXUINT64: nothing */
} DecodedCluster;
#define IMAGE_DECODED 2u

/* Extents the driver answered last, for readers that go on. */
#define IMAGE_LOOKAHEAD 256u
typedef struct {
    struct abi_extent entry[IMAGE_LOOKAHEAD];
    guint count;
    guint64 start, end; /* covered guest range, bytes */
} KnownExtents;

struct Image {
    gatomicrefcount refs;
    char *filename, *path;
    char *format_name;
    guint32 format; /* enum abi_format */
    const ImageFormat *traits;
    guint64 size; /* bytes */
    ImageFlags flags;
    NodeOptions node;
    guint depth;        /* 0: the top of its chain */
    const Image *above; /* in the chain, while it is opened */

    IoFile *handles[ABI_MAX_HANDLES]; /* [0] is the file, as the cell counts them */
    guint n_handles;

    Cell *cell;    /* NULL: raw */
    GMutex driver; /* cpu 0, and what is known of its answers */
    GMutex codec[IMAGE_CODECS];
    struct abi_facts facts;

    char *backing_name, *backing_full, *backing_format, *data_name;
    char *key_secret;              /* id of what opened it; NULL: nothing did */
    char *encrypt_format;          /* "aes" or "luks"; NULL: not told */
    ImageOptions *backing_options; /* overrides of "backing.*"; NULL: none */
    gboolean backing_none;         /* "backing": null */
    ImageOptions *left;  /* nobody knew them: told once what lies below is open. NULL: none */
    gboolean probed_raw; /* and told so */
    Image *backing;
    gboolean stale; /* the backing file is not, or not any more, the one this image stands on */

    KnownExtents *known; /* guarded by driver */
    GMutex decoded_mutex;
    DecodedCluster decoded[IMAGE_DECODED];
    guint decoded_next;
};

/* One job on cpu 0, driver mutex taken inside. FALSE with qemu's words when the cell or the driver
 * says no; then *ret_errno (may be NULL) is the errno that goes with it. */
gboolean image_call_cell(Image *img, CellCall *call, gint *ret_errno, GError **error);
/* The same with the driver mutex held. */
gboolean image_call_locked(Image *img, CellCall *call, gint *ret_errno, GError **error);
/* Content changed: what is known of extents and clusters is old. */
void image_forget(Image *img);

/* Extents taken from what is known at a time. */
#define IMAGE_BATCH 32u
/* What lies at [offset, offset + length) of a layer with a cell: at least one extent, at most
 * IMAGE_BATCH, cut to the range. Answers are kept for readers that go on. */
gboolean image_next_extents(Image *img, guint64 offset, guint64 length, struct abi_extent *out,
                            guint *ret_count, GError **error);

/* May img open a file that it names? The default lets it where qemu would. */
typedef enum { GATE_BACKING, GATE_DATA_FILE } GateUse;
gboolean gate_allows(const Image *img, GateUse use, const char *name, GError **error);
/* Is a just opened image in its own chain already? */
gboolean gate_no_loop(const Image *img, const char *name, GError **error);

/* Open one layer from options (taken from); format overrides their driver. */
gboolean image_open_node(Image *img, ImageOptions *options, const char *format, GError **error);
/* Another disk is seen now: its size is ret0 of the answer, 0 if it stays. (answer.c) */
void image_take_size(Image *img, const struct abi_result *result);
/* Is there a backing file still to be opened? (chain.c) */
gboolean image_wants_backing(const Image *img);
/* Nobody said that the image is raw, and it is opened for writing. */
void image_warn_probed_raw(const Image *img);
/* What the driver answered to OPEN, in call: facts and names (answer.c). */
gboolean image_take_facts(Image *img, const CellCall *call, GError **error);
gboolean image_take_names(Image *img, const CellCall *call, GError **error);
/* What qemu-img asks of a file and leaves to others, by use; steady_too: and with IMAGE_STEADY. */
IoLock image_lock_for(const Image *img, gboolean data_file, gboolean steady_too);
/* data_options: "data-file.*" as given, NULL: what the image records. */
gboolean image_attach_data_file(Image *img, ImageOptions *data_options, GError **error);
Image *image_new(ImageFlags flags, IoFlags cache);
void image_set_format(Image *img, guint32 format, const char *name);
int image_add_handle(Image *img, IoFile *file, CellRights rights, guint64 max_size, GError **error);
/* Random bits for the ids a driver makes; a cell has none of its own. */
guint64 image_seed(void);
/* The creation options with what the host adds to them (PROPS_CREATE_NAME ...). NULL and an error if
 * a backing file that must be looked at cannot be. Free with g_bytes_unref. (create-props.c) */
GBytes *create_props(const char *filename, const char *path, GBytes *options, FormatManners manners,
                     GError **error);
/* A message about a file that an image names: without what a terminal would obey. */
void image_safe_error(GError **error);
/* How big a cell may let a file become, bytes. */
guint64 image_growth_bound(guint64 file_size, guint64 virtual_size);
/* Set it for a guest size. */
gboolean image_set_bound(Image *img, guint64 virtual_size, GError **error);

#endif
