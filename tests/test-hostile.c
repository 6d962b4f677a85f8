/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells whose payload was taken over: /hostile/<act>/<kvm|process>. Each act
 * ends in the error it must, in time; the files are as they were; and the next
 * cell works.
 */
#include "config.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/status.h"
#include "cell/kvm.h"
#include "image/words.h"
#include "tests/hostile/hostile.h"
#include "tests/testutil.h"

extern const guint8 hostile_blob[], hostile_blob_end[];

#define TIME_LIMIT 400 /* ms without a doorbell */
#define TIME_BOUND 20  /* seconds for an act, generous: sanitizers, busy machines */

#define FAULT "a fault"
#define FORBIDDEN "a system call that is not allowed"
#define NO_MEMORY "an access to an address without memory"

/* What must become of an act; words are looked for in the error. */
typedef struct {
    enum hostile_act act;
    const char *name;
    gint code;                 /* CellError, -1: a good end */
    const char *kvm, *process; /* process NULL: the same */
} Row;

#define ROW(name, ...)                                                                             \
    {                                                                                              \
        ACT_##name, #name, __VA_ARGS__                                                             \
    }
#define VIOLATION CELL_ERROR_VIOLATION
#define LIMIT CELL_ERROR_LIMIT

static const Row rows[] = {
    ROW(wild_store, VIOLATION, FAULT " in act_wild_store+",
        FAULT " (Segmentation fault) in act_wild_store+"),
    ROW(null_load, VIOLATION, FAULT " in act_null_load+",
        FAULT " (Segmentation fault) in act_null_load+"),
    ROW(jump_to_data, VIOLATION, FAULT, NULL),
    ROW(jump_to_constants, VIOLATION, FAULT, NULL),
    ROW(write_text, VIOLATION, FAULT " in act_write_text+", FAULT),
    ROW(write_constants, VIOLATION, FAULT, NULL),
    ROW(write_boot_page, VIOLATION, FAULT, NULL),
    ROW(write_everything, -1, NULL, NULL),
    ROW(load_page_table_register, VIOLATION, FAULT, NULL),
    ROW(endless_loop, CELL_ERROR_TIMEOUT, "no sign of life for 0.4 seconds in act_endless_loop+",
        "no sign of life for 0.4 seconds"),
    ROW(endless_recursion, VIOLATION, FAULT " in recurse+",
        FAULT " (Segmentation fault) in recurse+"),
    ROW(overrun_table, VIOLATION, FAULT, NULL),
    /* a fault or an exit, as the hypervisor likes */
    ROW(port_io, VIOLATION, " in act_port_io+", NULL),
    ROW(undefined_instruction, VIOLATION, FAULT, FAULT " (Illegal instruction) in act_undefined"),
    ROW(halt, VIOLATION, FAULT, NULL),
    ROW(breakpoint, VIOLATION, FAULT, NULL),
    ROW(divide_by_zero, VIOLATION, FAULT, NULL),
    ROW(old_system_call, VIOLATION, FAULT, FORBIDDEN),
    ROW(smashed_stack, VIOLATION, FAULT " in act_smashed_stack+", FAULT),
    ROW(foreign_doorbell, VIOLATION, NO_MEMORY " in act_foreign_doorbell+", FAULT),
    ROW(wide_doorbell, VIOLATION, NO_MEMORY, FAULT),
    ROW(read_doorbell, VIOLATION, NO_MEMORY, FAULT),

    ROW(call_open, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_socket, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_execve, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_fork, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_mmap, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_mprotect, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_munmap_own, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_kill, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_ptrace, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_read_other, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_write_other, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_x32, VIOLATION, FAULT, FORBIDDEN),
    ROW(call_exit, VIOLATION, FAULT, "its process ended by itself"),

    ROW(wrong_size, VIOLATION, "a struct of size 40", NULL),
    ROW(wrong_kind, VIOLATION, "a request of kind 77", NULL),
    ROW(wrong_version, VIOLATION, "version 2 where", NULL),
    ROW(ready_again, VIOLATION, "a request of kind 1", NULL),
    ROW(no_operations, VIOLATION, "0 operations", NULL),
    ROW(too_many_operations, VIOLATION, "257 operations", NULL),
    ROW(unknown_operation, VIOLATION, "operation 9, which does not exist", NULL),
    ROW(unknown_flags, VIOLATION, "zero with unknown flags", NULL),
    ROW(reserved_bits, VIOLATION, "read with unknown flags", NULL),
    ROW(past_arena, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(before_arena, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(past_table, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(length_wraps, VIOLATION, "read of 0xfffffffff0000000 bytes", NULL),
    ROW(length_huge, VIOLATION, "read of 0xffffffffffffffff bytes", NULL),
    ROW(offset_huge, VIOLATION, "a range that no file has", NULL),
    ROW(into_text, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(into_constants, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(into_mailbox, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(into_window, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(into_host, VIOLATION, "outside of the cpu's memory", NULL),
    ROW(handle_never_given, VIOLATION, "handle 4, which was never given", NULL),
    ROW(handle_huge, VIOLATION, "handle 4294967295, which was never given", NULL),
    ROW(read_write_only, VIOLATION, "read on handle 3, which may not be read", NULL),
    ROW(write_read_only, VIOLATION, "write on handle 0, which may not be written", NULL),
    ROW(zero_read_only, VIOLATION, "zero on handle 0, which may not be written", NULL),
    ROW(discard_read_only, VIOLATION, "discard on handle 0, which may not be written", NULL),
    ROW(truncate_read_only, VIOLATION, "truncate on handle 0, which may not be written", NULL),
    ROW(write_past_end, LIMIT, "may grow to 65536 bytes", NULL),
    ROW(write_past_growth, LIMIT, "may grow to 1048576 bytes", NULL),
    ROW(zero_past_growth, LIMIT, "may grow to 1048576 bytes", NULL),
    ROW(truncate_past_growth, LIMIT, "may grow to 1048576 bytes", NULL),
    ROW(good_then_bad, VIOLATION, "write on handle 0, which may not be written", NULL),
    ROW(emit_outside, VIOLATION, "an answer outside of its table", NULL),
    ROW(flood_progress, LIMIT, "a flood of requests", NULL),
    ROW(flood_sizes, LIMIT, "a flood of requests", NULL),
    ROW(flood_bytes, LIMIT, "more bytes moved than any image is worth", NULL),
    ROW(flood_emit, LIMIT, "an answer of more than", NULL),

    ROW(result_size, VIOLATION, "a struct of size", NULL),
    ROW(result_kind, VIOLATION, "kind 1, version 1 where", NULL),
    ROW(result_status, VIOLATION, "a result with status 1", NULL),
    ROW(result_errno, VIOLATION, "errno 2147483647", NULL),
    ROW(result_text_length, VIOLATION, "bytes of text", NULL),
    ROW(result_out_length, VIOLATION, "262145 bytes of output", NULL),
    ROW(result_out_of_room, VIOLATION, "262144 bytes of output", NULL),
    ROW(result_peak, -1, NULL, NULL),
    ROW(names_with_controls, -1, NULL, NULL),
};

/* Those with a test of their own. */
static const enum hostile_act special[] = { ACT_changed_after_ringing, ACT_codec_request,
                                            ACT_look_for_leftovers };

typedef struct {
    const Row *row;
    gboolean kvm;
} Case;

static const struct {
    const char *name;
    CellRights rights;
    guint64 max_size;
} files[] = {
    [SOURCE] = { "source", CELL_READ, 0 },
    [TARGET] = { "target", CELL_READ | CELL_WRITE, 0 },
    [GROWING] = { "growing", CELL_READ | CELL_WRITE | CELL_GROW, GROWN_SIZE },
    [WRITE_ONLY] = { "write-only", CELL_WRITE, 0 },
};

static void fill(guint8 *bytes, guint file)
{
    for (guint i = 0; i < FILE_SIZE; i++) {
        bytes[i] = (guint8)(i * 7 + i / 251 + file * 31 + 1);
    }
}

static void make_files(Cell *cell)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *bytes = g_malloc(FILE_SIZE);

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        fill(bytes, i);
        g_file_set_contents(files[i].name, (char *)bytes, FILE_SIZE, &error);
        g_assert_no_error(error);
        g_autoptr(IoFile) file = io_open(files[i].name, IO_WRITE | IO_NO_LOCK, &error);
        g_assert_no_error(error);
        g_assert_cmpint(cell_attach(cell, file, files[i].rights, files[i].max_size, &error), ==, i);
    }
}

static void check_file(guint i)
{
    g_autofree guint8 *bytes = g_malloc(FILE_SIZE);
    g_autofree char *now = NULL;
    gsize length;

    fill(bytes, i);
    g_assert_true(g_file_get_contents(files[i].name, &now, &length, NULL));
    g_assert_cmpmem(now, length, bytes, FILE_SIZE);
}

static void check_files(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        check_file(i);
    }
}

/* FALSE: not to be had here, and the case is marked. */
static gboolean choose(gboolean kvm)
{
    CellReport report;
    gboolean works;

    cell_use_payload(NULL, NULL);
    cell_examine(kvm ? CELL_KVM : CELL_PROCESS, &report);
    works = report.works;
    if (!works) {
        g_assert_true(kvm);
        test_skip_without_kvm(report.why_not);
    }
    g_free(report.why_not);
    g_assert_true(cell_choose(kvm ? "kvm" : "process", NULL));
    cell_use_payload(hostile_blob, hostile_blob_end);
    cell_set_time_limit(0);
    return works;
}

/* The host is well: a good cell starts and answers. */
static void check_host(void)
{
    g_autoptr(GError) error = NULL;
    CellCall call = { .op = ABI_JOB_FLUSH };

    cell_use_payload(NULL, NULL);
    cell_set_time_limit(0);
    g_autoptr(Cell) cell = cell_start(NULL, &error);
    g_assert_no_error(error);
    g_assert_true(cell_call(cell, &call, &error));
    g_assert_cmpint(call.result.status, ==, FMT_E_BAD_JOB);
}

/* The page tables are as a cell's start writes them. */
static void check_tables(const Cell *cell)
{
    const CellPart *core = cell->cpus[0]->part;
    CellPart copy = *core;
    CellCpu cpu = { .part = &copy };

    copy.tables = g_malloc0(CELL_TABLES_SIZE);
    kvm_map_core(&cpu, cell_payload());
    g_assert_cmpmem(core->tables, CELL_TABLES_SIZE, copy.tables, CELL_TABLES_SIZE);
    g_free(copy.tables);
}

static void check_good_end(const Cell *cell, const Row *row, const CellCall *call)
{
    CellStats stats;

    if (row->act == ACT_names_with_controls) {
        g_autofree char *words = words_printable(call->result.text, call->result.text_length);
        g_assert_cmpuint(call->result.text_length, >, 0);
        for (const char *p = words; *p; p = g_utf8_next_char(p)) {
            g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
        }
        g_assert_true(g_utf8_validate(words, -1, NULL));
        g_assert_nonnull(strstr(words, "\\x1b"));
    }
    if (row->act == ACT_write_everything && cell_kind(cell) == CELL_KVM) {
        check_tables(cell);
    }
    cell_stats(&stats);
    g_assert_cmpuint(stats.arena_peak, <=, ABI_ARENA_MAX);
}

/* Does KVM still know where a cpu was when it faulted? Not on AMD's processors, whose state is
 * undefined after a shutdown (APM 2, Shutdown Intercept). One act tells for all. */
static gboolean knows_places_of_faults(void)
{
    static gsize answer;
    g_autoptr(GError) error = NULL;
    CellCall call = { .op = ABI_JOB_CALL, .arg = { ACT_undefined_instruction } };

    if (g_once_init_enter(&answer)) {
        g_autoptr(Cell) cell = cell_start(&(CellConfig){ .arena = 16 << 20 }, &error);
        g_assert_no_error(error);
        g_assert_false(cell_call(cell, &call, &error));
        g_assert_nonnull(strstr(error->message, FAULT));
        g_once_init_leave(&answer,
                          strstr(error->message, " in act_undefined_instruction+") ? 2 : 1);
    }
    return answer == 2;
}

/* Does int $0x80 reach the kernel here? Some are built, or virtualised, without it: then it is a
 * fault before any filter sees it. */
static gboolean has_old_system_calls(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        long result = 20; /* getpid of old */
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return WIFEXITED(status);
}

/* The words that an act's error, message, must have. */
static const char *wanted_words(const Row *row, gboolean kvm, const char *message)
{
    if (row->act == ACT_old_system_call && !kvm && !has_old_system_calls()) {
        return FAULT;
    }
    const char *words = !kvm && row->process ? row->process : row->kvm;
    gboolean names_place = g_str_has_prefix(words, FAULT " in ") || g_str_has_prefix(words, " in ");

    return kvm && names_place && strstr(message, FAULT) && !knows_places_of_faults() ? FAULT
                                                                                     : words;
}

static void test_act(gconstpointer data)
{
    const Case *c = data;
    const Row *row = c->row;
    g_autoptr(GError) error = NULL, again = NULL;
    guint8 out[64];
    CellCall call = { .op = ABI_JOB_CALL, .arg = { row->act }, .out = out, .out_size = sizeof out };

    if (!choose(c->kvm)) {
        return;
    }
    g_autoptr(Cell) cell = cell_start(&(CellConfig){ .arena = 16 << 20 }, &error);
    g_assert_no_error(error);
    make_files(cell);
    /* Only where it has to run out: on a busy machine a good cell may wait as long. */
    cell_set_time_limit(row->code == CELL_ERROR_TIMEOUT ? TIME_LIMIT : 0);

    gint64 start = g_get_monotonic_time();
    gboolean good = cell_call(cell, &call, &error);
    g_assert_cmpint(g_get_monotonic_time() - start, <, TIME_BOUND * G_USEC_PER_SEC);
    check_files();
    if (row->code < 0) {
        g_assert_no_error(error);
        g_assert_true(good);
        check_good_end(cell, row, &call);
    } else {
        g_assert_false(good);
        g_assert_error(error, CELL_ERROR, row->code);
        g_assert_true(g_str_has_prefix(error->message, "Image cell stopped: "));
        const char *words = wanted_words(row, c->kvm, error->message);
        if (!strstr(error->message, words)) {
            g_test_message("%s", error->message);
        }
        g_assert_nonnull(strstr(error->message, words));
        /* It stays stopped. */
        g_assert_false(cell_call(cell, &call, &again));
        g_assert_error(again, CELL_ERROR, CELL_ERROR_VIOLATION);
    }
    check_host();
}

/* A codec cpu has no requests. */
static void test_codec_request(gconstpointer kvm)
{
    g_autoptr(GError) error = NULL;
    CellCall call = { .cpu = 1, .op = ABI_JOB_CODEC, .arg = { ACT_codec_request } };

    if (!choose(kvm != NULL)) {
        return;
    }
    g_autoptr(Cell) cell = cell_start(&(CellConfig){ .codecs = 1 }, &error);
    g_assert_no_error(error);
    make_files(cell);
    g_assert_false(cell_call(cell, &call, &error));
    g_assert_error(error, CELL_ERROR, CELL_ERROR_VIOLATION);
    g_assert_nonnull(strstr(error->message, "a request of kind 2 from cpu 1"));
    check_files();
    check_host();
}

static gpointer run_spoiler(gpointer data)
{
    CellCall call = { .cpu = 1, .op = ABI_JOB_CODEC, .arg = { ACT_changed_after_ringing } };

    cell_call(data, &call, NULL);
    return NULL;
}

/* Whatever the requests turned into: the source was not written. */
static void test_changed(gconstpointer kvm)
{
    g_autoptr(GError) error = NULL;

    if (!choose(kvm != NULL)) {
        return;
    }
    for (guint round = 0; round < 8; round++) {
        CellCall call = { .op = ABI_JOB_CALL, .arg = { ACT_changed_after_ringing } };
        g_autoptr(Cell) cell = cell_start(&(CellConfig){ .codecs = 1 }, &error);
        g_assert_no_error(error);
        make_files(cell);
        GThread *spoiler = kvm ? g_thread_new("spoiler", run_spoiler, cell) : NULL;
        if (!cell_call(cell, &call, &error)) {
            g_assert_error(error, CELL_ERROR, CELL_ERROR_VIOLATION);
            g_clear_error(&error);
        }
        if (spoiler) {
            g_thread_join(spoiler);
        }
        check_file(SOURCE);
        check_file(GROWING);
        check_file(WRITE_ONLY);
    }
    check_host();
}

/* A cell finds nothing of the one before it, although the machine may be the same. */
static void test_leftovers(gconstpointer kvm)
{
    static const enum hostile_act acts[] = { ACT_write_everything, ACT_look_for_leftovers };
    g_autoptr(GError) error = NULL;

    if (!choose(kvm != NULL)) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(acts); i++) {
        CellCall call = { .op = ABI_JOB_CALL, .arg = { acts[i] } };
        g_autoptr(Cell) cell = cell_start(NULL, &error);
        g_assert_no_error(error);
        cell_call(cell, &call, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(call.result.ret[0], ==, 0);
    }
    check_host();
}

/* Each act of the payload is tried. */
static void test_complete(void)
{
    gboolean seen[N_ACTS] = { FALSE };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        seen[rows[i].act] = TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(special); i++) {
        seen[special[i]] = TRUE;
    }
    for (guint i = 0; i < N_ACTS; i++) {
        g_assert_true(seen[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile/complete", test_complete);
    for (guint i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
        Case *c = g_new(Case, 1);
        *c = (Case){ &rows[i / 2], i % 2 == 0 };
        g_autofree char *name = g_strdelimit(g_strdup(c->row->name), "_", '-');
        g_autofree char *path = g_strdup_printf("/hostile/%s/%s", name, c->kvm ? "kvm" : "process");
        g_test_add_data_func_full(path, c, test_act, g_free);
    }
    g_test_add_data_func("/hostile/leftovers/kvm", "", test_leftovers);
    g_test_add_data_func("/hostile/leftovers/process", NULL, test_leftovers);
    g_test_add_data_func("/hostile/codec-request/kvm", "", test_codec_request);
    g_test_add_data_func("/hostile/codec-request/process", NULL, test_codec_request);
    g_test_add_data_func("/hostile/changed-after-ringing/kvm", "", test_changed);
    g_test_add_data_func("/hostile/changed-after-ringing/process", NULL, test_changed);
    return g_test_run();
}
