/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's driver writes a bitmap front to back, a cluster at a time. So several sources are
 * taken together: what each has for the disk behind one cluster of the target's bits, then for the
 * next. How bits of one granularity become those of another is the driver's.
 */
#include "config.h"

#include "copy/bitmap-ask.h"
#include "copy/bitmap-merge.h"

struct BitmapMerge {
    Image *source;
    CopyBitmap *bitmap;
    guint64 bytes;  /* of bits in all */
    guint64 at;     /* byte to go on reading from */
    GBytes *answer; /* that the bits stand in */
    BitmapBits bits;
    gboolean over;
};

BitmapMerge *bitmap_merge_new(Image *source, const CopyBitmap *bitmap, guint64 size)
{
    BitmapMerge *m = g_new0(BitmapMerge, 1);
    guint64 g = MAX(bitmap->granularity, 1);

    m->source = source;
    m->bitmap = g_memdup2(bitmap, sizeof *bitmap);
    g_bytes_ref(m->bitmap->name);
    m->bytes = (size / g + (size % g != 0) + 7) / 8;
    return m;
}

void bitmap_merge_free(BitmapMerge *m)
{
    g_clear_pointer(&m->answer, g_bytes_unref);
    copy_bitmap_free(m->bitmap);
    g_free(m);
}

/* Bytes of disk that a byte of its bits is about. */
static guint64 stride(const BitmapMerge *m)
{
    return 8 * m->bitmap->granularity;
}

/* Where on the disk its next bits begin. */
static guint64 position(const BitmapMerge *m)
{
    return m->bits.at * stride(m);
}

static gboolean refill(BitmapMerge *m, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    if (m->over || m->bits.n > 0) {
        return TRUE;
    }
    g_clear_pointer(&m->answer, g_bytes_unref);
    bitmap_question_begin(&q, "read", 0);
    bitmap_question_name(&q, m->bitmap);
    props_u64(&q.props, "at", m->at);
    m->answer = bitmap_ask(m->source, &q, error);
    if (m->answer == NULL) {
        return FALSE;
    }
    m->over = !bitmap_bits(m->answer, m->at, &m->bits) || m->bits.at >= m->bytes;
    if (m->over) {
        m->bits.n = 0;
    } else {
        m->bits.n = (guint32)MIN(m->bits.n, m->bytes - m->bits.at);
        m->at = m->bits.at + m->bits.n;
    }
    return TRUE;
}

/* Its first n bytes of bits, as far as they are about [from, to) of the disk. */
static gboolean put(const BitmapMerge *m, guint32 n, guint64 from, guint64 to, Image *target,
                    const CopyBitmap *bitmap, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    bitmap_question_begin(&q, "merge", n);
    bitmap_question_name(&q, bitmap);
    props_u64(&q.props, "granularity", m->bitmap->granularity);
    props_u64(&q.props, "from", from);
    props_u64(&q.props, "to", to);
    props_u64(&q.props, "at", m->bits.at);
    props_bytes(&q.props, "bits", m->bits.bytes, n);
    return bitmap_tell(target, &q, error);
}

static void skip(BitmapMerge *m, guint32 n)
{
    m->bits.at += n;
    m->bits.bytes += n;
    m->bits.n -= n;
}

/* What they have up to the disk offset end; what lies in front of start was put before. */
static gboolean put_window(GPtrArray *merges, guint64 start, guint64 end, Image *target,
                           const CopyBitmap *bitmap, GError **error)
{
    for (guint i = 0; i < merges->len; i++) {
        BitmapMerge *m = merges->pdata[i];

        if (m->bits.n > 0 && position(m) < end) {
            guint64 room = end - position(m), unit = stride(m);
            guint32 n = (guint32)MIN(m->bits.n, room / unit + (room % unit != 0));

            if (!put(m, n, start, end, target, bitmap, error)) {
                return FALSE;
            }
            /* a byte that goes on behind the end is needed again */
            skip(m, (guint32)MIN(m->bits.n, room / unit));
        }
    }
    return TRUE;
}

gboolean bitmap_merge_all(GPtrArray *merges, Image *target, const CopyBitmap *bitmap,
                          GError **error)
{
    guint64 window = 8 * (guint64)image_facts(target)->cluster_size * bitmap->granularity;
    guint64 done = 0;

    for (;;) {
        guint64 first = G_MAXUINT64;
        BitmapMerge *last = NULL;
        guint live = 0;

        for (guint i = 0; i < merges->len; i++) {
            BitmapMerge *m = merges->pdata[i];

            if (!refill(m, error)) {
                return FALSE;
            }
            if (m->bits.n > 0) {
                first = MIN(first, position(m));
                last = m;
                live++;
            }
        }
        if (live == 0) {
            return TRUE;
        }
        if (live == 1) {
            if (!put(last, last->bits.n, done, 0, target, bitmap, error)) {
                return FALSE;
            }
            skip(last, last->bits.n);
            continue;
        }
        first = MAX(first, done);
        done = (first / window + 1) * window;
        if (!put_window(merges, first / window * window, done, target, bitmap, error)) {
            return FALSE;
        }
    }
}
