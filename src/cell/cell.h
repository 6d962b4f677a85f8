/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cell: one running payload with its memory, seen from the host.
 *
 * A cell serves one image. Files are attached as handles with rights; jobs run
 * on cpu 0 (the driver) and coding work on cpus 1..n (codecs, no state). Every
 * request of the payload is copied out, checked and bounded here; a cell that
 * breaks a rule is stopped and every later call on it fails.
 *
 * Threads: one call at a time per cpu; different cpus may be called from
 * different threads at once. cell_attach only while no call is running.
 */
#ifndef INSTAR_CELL_H
#define INSTAR_CELL_H

#include <glib.h>
#include "abi/abi.h"
#include "io/io.h"

typedef struct Cell Cell;

typedef enum {
    CELL_AUTO, /* kvm where /dev/kvm works, else process */
    CELL_KVM,
    CELL_PROCESS,
    CELL_INLINE, /* drivers linked in; only in test programs */
} CellKind;

#define CELL_ERROR (cell_error_quark())
GQuark cell_error_quark(void);
typedef enum {
    CELL_ERROR_START,     /* no back end works */
    CELL_ERROR_VIOLATION, /* the payload broke a rule and was stopped */
    CELL_ERROR_TIMEOUT,   /* no doorbell within its time */
    CELL_ERROR_LIMIT,     /* a bound was reached */
} CellError;

typedef enum {
    CELL_READ = 1 << 0,
    CELL_WRITE = 1 << 1, /* below the size the file had, or up to max_size with GROW */
    CELL_GROW = 1 << 2,
} CellRights;

typedef struct {
    guint codecs;   /* codec cpus that may be used, 0..ABI_MAX_CPUS-1; started on first use */
    guint64 arena;  /* bytes of arena for the driver; 0: the default (32 MiB) */
    guint64 window; /* bytes of window for each codec cpu; 0: the default (4 MiB + slack) */
} CellConfig;

/* Choose the back end for the whole program: "auto", "kvm" or "process" (from
 * --cell=). FALSE and CELL_ERROR_START for another word. Without a call
 * INSTAR_IMG_CELL chooses; without that it is auto. */
gboolean cell_choose(const char *word, GError **error);

/* Start a cell with the chosen back end. Costs 1 to 3 ms. Free with cell_free. */
Cell *cell_start(const CellConfig *config, GError **error);
void cell_free(Cell *cell);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cell, cell_free)
CellKind cell_kind(const Cell *cell);

/* Give the cell a file. The cell keeps a reference. max_size bounds how far
 * writes and truncates may make it grow (bytes). Returns the handle (0 for the
 * first file), or -1 when ABI_MAX_HANDLES are used. */
int cell_attach(Cell *cell, IoFile *file, CellRights rights, guint64 max_size, GError **error);

/* Change how far the cell may make the file of a handle grow, once the size of the image is
 * known. Only while no call is running. */
void cell_set_bound(Cell *cell, guint handle, guint64 max_size);

/* Called on each ABI_REQ_PROGRESS; return FALSE to ask for cancellation. */
typedef gboolean (*CellProgress)(guint64 done, guint64 total, gpointer user_data);

/* Called on each ABI_REQ_EMIT with a checked copy of the bytes (whole props records);
 * return FALSE to ask for cancellation. */
typedef gboolean (*CellEmit)(const guint8 *props, gsize length, gpointer user_data);

#define CELL_MAX_EMITTED (16u << 20)

/* One job. in/in_length: input for the table. out: where the table's output is
 * copied, out_size its room (an output that does not fit is a violation); NULL: it is dropped.
 * result is a checked copy; result.status is the driver's word. */
typedef struct {
    guint cpu;
    enum abi_job_op op;
    guint32 flags;
    guint64 arg[6];
    const void *in;
    gsize in_length;
    gboolean secret; /* the input is overwritten in the table when the job has ended */
    void *out;
    gsize out_size;
    gsize out_length;         /* set by cell_call */
    struct abi_result result; /* set by cell_call */
    CellProgress progress;
    gpointer progress_data;
    CellEmit emit; /* NULL: pieces are joined in emitted */
    gpointer emit_data;
    GByteArray *emitted; /* set by cell_call when pieces came, else NULL; the caller's. At
                               most CELL_MAX_EMITTED bytes, more is CELL_ERROR_LIMIT */
} CellCall;

/* Run a job. FALSE only when the cell itself failed (CELL_ERROR): then it is
 * dead. TRUE with call->result.status < 0 when the driver refused. */
gboolean cell_call(Cell *cell, CellCall *call, GError **error);

/* The window of a codec cpu (1..n): host bytes and their cell address. Pages
 * stay mapped for the life of the cell. NULL if the cpu cannot be started. */
guint8 *cell_window(Cell *cell, guint cpu, guint64 *ret_address, gsize *ret_size, GError **error);

/* Counters of the whole program, for INSTAR_IMG_STATS=1. */
typedef struct {
    guint64 cells, cpus, doorbells, arena_peak; /* arena_peak: bytes, of any one cpu */
    guint64 bytes_read, bytes_written;
} CellStats;
/* The bytes are those of io_stats(): everything the program moved, through a cell or not. */
void cell_stats(CellStats *ret_stats);
/* Print them on stderr if INSTAR_IMG_STATS=1; for the end of main(). */
void cell_print_stats(void);

/* What works here, for the subcommand "cell". */
typedef struct {
    CellKind kind;
    gboolean works;
    char *why_not;   /* NULL when it works; owned */
    double start_ms; /* from nothing to the first doorbell */
    double doorbell_us;
} CellReport;
void cell_examine(CellKind kind, CellReport *ret_report);

#endif
