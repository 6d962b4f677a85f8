/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes are an image file, put to each driver whose probe likes them: open,
 * everything info tells, all extents, check, and some writing. What a driver
 * answers must keep the promises of format.h.
 */
#include "config.h"

#include <glib.h>

#include "base/checked.h"
#include "tests/fuzz/fuzz.h"
#include "tests/mem-env.h"

const char fuzz_name[] = "image";

#define ARENA (8u << 20)
#define MAX_FILE (64u << 20)
#define PROPS_ROOM (64u << 10)
#define MAX_EXTENTS 128u
#define MAX_ROUNDS 64u
#define WRITE_LENGTH (192u << 10)

/* Not g_assert_*: in libFuzzer's builds there is no g_test around us. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            g_error("%s:%d: broken promise: %s", __FILE__, __LINE__, #condition);                  \
    } while (0)

struct target {
    MemEnv *mem;
    struct fmt_image image;
    struct abi_facts facts;
    guint8 *props;
};

static struct props_writer fresh_props(struct target *t)
{
    return (struct props_writer){ .base = t->props, .size = PROPS_ROOM };
}

static gboolean target_open(struct target *t, const struct fmt_driver *driver, const uint8_t *data,
                            size_t size, guint32 flags)
{
    struct props_writer props;
    int status;

    *t = (struct target){ .mem = mem_env_new(ARENA), .props = g_malloc(PROPS_ROOM) };
    mem_env_add(t->mem, data, size);
    mem_env_limit(t->mem, MAX_FILE);
    t->image = (struct fmt_image){ .env = mem_env_env(t->mem), .driver = driver, .flags = flags };
    props = fresh_props(t);
    status = driver->open(&t->image, &t->facts, &props);
    MUST(status <= 0);
    return status == FMT_OK;
}

static void target_clear(struct target *t)
{
    if (t->image.state != NULL && t->image.driver->close != NULL)
        t->image.driver->close(&t->image);
    mem_env_free(t->mem);
    g_free(t->props);
}

static void read_info(struct target *t)
{
    static const guint32 parts[] = { ABI_INFO_SPECIFIC, ABI_INFO_SNAPSHOTS, ABI_INFO_NAMES };

    for (guint i = 0; i < G_N_ELEMENTS(parts) && t->image.driver->info != NULL; i++) {
        struct props_writer props = fresh_props(t);

        MUST(t->image.driver->info(&t->image, parts[i], &props) <= 0);
        MUST(props.used <= props.size);
    }
}

static void check_extents(const struct abi_extent *extents, guint32 count, guint64 start,
                          guint64 next, guint64 size)
{
    guint64 at = start;

    for (guint32 i = 0; i < count; i++) {
        MUST(extents[i].guest_offset == at);
        MUST(extents[i].length > 0 && range_fits(at, extents[i].length, size));
        MUST(extents[i].kind >= ABI_EXT_DATA && extents[i].kind <= ABI_EXT_COOKED);
        at += extents[i].length;
    }
    MUST(next == at);
}

static void walk_extents(struct target *t)
{
    struct abi_extent extents[MAX_EXTENTS];
    guint64 at = 0;

    if (t->image.driver->extents == NULL)
        return;
    for (guint i = 0; i < MAX_ROUNDS && at < t->facts.virtual_size; i++) {
        guint32 count = 0;
        guint64 next = at;
        int status = t->image.driver->extents(&t->image, at, t->facts.virtual_size - at, 0, extents,
                                              MAX_EXTENTS, &count, &next);

        MUST(status <= 0);
        if (status != FMT_OK)
            return;
        MUST(count > 0 && count <= MAX_EXTENTS);
        check_extents(extents, count, at, next, t->facts.virtual_size);
        at = next;
    }
}

static void try_reading(const struct fmt_driver *driver, const uint8_t *data, size_t size,
                        guint32 flags)
{
    struct target t;

    if (target_open(&t, driver, data, size, flags)) {
        read_info(&t);
        walk_extents(&t);
    }
    target_clear(&t);
}

static void try_check(const struct fmt_driver *driver, const uint8_t *data, size_t size)
{
    struct target t;

    if (driver->check == NULL)
        return;
    if (target_open(&t, driver, data, size, ABI_OPEN_CHECK)) {
        struct abi_check result = { 0 };
        struct props_writer props = fresh_props(&t);

        MUST(driver->check(&t.image, 0, &result, &props) <= 0);
    }
    target_clear(&t);
}

/* Put a few kinds of question, answer none of the data, link what was promised. */
static void write_some(struct target *t)
{
    const struct fmt_driver *driver = t->image.driver;
    guint64 length = MIN(t->facts.virtual_size, WRITE_LENGTH);
    guint64 third = length / 3 & ~(guint64)511;
    const struct abi_extent questions[] = {
        { .guest_offset = 0, .length = third, .kind = ABI_EXT_DATA },
        { .guest_offset = third, .length = third, .kind = ABI_EXT_ZERO },
        { .guest_offset = 2 * third, .length = third, .kind = ABI_EXT_DISCARD },
    };
    struct abi_extent steps[MAX_EXTENTS], links[MAX_EXTENTS];
    guint32 count = 0, taken = 0, n_links = 0;

    if (third == 0)
        return;
    if (driver->write(&t->image, questions, G_N_ELEMENTS(questions), steps, MAX_EXTENTS, &count,
                      &taken) != FMT_OK)
        return;
    MUST(count <= MAX_EXTENTS && taken <= G_N_ELEMENTS(questions));
    for (guint32 i = 0; i < count; i++) {
        if (steps[i].kind != ABI_EXT_DATA)
            continue;
        links[n_links] = steps[i];
        links[n_links++].kind = ABI_EXT_LINK;
    }
    if (n_links > 0)
        MUST(driver->write(&t->image, links, n_links, steps, MAX_EXTENTS, &count, &taken) <= 0);
    if (driver->flush != NULL)
        MUST(driver->flush(&t->image) <= 0);
}

static void try_writing(const struct fmt_driver *driver, const uint8_t *data, size_t size)
{
    struct target t;

    if (driver->write == NULL)
        return;
    if (target_open(&t, driver, data, size, ABI_OPEN_WRITE))
        write_some(&t);
    target_clear(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A bigger file is only slower. */
    if (size > MAX_FILE / 2)
        return 0;
    for (const struct fmt_driver *const *driver = fmt_drivers; *driver != NULL; driver++) {
        guint32 head = (guint32)MIN(size, 2048);

        if ((*driver)->open == NULL || (*driver)->probe == NULL ||
            (*driver)->probe(data, head) == 0)
            continue;
        try_reading(*driver, data, size, ABI_OPEN_NO_IO);
        try_reading(*driver, data, size, 0);
        try_check(*driver, data, size);
        try_writing(*driver, data, size);
    }
    return 0;
}
