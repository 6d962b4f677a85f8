/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the kvm back end. */
#ifndef INSTAR_CELL_KVM_H
#define INSTAR_CELL_KVM_H

#include <linux/kvm.h>
#include "cell/memory.h"

/* Guest-physical addresses: what is mapped where is the page tables' business. */
#define KVM_GPA_TEXT 0x00000000ull /* text and rodata, a read-only slot */
#define KVM_GPA_CORE 0x10000000ull
#define KVM_GPA_CODEC 0x40000000ull /* + cpu * KVM_GPA_STRIDE */
#define KVM_GPA_STRIDE 0x04000000ull

/* Of a cell. */
typedef struct {
    int vm;
    guint vcpu_size; /* bytes of struct kvm_run's mapping */
    const CellPayload *payload;
    const guint8 *text; /* of the payload, when the machine was made */
} KvmMachine;

/* Of a cpu; CellPart.machine. */
typedef struct {
    int fd;
    struct kvm_run *run;
    gsize run_size;
} KvmCpu;

static inline guint64 kvm_gpa_of(guint cpu)
{
    return cpu ? KVM_GPA_CODEC + cpu * KVM_GPA_STRIDE : KVM_GPA_CORE;
}

/* ---- kvm-machine.c ------------------------------------------------------------ */

/* CELL_ERROR_START: what, and errno's words. FALSE. */
gboolean kvm_fail(GError **error, const char *what);
/* /dev/kvm, open as long as the program runs, and the size of a vCPU's mapping; -1 and errno. */
int kvm_open(guint *ret_vcpu_size);
/* Let KVM give each vCPU its local APIC, before there is one. The cell cannot reach it: no page maps
 * its address, and its registers need CPL 0. But the first vCPU without one, and the last to go,
 * make the kernel change its own code, which stops every processor of the host: a quarter of what
 * a machine costs. Where KVM cannot, nothing is different. */
void kvm_spare_keys(const KvmMachine *m);
/* Slot numbers: 0 the text, 1 + n the part of cpu n. */
gboolean kvm_add_slot(const KvmMachine *m, guint slot, guint64 gpa, const guint8 *host, gsize size,
                      guint flags, GError **error);
/* Make the vCPU of a cpu whose memory is there, and run it to its first doorbell. */
gboolean kvm_add_vcpu(const KvmMachine *m, Cell *cell, guint n, GError **error);
/* The second half of that, for a vCPU that is there. */
gboolean kvm_run_to_ready(const KvmMachine *m, Cell *cell, guint n, GError **error);
void kvm_free_vcpu(CellPart *part);
void kvm_free_machine(KvmMachine *m);

/* ---- kvm-tables.c, kvm-cpu.c, kvm-run.c ---------------------------------------- */

/* Write the page tables of a new cell (cpu 0 is made), or add those of codec cpu n. */
void kvm_map_core(const CellCpu *cpu, const CellPayload *payload);
void kvm_map_codec(const CellCpu *first, const CellCpu *cpu, guint n);
/* Where CR3 points. */
guint64 kvm_top_table(void);

/* Tell a new vCPU, once, which instructions it has. FALSE and errno. */
gboolean kvm_set_features(int fd);
/* Bring a vCPU into 64-bit user mode at the payload's entry point. FALSE and errno. */
gboolean kvm_set_cpu(int fd, guint n, guint64 entry);
/* Forget what is in its x87, SSE and AVX registers. FALSE and errno. */
gboolean kvm_clear_vectors(int fd);

/* CellBackend.enter. */
gboolean kvm_enter(Cell *cell, guint n, GError **error);

#endif
