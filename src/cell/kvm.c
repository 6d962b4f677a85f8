/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kvm back end: a virtual machine that has memory, processors and nothing else. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "cell/kvm.h"

static gboolean fail(GError **error, const char *what)
{
    g_set_error(error, CELL_ERROR, CELL_ERROR_START, "%s: %s", what, g_strerror(errno));
    return FALSE;
}

/* /dev/kvm, open as long as the program runs; -1 and errno. */
static int open_kvm(guint *ret_vcpu_size)
{
    static GMutex mutex;
    static int fd = -1, size;

    g_mutex_lock(&mutex);
    if (fd < 0) {
        fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (fd >= 0 && (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION ||
                        ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0 ||
                        ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0 ||
                        (size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0)) < (int)sizeof(struct kvm_run))) {
            close(fd);
            fd = -1;
            errno = ENOTSUP;
        }
    }
    int code = errno;
    g_mutex_unlock(&mutex);
    errno = code;
    *ret_vcpu_size = (guint)size;
    return fd;
}

/* Slot numbers: 0 the text, 1 + n the part of cpu n. */
static gboolean add_slot(const KvmMachine *m, guint slot, guint64 gpa, const guint8 *host,
                         gsize size, guint flags, GError **error)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = flags,
        .guest_phys_addr = gpa,
        .memory_size = align_up(size, ABI_PAGE),
        .userspace_addr = (guintptr)host,
    };

    return ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0 ||
           fail(error, "KVM_SET_USER_MEMORY_REGION");
}

static gboolean run_to_ready(const KvmMachine *m, Cell *cell, guint n, GError **error)
{
    const KvmCpu *c = cell->cpus[n]->part->machine;

    if (!kvm_set_cpu(c->fd, n, m->payload->entry)) {
        return fail(error, "KVM_SET_SREGS");
    }
    if (!kvm_enter(cell, n, error) || !cell_serve_ready(cell, n, error)) {
        return FALSE;
    }
    cell->cpus[n]->started = TRUE;
    cell_count_cpu();
    return TRUE;
}

static gboolean add_vcpu(const KvmMachine *m, Cell *cell, guint n, GError **error)
{
    CellCpu *cpu = cell->cpus[n];
    KvmCpu *c = g_new0(KvmCpu, 1);

    cpu->part->machine = c;
    c->run_size = m->vcpu_size;
    c->fd = ioctl(m->vm, KVM_CREATE_VCPU, (unsigned long)n);
    if (c->fd < 0) {
        return fail(error, "KVM_CREATE_VCPU");
    }
    c->run = mmap(NULL, c->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    if (c->run == MAP_FAILED) {
        c->run = NULL;
        return fail(error, "mmap of a vCPU");
    }
    if (!kvm_set_features(c->fd)) {
        return fail(error, "KVM_SET_CPUID2");
    }
    return run_to_ready(m, cell, n, error);
}

static void free_vcpu(CellPart *part)
{
    KvmCpu *c = part->machine;

    if (c && c->run) {
        munmap(c->run, c->run_size);
    }
    if (c && c->fd >= 0) {
        close(c->fd);
    }
    g_clear_pointer(&part->machine, g_free);
}

static void free_machine(KvmMachine *m)
{
    if (m && m->vm >= 0) {
        close(m->vm);
    }
    g_free(m);
}

/* One machine whose cell has ended well is kept, as making and unmaking one is most of a cell's
 * cost: an info of a chain of images then makes one machine, not one an image. What the next cell
 * finds is a machine with its memory cleared and its registers set anew. */
static struct {
    GMutex mutex;
    KvmMachine *machine;    /* NULL: none */
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
        free_vcpu(old_part);
        free_machine(old);
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
        free_vcpu(part);
        free_machine(m);
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
    int kvm = open_kvm(&m->vcpu_size);
    gsize constant = p->rodata.address + p->rodata.size - p->text.address;

    m->payload = p;
    m->text = p->text.bytes;
    m->vm = -1;
    if (kvm < 0) {
        return fail(error, "/dev/kvm");
    }
    m->vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (m->vm < 0) {
        return fail(error, "KVM_CREATE_VM");
    }
    CellCpu *cpu = cell_make_cpu(cell, 0, p, FALSE, error);
    if (!cpu) {
        return FALSE;
    }
    kvm_map_core(cpu, p);
    return add_slot(m, 0, KVM_GPA_TEXT, p->text.bytes, constant, KVM_MEM_READONLY, error) &&
           add_slot(m, 1, KVM_GPA_CORE, cpu->part->base, cpu->part->size, 0, error) &&
           add_vcpu(m, cell, 0, error);
}

static gboolean kvm_start(Cell *cell, GError **error)
{
    const CellPayload *p = cell_payload();
    CellPart *part = NULL;
    KvmMachine *m = unpark(cell, p, &part);

    return m && start_again(cell, m, part) ? run_to_ready(m, cell, 0, error)
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
    return add_slot(m, 1 + n, kvm_gpa_of(n), cpu->part->base, cpu->part->size, 0, error) &&
           add_vcpu(m, cell, n, error);
}

static void kvm_stop(Cell *cell)
{
    CellCpu *first = cell->cpus[0];
    gboolean good = first && first->started && !cell->death;

    for (guint i = 1; i < ABI_MAX_CPUS; i++) {
        if (cell->cpus[i] && cell->cpus[i]->part) {
            free_vcpu(cell->cpus[i]->part);
            good = FALSE;
        }
    }
    if (good) {
        park(cell->machine, cell_take_part(first));
        return;
    }
    if (first && first->part) {
        free_vcpu(first->part);
    }
    free_machine(cell->machine);
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
