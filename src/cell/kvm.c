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
    if (!kvm_set_cpu(c->fd, n, m->payload->entry)) {
        return fail(error, "KVM_SET_SREGS");
    }
    if (!kvm_enter(cell, n, error) || !cell_serve_ready(cell, n, error)) {
        return FALSE;
    }
    cpu->started = TRUE;
    cell_count_cpu();
    return TRUE;
}

static gboolean kvm_start(Cell *cell, GError **error)
{
    KvmMachine *m = cell->machine = g_new0(KvmMachine, 1);
    int kvm = open_kvm(&m->vcpu_size);
    const CellPayload *p = m->payload = cell_payload();
    gsize constant = p->rodata.address + p->rodata.size - p->text.address;

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
    KvmMachine *m = cell->machine;

    for (guint i = 0; i < ABI_MAX_CPUS; i++) {
        KvmCpu *c = cell->cpus[i] ? cell->cpus[i]->part->machine : NULL;
        if (c && c->run) {
            munmap(c->run, c->run_size);
        }
        if (c && c->fd >= 0) {
            close(c->fd);
        }
        g_free(c);
    }
    if (m && m->vm >= 0) {
        close(m->vm);
    }
    for (guint i = 0; i < ABI_MAX_CPUS; i++) {
        cell_unmake_cpu(cell->cpus[i]);
    }
    g_free(m);
}

const CellBackend cell_kvm = {
    .kind = CELL_KVM,
    .name = "kvm",
    .start = kvm_start,
    .start_cpu = kvm_start_cpu,
    .enter = kvm_enter,
    .stop = kvm_stop,
};
