/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/zero.h"
#include "copy-double.h"

/* Coded clusters hold one byte, repeated: this many bytes tell it. */
#define CODED_LENGTH 16u

typedef struct {
    char state; /* as in double_map() */
    guint64 offset;
    gboolean linked;
    guint job; /* that answered it */
} Cluster;

struct Image {
    gint refs;
    guint64 size;
    guint32 format;
    struct abi_facts facts;
    Image *backing;
    IoFile *file;
    guint8 salt;
    GArray *extents;
    guint64 bad_extents, bad_extents_end, bad_read, bad_read_end;
    GMutex lock;
    GArray *clusters; /* Cluster */
    guint64 end;      /* of the target's file */
    guint plans, asked, fail_plan;
    int fail_errno; /* 0: ENOSPC */
};

G_DEFINE_QUARK(double - image - error, image_error)

guint8 double_byte(guint64 offset, guint8 salt)
{
    return 1 + (offset / 7 + offset / 4096 * 31 + salt * 101u) % 255;
}

Image *double_source(guint64 size, const struct abi_extent *extents, guint n, Image *backing)
{
    Image *img = g_new0(Image, 1);

    img->refs = 1;
    img->size = size;
    img->format = ABI_FORMAT_QED;
    img->facts.cluster_size = 65536;
    img->facts.codec = ABI_CODEC_DEFLATE;
    img->extents = g_array_new(FALSE, FALSE, sizeof(struct abi_extent));
    g_array_append_vals(img->extents, extents, n);
    img->backing = backing;
    g_mutex_init(&img->lock);
    return img;
}

void double_set_salt(Image *img, guint8 salt)
{
    img->salt = salt;
}

void double_fail_extents(Image *img, guint64 start, guint64 length)
{
    img->bad_extents = start;
    img->bad_extents_end = start + length;
}

void double_fail_read(Image *img, guint64 start, guint64 length)
{
    img->bad_read = start;
    img->bad_read_end = start + length;
}

Image *double_target(const char *path, guint64 size, guint32 cluster, guint32 codec)
{
    g_autoptr(GError) error = NULL;
    Image *img = double_source(size, NULL, 0, NULL);

    img->format = cluster ? ABI_FORMAT_QCOW2 : ABI_FORMAT_RAW;
    img->facts.cluster_size = cluster;
    img->facts.codec = codec;
    img->file = io_open(path, IO_WRITE | IO_CREATE | IO_NO_LOCK, &error);
    g_assert_no_error(error);
    img->clusters = g_array_new(FALSE, TRUE, sizeof(Cluster));
    g_array_set_size(img->clusters, cluster ? (guint)div_up(size, cluster) : 0);
    for (guint i = 0; i < img->clusters->len; i++) {
        g_array_index(img->clusters, Cluster, i).state = '.';
    }
    img->end = 4096;
    return img;
}

void double_fail_plan(Image *img, guint n)
{
    img->fail_plan = n;
}

void double_fail_plan_errno(Image *img, int number)
{
    img->fail_errno = number;
}

void double_set_backing(Image *img, Image *backing)
{
    img->backing = backing;
}

guint double_plans(const Image *img)
{
    return img->plans;
}

Image *image_ref(Image *img)
{
    g_atomic_int_inc(&img->refs);
    return img;
}

void image_unref(Image *img)
{
    if (img && g_atomic_int_dec_and_test(&img->refs)) {
        g_clear_pointer(&img->backing, image_unref);
        g_clear_pointer(&img->file, io_unref);
        g_clear_pointer(&img->clusters, g_array_unref);
        g_array_unref(img->extents);
        g_mutex_clear(&img->lock);
        g_free(img);
    }
}

guint64 image_size(const Image *img)
{
    return img->size;
}

guint64 image_start(const Image *img)
{
    return 0;
}

gboolean image_has_driver(const Image *img)
{
    return img->format != ABI_FORMAT_RAW;
}

const struct abi_facts *image_facts(const Image *img)
{
    return &img->facts;
}

gboolean image_backing_stale(const Image *img)
{
    return FALSE;
}

gboolean image_refuse_stale(GError **error)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EINVAL));
    return FALSE;
}

Image *image_backing(const Image *img)
{
    return img->backing;
}

const char *image_filename(const Image *img)
{
    return "double";
}

IoFile *image_file(const Image *img)
{
    return img->file;
}

IoFile *image_file_by_handle(Image *img, guint32 handle)
{
    return img->file;
}

gboolean image_store(Image *img, const struct abi_extent *e, const guint8 *bytes, guint worker,
                     GError **error)
{
    IoFile *file = image_file_by_handle(img, e->handle);

    return bytes != NULL ? io_pwrite(file, e->file_offset, bytes, (gsize)e->length, error)
                         : io_zero(file, e->file_offset, e->length, FALSE, error);
}

static gboolean fail(GError **error)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
    return FALSE;
}

GBytes *image_info(Image *img, guint32 part, GError **error)
{
    fail(error);
    return NULL;
}

