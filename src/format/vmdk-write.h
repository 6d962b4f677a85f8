/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing. Grains are only ever added behind the end of the file, so what is new
 * reads as zeros until it is written, and no table that is there names it. Tables
 * are written by a flush: first the data, then they.
 */
#ifndef INSTAR_VMDK_WRITE_H
#define INSTAR_VMDK_WRITE_H

#include "format/vmdk.h"

/* Grains under way at most, and what one question may add: 2 MiB in grains of a sector. */
#define VMDK_MAX_PENDING 131072u
#define VMDK_QUESTION_PENDING 4097u

/* errnos that qemu-img's driver answers with */
#define VMDK_EIO 5u
#define VMDK_EFBIG 27u
#define VMDK_EINVAL 22u

/* A new grain that no table names yet. */
struct vmdk_pending {
    uint64_t guest;    /* where it begins in the disk */
    uint64_t place;    /* in the file, bytes */
    uint64_t missing;  /* bytes of steps that the host has not told of */
    uint64_t added;    /* of them by the question that touched it last */
    uint64_t question; /* that one */
    uint64_t born;     /* the question that made it */
    bool broken;       /* a step failed */
};

struct vmdk_writer {
    uint64_t start;               /* where the first new grain went, bytes */
    uint64_t end;                 /* where the next one goes */
    bool grew;                    /* grains up to end are named by tables */
    bool has_new_id;              /* in the text in memory */
    bool stored_new_id;           /* and in the file */
    bool dirty;                   /* some table is changed */
    uint64_t question;            /* number of the present one */
    struct vmdk_pending *pending; /* by guest */
    uint32_t n_pending, room_pending;
};

/* The writer of im, made when first asked for. */
int vmdk_writer_get(struct fmt_image *im, struct vmdk_writer **ret);
int vmdk_fail_errno(struct fmt_image *im, uint32_t error);
/* To be called before anything that the guest sees changes, and not sooner: what cannot be written
 * leaves the content, and so its id, as they were. */
int vmdk_store_new_id(struct fmt_image *im);

/* vmdk-pending.c */
struct vmdk_pending *vmdk_pending_find(struct vmdk_writer *w, uint64_t guest);
/* A grain for guest, which has none. *ret stays good until the next one is made. */
int vmdk_pending_make(struct fmt_image *im, uint64_t guest, struct vmdk_pending **ret);
/* The present question has a step of length bytes in p. */
void vmdk_pending_add(struct vmdk_writer *w, struct vmdk_pending *p, uint64_t length);
/* Steps in this range are done, or broken. */
void vmdk_pending_done(struct fmt_image *im, uint64_t guest, uint64_t length, bool broken);
/* Name in tables what is complete. */
int vmdk_pending_keep(struct fmt_image *im);
/* What the present question did has not happened. */
void vmdk_pending_undo(struct vmdk_writer *w);

/* vmdk-flush.c: change an entry; tables that are there only. */
int vmdk_entry_set(struct fmt_image *im, uint64_t guest, uint32_t entry);
/* FALSE: the table cannot be written, as it or its copy lies outside the file or over the header. */
int vmdk_table_writable(struct fmt_image *im, const struct vmdk_table *table, bool *ret);

/* vmdk-plan.c: steps of one question. */
struct vmdk_plan {
    struct fmt_image *im;
    struct abi_extent *out;
    uint32_t max, n;
    uint32_t own; /* index of the first step of this question */
    bool full;    /* there was no room for more steps */
};
int vmdk_plan(struct vmdk_plan *p, const struct abi_extent *question);

#endif
