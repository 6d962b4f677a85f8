/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of a sparse extent, or the footer that stands for it. */
#include "format/vmdk.h"

#define EIO_ 5u

/* SparseExtentHeader, "Hosted Sparse Extents": packed. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_FLAGS = 8,
    AT_CAPACITY = 12,
    AT_GRAIN_SIZE = 20,
    AT_TEXT_OFFSET = 28,
    AT_TEXT_SIZE = 36,
    AT_GTES = 44,
    AT_RGD = 48,
    AT_GD = 56,
    AT_OVERHEAD = 64,
    AT_LINE_ENDS = 73, /* what a transfer as text would spoil */
    AT_COMPRESSION = 77,
};

static const uint8_t magic[4] = { 'K', 'D', 'M', 'V' };
static const uint8_t old_magic[4] = { 'C', 'O', 'W', 'D' };
static const uint8_t line_ends[4] = { '\n', ' ', '\r', '\n' };

/* The footer: a marker, the header again, and the marker of the end of the stream. */
#define FOOTER_SIZE (3u * VMDK_SECTOR)
enum {
    MARKER_SIZE = 8, /* le32: bytes of a grain, 0 for what is not one */
    MARKER_TYPE = 12,
    MARKER_FOOTER = 3,
};

static void decode(const uint8_t *b, struct vmdk_header *h)
{
    *h = (struct vmdk_header){
        .version = le32_load(b + AT_VERSION),
        .flags = le32_load(b + AT_FLAGS),
        .capacity = le64_load(b + AT_CAPACITY),
        .grain_size = le64_load(b + AT_GRAIN_SIZE),
        .text_offset = le64_load(b + AT_TEXT_OFFSET),
        .n_gtes = le32_load(b + AT_GTES),
        .rgd = le64_load(b + AT_RGD),
        .gd = le64_load(b + AT_GD),
        .overhead = le64_load(b + AT_OVERHEAD),
        .compression = le16_load(b + AT_COMPRESSION),
    };
}

void vmdk_header_store(const struct vmdk_header *h, uint8_t *b)
{
    __builtin_memset(b, 0, VMDK_SECTOR);
    __builtin_memcpy(b + AT_MAGIC, magic, sizeof magic);
    le32_store(b + AT_VERSION, h->version);
    le32_store(b + AT_FLAGS, h->flags);
    le64_store(b + AT_CAPACITY, h->capacity);
    le64_store(b + AT_GRAIN_SIZE, h->grain_size);
    le64_store(b + AT_TEXT_OFFSET, h->text_offset);
    le64_store(b + AT_TEXT_SIZE, VMDK_TEXT_SIZE / VMDK_SECTOR);
    le32_store(b + AT_GTES, h->n_gtes);
    le64_store(b + AT_RGD, h->rgd);
    le64_store(b + AT_GD, h->gd);
    le64_store(b + AT_OVERHEAD, h->overhead);
    __builtin_memcpy(b + AT_LINE_ENDS, line_ends, sizeof line_ends);
    le16_store(b + AT_COMPRESSION, h->compression);
}

static int read_footer(struct fmt_image *im, uint64_t file_size, struct vmdk_header *h)
{
    uint8_t b[FOOTER_SIZE];
    const uint8_t *end = b + 2 * VMDK_SECTOR;

    if (file_size < FOOTER_SIZE) {
        return fmt_fail(im->env, VMDK_E_FOOTER);
    }
    int status = fmt_read(im->env, 0, file_size - FOOTER_SIZE, b, FOOTER_SIZE, 0);
    if (status) {
        return status;
    }
    if (le32_load(b + MARKER_SIZE) || le32_load(b + MARKER_TYPE) != MARKER_FOOTER ||
        __builtin_memcmp(b + VMDK_SECTOR, magic, sizeof magic) || le64_load(end) ||
        le32_load(end + MARKER_SIZE) || le32_load(end + MARKER_TYPE)) {
        return fmt_fail(im->env, VMDK_E_FOOTER);
    }
    decode(b + VMDK_SECTOR, h);
    /* it would lead here again */
    return h->gd == VMDK_GD_AT_END ? fmt_fail(im->env, VMDK_E_FOOTER) : FMT_OK;
}