gboolean image_extents(Image *img, guint64 start, guint64 length, struct abi_extent *out, guint max,
                       guint *ret_count, guint64 *ret_next, GError **error)
{
    guint64 end = MIN(start + length, img->size), at = start;
    guint n = 0;

    if (ranges_overlap(start, 1, img->bad_extents, img->bad_extents_end - img->bad_extents)) {
        return fail(error);
    }
    if (img->bad_extents >= start && img->bad_extents_end > img->bad_extents) {
        end = MIN(end, img->bad_extents);
    }
    for (guint i = 0; i < img->extents->len && at < end && n < max; i++) {
        struct abi_extent e = g_array_index(img->extents, struct abi_extent, i);
        guint64 e_end = MIN(e.guest_offset + e.length, end);
        if (e_end <= at || e.guest_offset >= end) {
            continue;
        }
        if (e.guest_offset > at) {
            out[n++] = (struct abi_extent){ .guest_offset = at,
                                            .length = e.guest_offset - at,
                                            .kind = ABI_EXT_HOLE };
            at = e.guest_offset;
            i--;
            continue;
        }
        guint64 skip = at - e.guest_offset;
        e.guest_offset = at;
        e.length = e_end - at;
        e.file_offset += e.kind == ABI_EXT_COOKED ? 0 : skip;
        out[n++] = e;
        at = e_end;
    }
    if (at < end && n < max) {
        out[n++] =
            (struct abi_extent){ .guest_offset = at, .length = end - at, .kind = ABI_EXT_HOLE };
        at = end;
    }
    *ret_count = n;
    *ret_next = at;
    return TRUE;
}

/* Every byte of a source, whichever way it is stored, is that of its guest offset. */
gboolean image_read_extent(Image *img, const struct abi_extent *e, void *buf, guint worker,
                           GError **error)
{
    guint8 *bytes = buf;

    if (ranges_overlap(e->guest_offset, e->length, img->bad_read,
                       img->bad_read_end - img->bad_read)) {
        return fail(error);
    }
    for (guint64 i = 0; i < e->length; i++) {
        bytes[i] = double_byte(e->guest_offset + i, img->salt);
        /* Zeros inside data: every third block of 4 KiB. */
        if ((e->guest_offset + i) / 4096 % 3 == 2) {
            bytes[i] = 0;
        }
    }
    return TRUE;
}

