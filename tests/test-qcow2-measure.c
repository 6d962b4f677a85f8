/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the driver foretells, beside the installed qemu-img's measure. */
#include "config.h"

#include <string.h>

#include "image/words.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"
#include "tests/testutil.h"

#define K (G_GUINT64_CONSTANT(1) << 10)
#define M (K << 10)
#define G (M << 10)
#define T (G << 10)

static const char *const options[] = {
    "",
    "compat=0.10",
    "compat=1.1",
    "cluster_size=512",
    "cluster_size=4096",
    "cluster_size=2097152",
    "refcount_bits=1",
    "refcount_bits=64",
    "extended_l2=on",
    "extended_l2=on,cluster_size=16384",
    "cluster_size=512,refcount_bits=64",
    "preallocation=off",
    "preallocation=metadata",
    "preallocation=falloc",
    "preallocation=full",
    "lazy_refcounts=on",
    "compression_type=zstd",
    "data_file_raw=on",
    "compat=0.10,extended_l2=on",
    "backing_file=x,backing_fmt=raw",
    /* refused */
    "compat=v3",
    "compat=foo",
    "cluster_size=5000",
    "cluster_size=4194304",
    "refcount_bits=7",
    "refcount_bits=0",
    "preallocation=foo",
    "extended_l2=on,cluster_size=8192",
    "compat=0.10,refcount_bits=8",
    "compat=foo,preallocation=foo",
    "refcount_bits=7,compat=foo",
    "refcount_bits=7,preallocation=foo",
    "cluster_size=5000,compat=foo",
    "extended_l2=on,cluster_size=5000",
    "compat=foo,extended_l2=on,cluster_size=8192",
    "encrypt.format=luks",
    "encrypt.format=luks,refcount_bits=7",
};

static const guint64 sizes[] = {
    0,        1,        512,         1000001,          M,          3 * M + 512, G,
    8064 * M, 8192 * M, 10 * G,      64 * G,           128 * G,    128 * G + 1, T,
    100 * T,  128 * T,  2048 * K *T, G_MAXINT64 - 511, G_MAXINT64,
};

/* What the real program prints on both outputs. */
static char *real(const char *words, guint64 size)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, size);
    const char *argv[] = { "qemu-img",           "measure", "-O", "qcow2", "--size", number,
                           *words ? "-o" : NULL, words,     NULL };
    g_autofree char *out = NULL, *err = NULL;

    test_spawn(argv, &out, &err);
    return g_strconcat(out, err, NULL);
}

static char *ours(const char *words, guint64 size)
{
    const struct abi_create req = {
        { sizeof req, ABI_JOB_MEASURE, ABI_VERSION }, ABI_FORMAT_QCOW2, 0, size
    };
    struct abi_measure told = { 0 };
    guint8 stream[1024];
    struct props_writer w = { .base = stream, .size = sizeof stream };
    g_autoptr(MemEnv) mem = mem_env_new(0);

    guest_options(&w, words);
    if (qcow2_measure(mem_env_env(mem), &req, (struct props_reader){ stream, w.used, 0, 0 },
                      &told) == FMT_OK) {
        return g_strdup_printf("required size: %" G_GUINT64_FORMAT "\n"
                               "fully allocated size: %" G_GUINT64_FORMAT "\n",
                               told.required, told.fully_allocated);
    }
    g_autofree char *refusal = words_of_result(mem_env_result(mem));
    return g_strdup_printf("qemu-img: %s\n", refusal);
}

static void test_measure(gconstpointer data)
{
    g_autofree char *path = g_find_program_in_path("qemu-img");

    if (path == NULL) {
        g_test_skip("qemu-img is not installed");
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *a = ours(data, sizes[i]), *b = real(data, sizes[i]);

        g_test_message("%" G_GUINT64_FORMAT " bytes", sizes[i]);
        g_assert_cmpstr(a, ==, b);
    }
}

/* Facts of one release, for where there is none to ask. */
static void test_known(void)
{
    g_autofree char *plain = ours("", G);
    g_autofree char *tiny = ours("cluster_size=512,refcount_bits=64", 10 * G);

    /* qemu-img makes keys for these, which takes seconds, and fails now and then */
    g_autofree char *luks = ours("encrypt.format=luks,encrypt.key-secret=s", G);
    g_autofree char *luks_small =
        ours("encrypt.format=luks,encrypt.key-secret=s,cluster_size=512", G);
    g_autofree char *luks_aes_128 =
        ours("encrypt.format=luks,encrypt.key-secret=s,encrypt.cipher-alg=aes-128", G);

    g_assert_cmpstr(plain, ==, "required size: 393216\nfully allocated size: 1074135040\n");
    g_assert_cmpstr(luks, ==, "required size: 2490368\nfully allocated size: 1076232192\n");
    g_assert_cmpstr(luks_small, ==, "required size: 23453696\nfully allocated size: 1097195520\n");
    g_assert_cmpstr(luks_aes_128, ==, "required size: 1507328\nfully allocated size: 1075249152\n");
    g_assert_cmpstr(tiny, ==, "required size: 346283520\nfully allocated size: 11083701760\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *path =
            g_strdup_printf("/qcow2/measure/%s", *options[i] ? options[i] : "defaults");

        g_test_add_data_func(path, options[i], test_measure);
    }
    g_test_add_func("/qcow2/measure/known", test_known);
    return g_test_run();
}
