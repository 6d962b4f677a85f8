/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room, and by the inline back end under tests/. */
#ifndef INSTAR_CELL_INTERNAL_H
#define INSTAR_CELL_INTERNAL_H

#include <glib.h>
#include "abi/layout.h"
#include "cell/cell.h"

/* An address in a cell. A struct, so that nobody follows it. */
typedef struct {
    guint64 value;
} CellAddress;

/* A range of a cpu's memory that its requests may name. */
typedef struct {
    guint64 start, length; /* cell addresses, bytes */
    guint8 *host;
    gboolean writable; /* host bytes may be put there */
} CellArea;

#define CELL_MAX_AREAS 6u

typedef struct CellPart CellPart; /* memory and machinery of a cpu; the back end's */

typedef struct {
    gboolean started;
    volatile struct abi_mailbox *box; /* host addresses */
    volatile struct abi_io *io;
    guint8 *in, *out;
    CellArea areas[CELL_MAX_AREAS];
    guint n_areas;
    guint8 *window; /* codec cpus */
    guint64 window_address;
    gsize window_size;
    CellPart *part;
    struct abi_io ops[ABI_MAX_IO]; /* the copy that is checked and run */
} CellCpu;

typedef struct {
    IoFile *file;
    CellRights rights;
    guint64 size; /* bytes when attached */
    guint64 max_size;
} CellHandle;

typedef struct CellBackend CellBackend;

struct Cell {
    const CellBackend *backend;
    gpointer machine; /* the back end's */
    CellConfig config;
    CellCpu *cpus[ABI_MAX_CPUS]; /* NULL until started */
    CellHandle handles[ABI_MAX_HANDLES];
    guint n_handles;
    GMutex mutex; /* starting of cpus, death */
    gint dead;    /* atomic */
    char *death;  /* the first reason */
};

struct CellBackend {
    CellKind kind;
    const char *name;
    /* Make the cell's memory and start cpu 0 up to its first doorbell. */
    gboolean (*start)(Cell *cell, GError **error);
    /* The same for a codec cpu. */
    gboolean (*start_cpu)(Cell *cell, guint cpu, GError **error);
    /* Go on until the next doorbell of the cpu. */
    gboolean (*enter)(Cell *cell, guint cpu, GError **error);
    /* Run the job that is in the mailbox, serving all its requests by cell_serve(); NULL: by
     * enter(). */
    gboolean (*run)(Cell *cell, guint cpu, CellCall *call, GError **error);
    /* End it and give its memory back; also after a failed start. */
    void (*stop)(Cell *cell);
};

extern const CellBackend cell_kvm, cell_process;

/* cell_start() with this back end. config may be NULL. */
Cell *cell_new(const CellBackend *backend, const CellConfig *config, GError **error);

/* Let cells be of another back end than the two; for tests. NULL: as chosen. */
void cell_use_backend(const CellBackend *backend);

/* ---- address.c --------------------------------------------------------------- */

/* Copy n bytes that a cell may be changing at this moment. Only the copy is to be used. */
void cell_copy_out(void *to, const volatile void *from, gsize n);

/* Host bytes of [address, address + length) if it lies whole in one area of the cpu, that is
 * writable if write is set; else NULL. length 0 gives NULL too. */
guint8 *cell_translate(const CellCpu *cpu, CellAddress address, guint64 length, gboolean write);

/* ---- serve.c ------------------------------------------------------------------ */

/* What a job has used up of its bounds. */
typedef struct {
    guint64 doorbells;
    guint64 bytes;
} CellUse;

/* Answer the request that the cpu rang for. *ret_done: it was the job's end, and call->result and
 * the output are filled in. FALSE: a rule is broken. */
gboolean cell_serve(Cell *cell, guint cpu, CellCall *call, CellUse *use, gboolean *ret_done,
                    GError **error);
/* The first doorbell of a cpu must be this. */
gboolean cell_serve_ready(Cell *cell, guint cpu, GError **error);
/* Run n checked operations, results in place. */
void cell_run_io(Cell *cell, const CellCpu *cpu, struct abi_io *ops, guint n);

/* ---- time and counters -------------------------------------------------------- */

/* Longest time between two doorbells, milliseconds: 30 s, or what INSTAR_IMG_CELL_TIMEOUT says in
 * seconds, or what a test set. */
guint cell_time_limit(void);
void cell_set_time_limit(guint ms);

void cell_count_cell(void);
void cell_count_cpu(void);
void cell_count_doorbell(void);
void cell_count_arena(guint64 peak);

#endif
