/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "image/words.h"
#include "tests/vmdk-disk.h"

#define MAX_STEPS 64u

static guint8 table[ABI_TABLE_SIZE];

static gboolean done(Disk *disk, int status)
{
    if (status != FMT_OK) {
        disk->status = status;
    }
    return status == FMT_OK;
}

gboolean disk_create(Disk *disk, const char *options, guint64 size)
{
    const struct abi_create req = {
        .head = { sizeof req, ABI_JOB_CREATE, ABI_VERSION },
        .format = ABI_FORMAT_VMDK,
        .virtual_size = size,
        .seed = 0x123456789abcdef0,
    };
    struct props_writer w = { .base = table, .size = sizeof table }, props = w;
    struct props_reader r = { .base = table };
    gboolean ok;

    disk->backing = strstr(options, "backing") != NULL;
    if (disk->backing) {
        props_string(&w, "backing_file", "base.vmdk");
        props_u64(&w, PROPS_CREATE_BACKING_ID, 7);
    }
    props_bool(&w, "zeroed_grain", strstr(options, "zeroed_grain") != NULL);
    props_string(&w, PROPS_CREATE_NAME, "disk.vmdk");
    r.size = w.used;
    props = (struct props_writer){ .base = table + w.used, .size = (guint32)sizeof table - w.used };
    disk->im = (struct fmt_image){ .env = mem_env_env(disk->mem),
                                   .driver = &vmdk_driver,
                                   .flags = ABI_OPEN_WRITE,
                                   .seed = req.seed };
    ok = done(disk, vmdk_driver.create(&disk->im, &req, r, &disk->facts, &props));
    disk->open = ok;
    g_byte_array_set_size(disk->shown, (guint)size);
    memset(disk->shown->data, disk->backing ? DISK_BACKING : 0, size);
    return ok;
}

void disk_take(Disk *disk, const void *bytes, gsize length)
{
    *disk = (Disk){ .mem = mem_env_new(0), .shown = g_byte_array_new() };
    mem_env_add(disk->mem, bytes, length);
}

void disk_make(Disk *disk, const char *options, guint64 size)
{
    disk_take(disk, "", 0);
    g_assert_true(disk_create(disk, options, size));
    g_assert_true(disk_close(disk));
}

gboolean disk_open(Disk *disk, guint32 flags)
{
    struct props_writer props = { .base = table, .size = sizeof table };

    disk->im = (struct fmt_image){ .env = mem_env_env(disk->mem),
                                   .driver = &vmdk_driver,
                                   .flags = flags,
                                   .seed = 0xfedcba9876543210 };
    disk->facts = (struct abi_facts){ .format = ABI_FORMAT_VMDK };
    disk->open = done(disk, vmdk_driver.open(&disk->im, &disk->facts, &props));
    return disk->open;
}

/* The arena of a cell is cleared as a whole; here the pieces are let go with it. */
void disk_drop(Disk *disk)
{
    disk->open = FALSE;
    disk->im = (struct fmt_image){ 0 };
}

gboolean disk_close(Disk *disk)
{
    gboolean ok = done(disk, vmdk_driver.flush(&disk->im));

    disk_drop(disk);
    return ok;
}

void disk_clear(Disk *disk)
{
    mem_env_free(disk->mem);
    g_byte_array_unref(disk->shown);
}

void disk_poke(Disk *disk, guint64 offset, const void *bytes, gsize length)
{
    g_assert_cmpint(pwrite(mem_env_fd(disk->mem, 0), bytes, length, (off_t)offset), ==,
                    (ssize_t)length);
}

