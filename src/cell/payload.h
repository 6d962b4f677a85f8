/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The embedded payload: where its segments lie in the program, and the names of
 * its functions. It was linked with the program and is trusted as much.
 */
#ifndef INSTAR_CELL_PAYLOAD_H
#define INSTAR_CELL_PAYLOAD_H

#include <glib.h>

typedef struct {
    guint64 address;       /* in the cell, on a page */
    const guint8 *bytes;   /* in the program, on a page */
    gsize file_size, size; /* bytes that are there; with the zeros behind them */
} CellSegment;

typedef struct {
    const guint8 *elf;
    gsize elf_size;
    guint64 entry;
    CellSegment text, rodata, data; /* rodata follows text, in the cell and in the program */
} CellPayload;

/* The payload of this program. */
const CellPayload *cell_payload(void);

/* Let cells run another one, for tests; NULL: the program's own again. Its bytes stay where they
 * are, on pages of an executable section. */
void cell_use_payload(const guint8 *start, const guint8 *end);

/* "function+0x12" for an address in the text, else NULL. Free with g_free. */
char *cell_payload_function(const CellPayload *payload, guint64 address);

/* Address of a function by its name, 0: none. */
guint64 cell_payload_symbol(const CellPayload *payload, const char *name);

#endif
