/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The descriptor of a new image, byte for byte qemu-img's. */
#include "format/vmdk-create.h"

#define SECTORS_PER_TRACK 63u

struct pen {
    char *bytes;
    uint32_t at, room;
    bool full;
};

static void put(struct pen *p, struct vmdk_text text)
{
    if (text.length > p->room - p->at) {
        p->full = true;
        return;
    }
    if (text.length) {
        __builtin_memcpy(p->bytes + p->at, text.bytes, text.length);
    }
    p->at += text.length;
}

static void put_word(struct pen *p, const char *word)
{
    put(p, (struct vmdk_text){ word, props_strlen(word) });
}

static void put_number(struct pen *p, uint64_t value, uint32_t base)
{
    char digits[20];
    uint32_t n = sizeof digits;

    do {
        digits[--n] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put(p, (struct vmdk_text){ digits + n, (uint32_t)sizeof digits - n });
}

/* key = "value" of the disk data base. */
static void put_ddb(struct pen *p, const char *key, struct vmdk_text value)
{
    put_word(p, "ddb.");
    put_word(p, key);
    put_word(p, " = \"");
    put(p, value);
    put_word(p, "\"\n");
}

static void put_ddb_number(struct pen *p, const char *key, uint64_t value)
{
    char digits[20];
    struct pen own = { digits, 0, sizeof digits, false };

    put_number(&own, value, 10);
    put_ddb(p, key, (struct vmdk_text){ digits, own.at });
}

int vmdk_create_text(struct fmt_env *env, const struct vmdk_create_options *o, uint64_t size,
                     uint32_t id, char *bytes)
{
    bool ide = o->adapter.length == 3; /* "ide" alone is so short */
    uint32_t heads = ide ? 16 : 255;
    /* a zero stays behind it */
    struct pen p = { bytes, 0, VMDK_TEXT_SIZE - 1, false };

    __builtin_memset(bytes, 0, VMDK_TEXT_SIZE);
    put_word(&p, "# Disk DescriptorFile\nversion=1\nCID=");
    put_number(&p, id, 16);
    put_word(&p, "\nparentCID=");
    put_number(&p, o->parent_id, 16);
    put_word(&p, "\ncreateType=\"monolithicSparse\"\n");
    if (o->backing.length) {
        put_word(&p, "parentFileNameHint=\"");
        put(&p, o->backing);
        put_word(&p, "\"");
    }
    put_word(&p, "\n# Extent description\nRW ");
    put_number(&p, div_up(size, VMDK_SECTOR), 10);
    put_word(&p, " SPARSE \"");
    put(&p, o->name);
    put_word(&p, "\"\n\n# The Disk Data Base\n#DDB\n\n");
    put_ddb(&p, "virtualHWVersion", o->hwversion);
    put_ddb_number(&p, "geometry.cylinders",
                   size / ((uint64_t)VMDK_SECTOR * SECTORS_PER_TRACK * heads));
    put_ddb_number(&p, "geometry.heads", heads);
    put_ddb_number(&p, "geometry.sectors", SECTORS_PER_TRACK);
    put_ddb(&p, "adapterType", o->adapter);
    put_ddb(&p, "toolsVersion", o->toolsversion);
    return p.full ? fmt_fail(env, VMDK_E_TEXT_TOO_LONG) : FMT_OK;
}