gboolean disk_read(Disk *disk, guint64 offset, guint8 *bytes, guint64 length)
{
    struct abi_extent e[MAX_STEPS];
    guint64 inside = disk->facts.virtual_size - MIN(offset, disk->facts.virtual_size);
    guint64 next = offset, end;
    guint32 count;

    /* the last grain may reach behind the end of the disk */
    memset(bytes, 0, length);
    length = MIN(length, inside);
    end = offset + length;
    while (offset < end) {
        if (!done(disk, vmdk_driver.extents(&disk->im, offset, end - offset, 0, e, MAX_STEPS,
                                            &count, &next))) {
            return FALSE;
        }
        g_assert_cmpuint(count, >, 0);
        for (guint i = 0; i < count; i++) {
            guint8 *to = bytes + (e[i].guest_offset - (end - length));

            memset(to, e[i].kind == ABI_EXT_HOLE && disk->backing ? DISK_BACKING : 0, e[i].length);
            if (e[i].kind == ABI_EXT_DATA) {
                g_assert_cmpint(
                    pread(mem_env_fd(disk->mem, 0), to, e[i].length, (off_t)e[i].file_offset), >=,
                    0);
            }
        }
        offset = next;
    }
    return TRUE;
}

static void do_step(Disk *disk, const struct abi_extent *e, guint8 byte)
{
    g_autofree guint8 *bytes = g_malloc(e->length);

    switch (e->kind) {
    case ABI_EXT_DATA:
        memset(bytes, byte, e->length);
        break;
    case ABI_EXT_FILL_ZERO:
        memset(bytes, 0, e->length);
        break;
    default:
        g_assert_cmpuint(e->kind, ==, ABI_EXT_FILL_OLD);
        g_assert_true(disk_read(disk, e->guest_offset, bytes, e->length));
        break;
    }
    disk_poke(disk, e->file_offset, bytes, e->length);
}

/* The question until it is taken whole. */
static gboolean ask(Disk *disk, struct abi_extent question, guint8 byte)
{
    struct abi_extent steps[MAX_STEPS];
    guint64 end = question.guest_offset + question.length;
    guint32 count = 0, taken = 0, linked, none;

    while (taken == 0) {
        if (!done(disk,
                  vmdk_driver.write(&disk->im, &question, 1, steps, MAX_STEPS, &count, &taken))) {
            return FALSE;
        }
        for (guint i = 0; i < count; i++) {
            do_step(disk, &steps[i], byte);
        }
        for (guint i = 0; i < count; i++) {
            if (steps[i].kind != ABI_EXT_FILL_OLD) {
                question.guest_offset =
                    MAX(question.guest_offset, steps[i].guest_offset + steps[i].length);
            }
            steps[i].kind = ABI_EXT_LINK;
        }
        question.length = end - MIN(end, question.guest_offset);
        if (count > 0 &&
            !done(disk, vmdk_driver.write(&disk->im, steps, count, NULL, 0, &none, &linked))) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean disk_write(Disk *disk, guint64 offset, guint64 length, guint8 byte)
{
    const struct abi_extent question = { .guest_offset = offset,
                                         .length = length,
                                         .kind = ABI_EXT_DATA };
    gboolean ok = ask(disk, question, byte);

    if (ok) {
        memset(disk->shown->data + offset, byte, length);
    }
    return ok;
}

gboolean disk_zero(Disk *disk, guint64 offset, guint64 length)
{
    const struct abi_extent question = { .guest_offset = offset,
                                         .length = length,
                                         .kind = ABI_EXT_ZERO };
    gboolean ok = ask(disk, question, 0);

    if (ok) {
        memset(disk->shown->data + offset, 0, length);
    }
    return ok;
}

void disk_verify(Disk *disk)
{
    g_autofree guint8 *bytes = g_malloc(disk->shown->len);

    g_assert_true(disk_read(disk, 0, bytes, disk->shown->len));
    for (guint i = 0; i < disk->shown->len; i++) {
        if (bytes[i] != disk->shown->data[i]) {
            g_test_message("byte %u", i);
            g_assert_cmphex(bytes[i], ==, disk->shown->data[i]);
        }
    }
}

char *disk_words(Disk *disk)
{
    return words_of_result_in(mem_env_result(disk->mem), "disk.vmdk");
}