int vmdk_header_read(struct fmt_image *im, uint64_t file_size, struct vmdk_header *ret,
                     bool *ret_plain, uint64_t *ret_text)
{
    static const char old_type[] = "vmfsSparse";
    uint8_t b[VMDK_SECTOR];
    int status = fmt_read(im->env, 0, 0, b, sizeof b, 0);

    *ret_plain = false;
    *ret_text = 0;
    if (status) {
        return status;
    }
    if (!file_size) {
        return fmt_fail(im->env, VMDK_E_SMALL);
    }
    if (!__builtin_memcmp(b, old_magic, sizeof old_magic)) {
        return fmt_fail_text(im->env, VMDK_E_TYPE, old_type, sizeof old_type - 1);
    }
    if (__builtin_memcmp(b, magic, sizeof magic)) {
        *ret_plain = true;
        return FMT_OK;
    }
    decode(b, ret);
    if (!ret->capacity && ret->text_offset) {
        /* a header around a text that names other files */
        *ret_plain = true;
        *ret_text = ret->text_offset < VMDK_MAX_CAPACITY ? ret->text_offset * VMDK_SECTOR : 0;
        return FMT_OK;
    }
    return ret->gd == VMDK_GD_AT_END ? read_footer(im, file_size, ret) : FMT_OK;
}

/* A directory must lie where a file can have bytes. As with qemu-img, what does not fit into 64 bits
 * of its place is lost. */
static int judge_place(struct fmt_image *im, uint64_t sector, uint64_t length, int code)
{
    if (range_fits(sector * VMDK_SECTOR, length, VMDK_MAX_FILE)) {
        return FMT_OK;
    }
    im->env->result->io_errno = EIO_;
    return fmt_fail(im->env, code);
}

int vmdk_header_judge(struct fmt_image *im, const struct vmdk_header *h, uint64_t file_size)
{
    static const char stream[] = "streamOptimized";
    struct fmt_env *env = im->env;
    uint64_t product = h->n_gtes * h->grain_size; /* exact once the size of a grain is judged */
    uint32_t span = (uint32_t)product;

    if (h->version > VMDK_MAX_VERSION) {
        return fmt_fail1(env, VMDK_E_VERSION, h->version);
    }
    if (h->version == VMDK_MAX_VERSION && (im->flags & ABI_OPEN_WRITE) &&
        h->compression != VMDK_COMPRESSION_DEFLATE) {
        return fmt_fail1(env, VMDK_E_VERSION_READ_ONLY, h->version);
    }
    if (h->n_gtes > VMDK_MAX_GTES) {
        return fmt_fail(env, VMDK_E_TABLE_SIZE);
    }
    if (!span) {
        return fmt_fail(env, VMDK_E_TABLE_SPAN);
    }
    if (h->overhead > div_up(file_size, VMDK_SECTOR)) {
        return fmt_fail1(env, VMDK_E_TRUNCATED, h->overhead * VMDK_SECTOR);
    }
    if (h->grain_size > VMDK_MAX_GRAIN_SECTORS) {
        return fmt_fail(env, VMDK_E_GRAIN_SIZE);
    }
    uint64_t n_tables = div_up(h->capacity, span);
    if ((uint32_t)n_tables > VMDK_MAX_TABLES) {
        return fmt_fail(env, VMDK_E_DIRECTORY_SIZE);
    }
    if (h->capacity > VMDK_MAX_CAPACITY) {
        return fmt_fail(env, VMDK_E_TOO_LARGE);
    }
    if (n_tables > VMDK_MAX_TABLES) {
        return fmt_fail(env, VMDK_E_DIRECTORY_SIZE);
    }
    int status = judge_place(im, h->gd, n_tables * 4, VMDK_E_DIRECTORY);
    if (!status && (h->flags & VMDK_FLAG_REDUNDANT)) {
        status = judge_place(im, h->rgd, n_tables * 4, VMDK_E_REDUNDANT);
    }
    if (status) {
        return status;
    }
    if (h->compression == VMDK_COMPRESSION_DEFLATE) {
        return fmt_fail_text(env, VMDK_E_TYPE, stream, sizeof stream - 1);
    }
    /* the specification: a power of two. Larger ones than a cell's window can hold are refused */
    return is_power_of_two(h->grain_size) && h->grain_size * VMDK_SECTOR <= VMDK_MAX_GRAIN
               ? FMT_OK
               : fmt_fail(env, VMDK_E_GRAIN_SIZE);
}
