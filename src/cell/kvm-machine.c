/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and unmaking machines and their vCPUs. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "cell/kvm.h"

gboolean kvm_fail(GError **error, const char *what)
{
    g_set_error(error, CELL_ERROR, CELL_ERROR_START, "%s: %s", what, g_strerror(errno));
    return FALSE;
}

int kvm_open(guint *ret_vcpu_size)
{
    static GMutex mutex;
    static int fd = -1, size;

    g_mutex_lock(&mutex);
    if (fd < 0) {
        fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (fd >= 0 &&
            (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION ||
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

void kvm_spare_keys(const KvmMachine *m)
{
    struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP };

    (void)ioctl(m->vm, KVM_ENABLE_CAP, &split);
}

gboolean kvm_add_slot(const KvmMachine *m, guint slot, guint64 gpa, const guint8 *host, gsize size,
                      guint flags, GError **error)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = flags,
        .guest_phys_addr = gpa,
        .memory_size = align_up(size, ABI_PAGE),
        .userspace_addr = (guintptr)host,
    };

    return ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0 ||
           kvm_fail(error, "KVM_SET_USER_MEMORY_REGION");
}

gboolean kvm_run_to_ready(const KvmMachine *m, Cell *cell, guint n, GError **error)
{
    const KvmCpu *c = cell->cpus[n]->part->machine;

    if (!kvm_set_cpu(c->fd, n, m->payload->entry)) {
        return kvm_fail(error, "KVM_SET_SREGS");
    }
    if (!kvm_enter(cell, n, error) || !cell_serve_ready(cell, n, error)) {
        return FALSE;
    }
    cell->cpus[n]->started = TRUE;
    cell_count_cpu();
    return TRUE;
}

gboolean kvm_add_vcpu(const KvmMachine *m, Cell *cell, guint n, GError **error)
{
    CellCpu *cpu = cell->cpus[n];
    KvmCpu *c = g_new0(KvmCpu, 1);

    cpu->part->machine = c;
    c->run_size = m->vcpu_size;
    c->fd = ioctl(m->vm, KVM_CREATE_VCPU, (unsigned long)n);
    if (c->fd < 0) {
        return kvm_fail(error, "KVM_CREATE_VCPU");
    }
    c->run = mmap(NULL, c->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    if (c->run == MAP_FAILED) {
        c->run = NULL;
        return kvm_fail(error, "mmap of a vCPU");
    }
    if (!kvm_set_features(c->fd)) {
        return kvm_fail(error, "KVM_SET_CPUID2");
    }
    return kvm_run_to_ready(m, cell, n, error);
}

void kvm_free_vcpu(CellPart *part)
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

void kvm_free_machine(KvmMachine *m)
{
    if (m && m->vm >= 0) {
        close(m->vm);
    }
    g_free(m);
}
