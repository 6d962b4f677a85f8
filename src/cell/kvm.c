/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kvm back end: a virtual machine that has memory, processors and nothing else. */
#include "config.h"

#include <sys/ioctl.h>

#include "base/checked.h"
#include "cell/kvm.h"

/* One machine whose cell has ended well is kept, as making and unmaking one is most of a cell's
 * cost: an info of a chain of images then makes one machine, not one an image. What the next cell
 * finds is a machine with its memory cleared and its registers set anew. */
static struct {
    GMutex mutex;
    KvmMachine *machine; /* NULL: none */
    CellPart *part;
} parked;

static void park(KvmMachine *m, CellPart *part)
{
    g_mutex_lock(&parked.mutex);
    KvmMachine *old = parked.machine;
    CellPart *old_part = parked.part;
    parked.machine = m;
    parked.part = part;
    g_mutex_unlock(&parked.mutex);
    if (old) {
        kvm_free_vcpu(old_part);
        kvm_free_machine(old);
        cell_free_part(old_part);
    }
}

/* The parked machine, if there is one that can be a cell as this one shall be. */
static KvmMachine *unpark(const Cell *cell, const CellPayload *payload, CellPart **ret_part)
{
    KvmMachine *m = NULL;

    g_mutex_lock(&parked.mutex);
    if (parked.machine && parked.machine->payload == payload &&
        parked.machine->text == payload->text.bytes &&
        parked.part->arena_size == align_up(cell->config.arena, CELL_HUGE)) {
        m = g_steal_pointer(&parked.machine);
        *ret_part = g_steal_pointer(&parked.part);
    }
    g_mutex_unlock(&parked.mutex);
    return m;
}

/* FALSE: it did not work, and the parts are freed. */
static gboolean start_again(Cell *cell, KvmMachine *m, CellPart *part)
{
    KvmCpu *c = part->machine;

    /* Finish the last doorbell's store, without running on. */
    c->run->immediate_exit = 1;
    ioctl(c->fd, KVM_RUN, 0);
    c->run->immediate_exit = 0;
    CellCpu *cpu = kvm_clear_vectors(c->fd) ? cell_remake_cpu(cell, m->payload, part) : NULL;
    if (!cpu) {
        kvm_free_vcpu(part);
        kvm_free_machine(m);
        cell_free_part(part);
        return FALSE;
    }
    cell->machine = m;
    kvm_map_core(cpu, m->payload);
    return TRUE;
}

static gboolean start_new(Cell *cell, const CellPayload *p, GError **error)
{
    KvmMachine *m = cell->machine = g_new0(KvmMachine, 1);
    int kvm = kvm_open(&m->vcpu_size);
    gsize constant = p->rodata.address + p->rodata.size - p->text.address;

    m->payload = p;
    m->text = p->text.bytes;
    m->vm = -1;
    if (kvm < 0) {
        return kvm_fail(error, "/dev/kvm");
    }
    m->vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (m->vm < 0) {
        return kvm_fail(error, "KVM_CREATE_VM");
    }
    kvm_spare_keys(m);
    CellCpu *cpu = cell_make_cpu(cell, 0, p, FALSE, error);
    if (!cpu) {
        return FALSE;
    }
    kvm_map_core(cpu, p);
    return kvm_add_slot(m, 0, KVM_GPA_TEXT, p->text.bytes, constant, KVM_MEM_READONLY, error) &&
           kvm_add_slot(m, 1, KVM_GPA_CORE, cpu->part->base, cpu->part->size, 0, error) &&
           kvm_add_vcpu(m, cell, 0, error);
}

static gboolean kvm_start(Cell *cell, GError **error)
{
    const CellPayload *p = cell_payload();
    CellPart *part = NULL;
    KvmMachine *m = unpark(cell, p, &part);

    return m && start_again(cell, m, part) ? kvm_run_to_ready(m, cell, 0, error)
                                           : start_new(cell, p, error);
}

static gboolean kvm_start_cpu(Cell *cell, guint n, GError **error)
{
    const KvmMachine *m = cell->machine;
    CellCpu *cpu = cell_make_cpu(cell, n, m->payload, FALSE, error);

    if (!cpu) {
        return FALSE;
    }
    kvm_map_codec(cell->cpus[0], cpu, n);
    return kvm_add_slot(m, 1 + n, kvm_gpa_of(n), cpu->part->base, cpu->part->size, 0, error) &&
           kvm_add_vcpu(m, cell, n, error);
}

static void kvm_stop(Cell *cell)
{
    CellCpu *first = cell->cpus[0];
    gboolean good = first && first->started && !cell->death;

    for (guint i = 1; i < ABI_MAX_CPUS; i++) {
        if (cell->cpus[i] && cell->cpus[i]->part) {
            kvm_free_vcpu(cell->cpus[i]->part);
            good = FALSE;
        }
    }
    if (good) {
        park(cell->machine, cell_take_part(first));
        return;
    }
    if (first && first->part) {
        kvm_free_vcpu(first->part);
    }
    kvm_free_machine(cell->machine);
    for (guint i = 0; i < ABI_MAX_CPUS; i++) {
        cell_unmake_cpu(cell->cpus[i]);
    }
}

const CellBackend cell_kvm = {
    .kind = CELL_KVM,
    .name = "kvm",
    .start = kvm_start,
    .start_cpu = kvm_start_cpu,
    .enter = kvm_enter,
    .stop = kvm_stop,
};
