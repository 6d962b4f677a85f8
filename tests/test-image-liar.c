/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What images do when the cell lies. The cell's room is replaced here by a
 * liar: its answers are whole (cell.h promises that) but mean no good. Each must
 * end in an error, never outside a buffer or in a loop.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "abi/props.h"
#include "cell/cell.h"
#include "image/image.h"
#include "tests/testutil.h"

#define CLUSTER 65536u
#define SIZE ((guint64)64 << 20)
#define WINDOW (1u << 20)

/* ---- the liar ------------------------------------------------------------------- */

typedef struct {
    struct abi_facts facts;
    guint8 props[512];
    guint32 props_length;
    guint32 facts_length; /* bytes of facts that are answered */
    struct abi_extent extent[4];
    guint n_extents;
    guint64 count, next; /* as told; usually n_extents and their end */
    guint64 taken;       /* WRITE */
    gint64 coded;        /* result of each piece of coding work */
    guint64 moved;       /* added to the addresses of coding work in the answer */
    guint calls;
} Lie;

static Lie lie;

struct Cell {
    guint handles;
    guint8 window[WINDOW];
};

G_DEFINE_QUARK(test - liar - cell - error - quark, cell_error)

Cell *cell_start(const CellConfig *config, GError **error)
{
    return g_new0(Cell, 1);
}

void cell_free(Cell *cell)
{
    g_free(cell);
}

int cell_attach(Cell *cell, IoFile *file, CellRights rights, guint64 max_size, GError **error)
{
    return (int)cell->handles++;
}

void cell_set_bound(Cell *cell, guint handle, guint64 max_size)
{
}

guint8 *cell_window(Cell *cell, guint cpu, guint64 *ret_address, gsize *ret_size, GError **error)
{
    *ret_address = 0x20000000;
    *ret_size = WINDOW;
    return cell->window;
}

static void answer(CellCall *call, const void *bytes, gsize length)
{
    g_assert_cmpuint(length, <=, call->out_size);
    memcpy(call->out, bytes, length);
    call->out_length = length;
}

static void answer_open(CellCall *call)
{
    guint8 out[sizeof lie.facts + sizeof lie.props];

    memcpy(out, &lie.facts, sizeof lie.facts);
    memcpy(out + lie.facts_length, lie.props, lie.props_length);
    answer(call, out, lie.facts_length + lie.props_length);
}

static void answer_codec(CellCall *call)
{
    struct abi_codec work[ABI_MAX_CODEC];

    memcpy(work, call->in, call->in_length);
    for (guint i = 0; i < call->arg[0]; i++) {
        work[i].result = lie.coded;
        work[i].out_address += lie.moved;
        work[i].in_address += lie.moved;
    }
    answer(call, work, call->in_length);
}

gboolean cell_call(Cell *cell, CellCall *call, GError **error)
{
    struct abi_probe probe = { .format = ABI_FORMAT_QCOW2 };

    call->out_length = 0;
    memset(&call->result, 0, sizeof call->result);
    if (++lie.calls > 1000) {
        g_error("the image goes on asking");
    }
    switch (call->op) {
    case ABI_JOB_PROBE:
        answer(call, &probe, sizeof probe);
        break;
    case ABI_JOB_OPEN:
        answer_open(call);
        break;
    case ABI_JOB_EXTENTS:
    case ABI_JOB_WRITE:
        call->result.ret[0] = lie.count;
        call->result.ret[1] = call->op == ABI_JOB_WRITE ? lie.taken : lie.next;
        answer(call, lie.extent, MIN(lie.n_extents * sizeof *lie.extent, call->out_size));
        break;
    case ABI_JOB_CODEC:
        answer_codec(call);
        break;
    default:
        break;
    }
    return TRUE;
}

/* ---- the truth, to start from ------------------------------------------------------ */