gboolean image_read_extents(Image *img, const struct abi_extent *e, guint n, void *buf,
                            guint worker, GError **error)
{
    guint8 *to = buf;

    for (guint i = 0; i < n; to += e[i++].length) {
        g_assert_cmpuint(e[i].guest_offset, ==, e[0].guest_offset + (guint64)(to - (guint8 *)buf));
        if (!image_read_extent(img, &e[i], to, worker, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_read(Image *img, guint64 offset, void *buf, gsize length, GError **error)
{
    for (gsize done = 0; done < length;) {
        struct abi_extent e;
        guint count;
        guint64 next;
        if (!image_extents(img, offset + done, length - done, &e, 1, &count, &next, error)) {
            return FALSE;
        }
        memset((guint8 *)buf + done, 0, e.length);
        if (e.kind == ABI_EXT_COOKED &&
            !image_read_extent(img, &e, (guint8 *)buf + done, 0, error)) {
            return FALSE;
        }
        if (e.kind == ABI_EXT_HOLE && img->backing && e.guest_offset < img->backing->size &&
            !image_read(img->backing, e.guest_offset, (guint8 *)buf + done,
                        MIN(e.length, img->backing->size - e.guest_offset), error)) {
            return FALSE;
        }
        done += e.length;
    }
    return TRUE;
}

gboolean image_code(Image *img, guint worker, ImageCode *work, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        const guint8 *in = work[i].in;
        g_assert_cmpint(work[i].direction, ==, ABI_ENCODE);
        work[i].result = 0;
        if (!memcmp(in, in + 1, work[i].in_length - 1)) {
            g_assert_cmpuint(work[i].out_length, >=, CODED_LENGTH);
            memset(work[i].out, in[0], CODED_LENGTH);
            work[i].result = CODED_LENGTH;
        }
    }
    return TRUE;
}

static void answer(struct abi_extent *out, guint *count, guint16 kind, guint64 guest,
                   guint64 length, guint64 offset)
{
    if (length) {
        out[(*count)++] = (struct abi_extent){
            .kind = kind, .guest_offset = guest, .length = length, .file_offset = offset
        };
    }
}

/* One cluster's share of a question; from and to are bytes in it. */
static void place(Image *img, const struct abi_extent *q, guint64 index, guint64 from, guint64 to,
                  struct abi_extent *out, guint *count)
{
    guint64 size = img->facts.cluster_size;
    Cluster *c = &g_array_index(img->clusters, Cluster, index);
    guint64 guest = index * size;

    switch (q->kind) {
    case ABI_EXT_LINK:
        g_assert_cmpint(c->state, !=, '.');
        c->linked = TRUE;
        return;
    case ABI_EXT_ABORT:
        g_assert_cmpint(c->state, !=, '.');
        if (!c->linked) {
            c->state = '.';
        }
        return;
    case ABI_EXT_ZERO:
        c->state = '0';
        c->linked = TRUE;
        return;
    case ABI_EXT_COOKED:
        g_assert_cmpint(c->state, ==, '.');
        *c = (Cluster){ 'C', img->end, FALSE, img->plans };
        answer(out, count, ABI_EXT_COOKED, guest + from, to - from, img->end);
        img->end += q->stored_length;
        return;
    default:
        break;
    }
    gboolean fresh = c->state == '.';
    if (fresh) {
        img->end = align_up(img->end, size);
        *c = (Cluster){ 'D', img->end, FALSE, img->plans };
        img->end += size;
        answer(out, count, ABI_EXT_FILL_ZERO, guest, from, c->offset);
    }
    answer(out, count, ABI_EXT_DATA, guest + from, to - from, c->offset + from);
    if (fresh) {
        answer(out, count, ABI_EXT_FILL_ZERO, guest + to, size - to, c->offset + to);
    }
}

/* As a real driver does: a cluster that an earlier job answered must be linked first. */
static gboolean is_promised(Image *img, const struct abi_extent *q)
{
    guint64 size = img->facts.cluster_size;

    for (guint64 i = q->guest_offset / size; i * size < q->guest_offset + q->length; i++) {
        const Cluster *c = &g_array_index(img->clusters, Cluster, i);
        if (q->kind != ABI_EXT_LINK && q->kind != ABI_EXT_ABORT && c->state != '.' && !c->linked &&
            c->job != img->plans) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean image_write_plan(Image *img, const struct abi_extent *in, guint n_in,
                          struct abi_extent *out, guint max, guint *ret_count, guint *ret_taken,
                          GError **error)
{
    guint count = 0, taken = 0;
    guint64 size = img->facts.cluster_size;

    g_assert_cmpuint(n_in, >, 0);
    g_mutex_lock(&img->lock);
    img->plans++;
    for (; taken < n_in; taken++) {
        const struct abi_extent *q = &in[taken];
        if (q->kind == ABI_EXT_COOKED && !q->length && !q->guest_offset) {
            continue; /* coded clusters have come to an end */
        }
        g_assert_cmpuint(q->length, >, 0);
        if (!size) {
            if (count == max) {
                break;
            }
            answer(out, &count, ABI_EXT_DATA, q->guest_offset, q->length, q->guest_offset);
            continue;
        }
        guint64 end = q->guest_offset + q->length;
        if (count + 3 * (q->length / size + 2) > max || is_promised(img, q)) {
            break;
        }
        if ((q->kind == ABI_EXT_DATA || q->kind == ABI_EXT_COOKED) &&
            img->asked + 1 == img->fail_plan) {
            if (taken) {
                break;
            }
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO,
                                g_strerror(img->fail_errno ? img->fail_errno : ENOSPC));
            g_mutex_unlock(&img->lock);
            return FALSE;
        }
        img->asked += q->kind == ABI_EXT_DATA || q->kind == ABI_EXT_COOKED;
        for (guint64 at = q->guest_offset; at < end; at = align_down(at, size) + size) {
            guint64 base = align_down(at, size);
            place(img, q, base / size, at - base, MIN(end - base, size), out, &count);
        }
    }
    g_mutex_unlock(&img->lock);
    *ret_count = count;
    *ret_taken = taken;
    return TRUE;
}

GBytes *double_content(Image *img)
{
    guint64 size = img->facts.cluster_size ? img->facts.cluster_size : img->size;
    guint8 *bytes = g_malloc0(align_up(img->size, is_power_of_two(size) ? size : 1));
    g_autoptr(GError) error = NULL;

    if (!img->facts.cluster_size) {
        io_pread(img->file, 0, bytes, img->size, NULL, &error);
    }
    for (guint i = 0; i < img->clusters->len; i++) {
        const Cluster *c = &g_array_index(img->clusters, Cluster, i);
        guint8 *at = bytes + i * size;
        if (c->linked && c->state == 'D') {
            io_pread(img->file, c->offset, at, size, NULL, &error);
        } else if (c->linked && c->state == 'C') {
            io_pread(img->file, c->offset, at, CODED_LENGTH, NULL, &error);
            memset(at, at[0], size);
        }
        g_assert_no_error(error);
    }
    return g_bytes_new_take(bytes, img->size);
}

char *double_map(Image *img)
{
    GString *map = g_string_new(NULL);

    for (guint i = 0; i < img->clusters->len; i++) {
        const Cluster *c = &g_array_index(img->clusters, Cluster, i);
        g_string_append_c(map, c->state == '.' || c->linked ? c->state : '?');
    }
    return g_string_free(map, FALSE);
}