static void be_honest(void)
{
    lie = (Lie){
        .facts = { .format = ABI_FORMAT_QCOW2,
                   .virtual_size = SIZE,
                   .cluster_size = CLUSTER,
                   .subcluster_size = CLUSTER },
        .facts_length = sizeof lie.facts,
        .extent = { { .guest_offset = 0, .length = CLUSTER, .kind = ABI_EXT_DATA } },
        .n_extents = 1,
        .count = 1,
        .next = CLUSTER,
        .taken = 1,
        .coded = CLUSTER,
    };
}

static Image *open_liar(ImageFlags flags, GError **error)
{
    g_autoptr(ImageSpec) spec = image_spec_from_name("x.img", NULL, NULL);

    g_assert_true(g_file_set_contents("x.img", "xxxxxxxxxxxxxxxx", 16, NULL));
    return image_open(spec, flags, 0, error);
}

static void test_honest(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc(CLUSTER);

    be_honest();
    img = open_liar(IMAGE_WRITE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(image_size(img), ==, SIZE);
    g_assert_true(image_read(img, 0, buf, CLUSTER, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(buf[0], ==, 'x');
    g_assert_true(image_write(img, 0, buf, CLUSTER, &error));
    g_assert_no_error(error);
    lie.extent[0].kind = ABI_EXT_COOKED;
    lie.extent[0].stored_length = 1000;
    g_assert_true(image_read(img, 0, buf, CLUSTER, &error));
    g_assert_no_error(error);
}

/* ---- lies about the image ------------------------------------------------------------- */

typedef struct {
    const char *name;
    void (*tell)(void);
} LieRow;

#define TELL(name, ...)                                                                            \
    static void tell_##name(void)                                                                  \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }

TELL(facts_short, lie.facts_length = 20)
TELL(size_huge, lie.facts.virtual_size = G_MAXUINT64)
TELL(size_near, lie.facts.virtual_size = G_MAXINT64)
TELL(cluster_odd, lie.facts.cluster_size = 65535)
TELL(cluster_huge, lie.facts.cluster_size = 1u << 31)
TELL(subcluster_zero, lie.facts.subcluster_size = 0)
TELL(subcluster_above, lie.facts.subcluster_size = CLUSTER * 2)
TELL(props_cut, lie.props_length = 5)
TELL(props_unknown, lie.props[0] = 99; lie.props_length = 8)
TELL(props_long, lie.props[0] = ABI_PROP_STRING; memset(lie.props + 4, 0xff, 4);
     lie.props_length = 8)
TELL(props_open, lie.props[0] = ABI_PROP_OBJECT; lie.props_length = 8)

static const LieRow open_rows[] = {
    { "facts-short", tell_facts_short },           { "size-huge", tell_size_huge },
    { "size-near-limit", tell_size_near },         { "cluster-odd", tell_cluster_odd },
    { "cluster-huge", tell_cluster_huge },         { "subcluster-zero", tell_subcluster_zero },
    { "subcluster-above", tell_subcluster_above }, { "props-cut", tell_props_cut },
    { "props-unknown", tell_props_unknown },       { "props-long", tell_props_long },
    { "props-unclosed", tell_props_open },
};

static void test_open(gconstpointer data)
{
    const LieRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;

    be_honest();
    row->tell();
    img = open_liar(IMAGE_NO_IO | IMAGE_NO_BACKING, &error);
    g_assert_null(img);
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT);
}

/* Names may be anything: a path is a path. */
static void test_names(void)
{
    struct props_writer w = { lie.props, sizeof lie.props, 0, false };
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;

    be_honest();
    props_bytes(&w, "backing-file", "a\0b", 3);
    props_bytes(&w, "backing-format", "\033[2J", 4);
    props_object(&w, "data-file");
    props_string(&w, "data-file", "nested");
    props_end(&w);
    lie.props_length = w.used;
    img = open_liar(IMAGE_NO_IO | IMAGE_NO_BACKING, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(image_backing_name(img), ==, "a");
    g_assert_null(image_data_file(img));
    g_clear_pointer(&img, image_unref);
    img = open_liar(0, &error);
    g_assert_null(img);
    g_assert_cmpstr(error->message, ==,
                    "Could not open 'x.img': Could not open backing file: "
                    "Unknown driver '\\x1b[2J'");
}

/* What a terminal would obey, is shown and not sent. */
static void test_names_shown(void)
{
    struct props_writer w = { lie.props, sizeof lie.props, 0, false };
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;

    be_honest();
    props_string(&w, "backing-file", "a\nb\033[2J\377");
    props_string(&w, "backing-format", "raw");
    lie.props_length = w.used;
    img = open_liar(0, &error);
    g_assert_null(img);
    g_assert_cmpstr(error->message, ==,
                    "Could not open 'x.img': Could not open backing file: Could "
                    "not open 'a\\x0ab\\x1b[2J\\xff': No such file or directory");
    g_clear_error(&error);

    be_honest();
    w = (struct props_writer){ lie.props, sizeof lie.props, 0, false };
    props_string(&w, "data-file", "\033c");
    lie.props_length = w.used;
    lie.facts.flags = ABI_FACT_DATA_FILE;
    img = open_liar(0, &error);
    g_assert_null(img);
    g_assert_cmpstr(error->message, ==,
                    "Could not open 'x.img': Could not open '\\x1bc': No such "
                    "file or directory");
}

/* ---- lies about extents ----------------------------------------------------------------- */

TELL(gap, lie.extent[0].guest_offset = 512)
TELL(empty, lie.extent[0].length = 0; lie.next = 0)
TELL(none, lie.count = lie.n_extents = 0; lie.next = 0)
TELL(none_but_on, lie.count = lie.n_extents = 0)
TELL(more_than_asked, lie.extent[0].length = SIZE * 2; lie.next = SIZE * 2)
TELL(wraps, lie.extent[0].length = G_MAXUINT64; lie.next = G_MAXUINT64)
TELL(kind, lie.extent[0].kind = 77)
TELL(kind_of_write, lie.extent[0].kind = ABI_EXT_FILL_OLD)
TELL(handle, lie.extent[0].handle = 1)
TELL(handle_huge, lie.extent[0].handle = G_MAXUINT32)
TELL(offset, lie.extent[0].file_offset = G_MAXUINT64 - 100)
TELL(offset_near, lie.extent[0].file_offset = G_MAXINT64 - 100)
TELL(count, lie.count = 2)
TELL(count_huge, lie.count = G_MAXUINT64)
TELL(next_off, lie.next = CLUSTER * 2)
TELL(next_back, lie.next = 0)
TELL(overlap, lie.extent[1] = lie.extent[0]; lie.count = lie.n_extents = 2)
TELL(cooked_long, lie.extent[0].kind = ABI_EXT_COOKED; lie.extent[0].stored_length = 1u << 30)
TELL(cooked_wide, lie.extent[0].kind = ABI_EXT_COOKED; lie.extent[0].length = CLUSTER * 2;
     lie.next = CLUSTER * 2)
TELL(cooked_end, lie.extent[0].kind = ABI_EXT_COOKED;
     lie.extent[0].file_offset = G_MAXINT64 - CLUSTER; lie.extent[0].stored_length = CLUSTER * 2)
TELL(no_cluster, lie.extent[0].kind = ABI_EXT_COOKED; lie.facts.cluster_size = 0)
TELL(coded_short, lie.extent[0].kind = ABI_EXT_COOKED; lie.coded = 100)
TELL(coded_long, lie.extent[0].kind = ABI_EXT_COOKED; lie.coded = CLUSTER + 1)
TELL(coded_broken, lie.extent[0].kind = ABI_EXT_COOKED; lie.coded = -7)
TELL(coded_huge, lie.extent[0].kind = ABI_EXT_COOKED; lie.coded = G_MAXINT64)

static const LieRow read_rows[] = {
    { "gap", tell_gap },
    { "empty", tell_empty },
    { "none", tell_none },
    { "none-but-on", tell_none_but_on },
    { "more-than-asked", tell_more_than_asked },
    { "wraps", tell_wraps },
    { "kind", tell_kind },
    { "kind-of-write", tell_kind_of_write },
    { "handle", tell_handle },
    { "handle-huge", tell_handle_huge },
    { "offset", tell_offset },
    { "offset-near-limit", tell_offset_near },
    { "count", tell_count },
    { "count-huge", tell_count_huge },
    { "next-off", tell_next_off },
    { "next-back", tell_next_back },
    { "overlap", tell_overlap },
    { "cooked-long", tell_cooked_long },
    { "cooked-wide", tell_cooked_wide },
    { "cooked-end", tell_cooked_end },
    { "no-cluster", tell_no_cluster },
    { "coded-short", tell_coded_short },
    { "coded-long", tell_coded_long },
    { "coded-broken", tell_coded_broken },
    { "coded-huge", tell_coded_huge },
};

static void test_read(gconstpointer data)
{
    const LieRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc(CLUSTER * 2);

    be_honest();
    row->tell();
    img = open_liar(0, &error);
    g_assert_no_error(error);
    g_assert_false(image_read(img, 0, buf, CLUSTER * 2, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(image_read(img, 100, buf, 200, &error));
    g_assert_nonnull(error);
}

/* Where the answer says the bytes are, does not matter: they are where we said. */
static void test_moved(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc(CLUSTER);

    be_honest();
    lie.extent[0].kind = ABI_EXT_COOKED;
    lie.extent[0].stored_length = 1000;
    lie.moved = (guint64)1 << 40;
    img = open_liar(0, &error);
    g_assert_true(image_read(img, 0, buf, CLUSTER, &error));
    g_assert_no_error(error);
}

/* ---- lies about writing -------------------------------------------------------------------- */

TELL(nothing_taken, lie.taken = 0; lie.count = lie.n_extents = 0)
TELL(write_elsewhere, lie.extent[0].guest_offset = CLUSTER)
TELL(write_before, lie.extent[0].guest_offset = G_MAXINT64)
TELL(write_longer, lie.extent[0].length = CLUSTER * 4)
TELL(write_kind, lie.extent[0].kind = ABI_EXT_LINK)
TELL(write_zero_kind, lie.extent[0].kind = ABI_EXT_ZERO)

static const LieRow write_rows[] = {
    { "nothing-taken", tell_nothing_taken },
    { "elsewhere", tell_write_elsewhere },
    { "far-behind", tell_write_before },
    { "longer", tell_write_longer },
    { "kind", tell_write_kind },
    { "zero-kind", tell_write_zero_kind },
    { "handle", tell_handle },
    { "offset", tell_offset },
    { "empty", tell_empty },
    { "count", tell_count },
    { "count-huge", tell_count_huge },
};

static void test_write(gconstpointer data)
{
    const LieRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc0(CLUSTER);

    be_honest();
    row->tell();
    img = open_liar(IMAGE_WRITE, &error);
    g_assert_no_error(error);
    g_assert_false(image_write(img, 0, buf, CLUSTER, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    lie.calls = 0;
    if (lie.count != 0 || lie.taken == 0) {
        g_assert_false(image_write_zeroes(img, 0, CLUSTER, TRUE, &error));
        g_assert_nonnull(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image-liar/honest", test_honest);
    for (guint i = 0; i < G_N_ELEMENTS(open_rows); i++) {
        g_autofree char *path = g_strconcat("/image-liar/open/", open_rows[i].name, NULL);
        g_test_add_data_func(path, &open_rows[i], test_open);
    }
    g_test_add_func("/image-liar/names", test_names);
    g_test_add_func("/image-liar/names-shown", test_names_shown);
    for (guint i = 0; i < G_N_ELEMENTS(read_rows); i++) {
        g_autofree char *path = g_strconcat("/image-liar/read/", read_rows[i].name, NULL);
        g_test_add_data_func(path, &read_rows[i], test_read);
    }
    g_test_add_func("/image-liar/moved", test_moved);
    for (guint i = 0; i < G_N_ELEMENTS(write_rows); i++) {
        g_autofree char *path = g_strconcat("/image-liar/write/", write_rows[i].name, NULL);
        g_test_add_data_func(path, &write_rows[i], test_write);
    }
    return g_test_run();
}
