/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state a vCPU begins in: 64-bit user mode, no interrupt table, no system calls. */
#include "config.h"

#include <cpuid.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cell/kvm.h"

/* Instructions the payload may use, if the host has them. A table of one's own spares asking
 * KVM for its (KVM_GET_SUPPORTED_CPUID is a quarter of a cell's start). */
#define LEAF1_ECX                                                                                  \
    (bit_SSE3 | bit_PCLMUL | bit_SSSE3 | bit_FMA | bit_SSE4_1 | bit_SSE4_2 | bit_MOVBE |           \
     bit_POPCNT | bit_AES | bit_XSAVE | bit_OSXSAVE | bit_AVX | bit_F16C)
#define LEAF7_EBX (bit_BMI | bit_AVX2 | bit_BMI2 | bit_ENH_MOVSB | bit_SHA)
#define LEAF7_ECX (bit_VAES | bit_VPCLMULQDQ)
#ifndef bit_ENH_MOVSB
#define bit_ENH_MOVSB (1 << 9)
#endif
#define EXTENDED_ECX (bit_LAHF_LM | bit_LZCNT)
#define EXTENDED_EDX ((1u << 11) | (1u << 20) | bit_LM) /* SYSCALL, NX, LM */

/* XCR0: x87, SSE, AVX (Intel SDM 1, 13.3) and what XSAVE needs for them. */
#define XCR0_SSE 3u
#define XCR0_AVX 7u
#define XSAVE_BASE 576u
#define XSAVE_AVX 256u

typedef struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[12];
} CpuidTable;

static struct {
    gsize ready;
    CpuidTable cpuid;
    guint64 xcr0;
} host;

static struct kvm_cpuid_entry2 *add(CpuidTable *t, guint function, guint index, gboolean indexed)
{
    struct kvm_cpuid_entry2 *e = &t->entries[t->head.nent++];

    *e = (struct kvm_cpuid_entry2){
        .function = function,
        .index = index,
        .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
    };
    return e;
}

static struct kvm_cpuid_entry2 *add_of_host(CpuidTable *t, guint function, gboolean indexed)
{
    struct kvm_cpuid_entry2 *e = add(t, function, 0, indexed);

    __cpuid_count(function, 0, e->eax, e->ebx, e->ecx, e->edx);
    return e;
}

static void read_host(void)
{
    CpuidTable *t = &host.cpuid;
    struct kvm_cpuid_entry2 *e;
    guint low = 0, high = 0;

    e = add_of_host(t, 0, FALSE);
    e->eax = 0xd;
    e = add_of_host(t, 1, FALSE);
    e->ecx &= LEAF1_ECX;
    host.xcr0 = XCR0_SSE;
    if ((e->ecx & (bit_OSXSAVE | bit_AVX)) == (bit_OSXSAVE | bit_AVX)) {
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        host.xcr0 = low & XCR0_AVX;
    }
    e = add_of_host(t, 7, TRUE);
    e->eax = 0;
    e->ebx &= LEAF7_EBX;
    e->ecx &= LEAF7_ECX;
    e->edx = 0;
    e = add(t, 0xd, 0, TRUE);
    e->eax = (guint)host.xcr0;
    e->ebx = e->ecx = XSAVE_BASE + (host.xcr0 == XCR0_AVX ? XSAVE_AVX : 0);
    add(t, 0xd, 1, TRUE);
    e = add(t, 0xd, 2, TRUE);
    e->eax = XSAVE_AVX;
    e->ebx = XSAVE_BASE;
    e = add(t, 0x80000000, 0, FALSE);
    e->eax = 0x80000008;
    e = add_of_host(t, 0x80000001, FALSE);
    e->ebx = 0;
    e->ecx &= EXTENDED_ECX;
    e->edx &= EXTENDED_EDX;
    e = add(t, 0x80000008, 0, FALSE);
    e->eax = 36 | 48 << 8; /* bits of physical and virtual addresses */
}

gboolean kvm_set_features(int fd)
{
    if (g_once_init_enter(&host.ready)) {
        read_host();
        g_once_init_leave(&host.ready, 1);
    }
    return ioctl(fd, KVM_SET_CPUID2, &host.cpuid) == 0;
}

gboolean kvm_set_cpu(int fd, guint n, guint64 entry)
{
    struct kvm_segment segment = { .limit = 0xffffffff,
                                   .selector = 0x33,
                                   .present = 1,
                                   .type = 11,
                                   .dpl = 3,
                                   .s = 1,
                                   .l = 1,
                                   .g = 1 };
    struct kvm_sregs s = {
        .cs = segment,
        .tr = { .present = 1, .type = 11 },
        .cr0 = 0x80050033, /* PG, AM, WP, NE, ET, MP, PE */
        .cr3 = kvm_top_table(),
        .cr4 = 0x620 | 1 << 18, /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
        .efer = 0xd00,          /* NXE, LMA, LME; no SCE: SYSCALL is undefined */
        .apic_base = 0xfee00800 | (n ? 0 : 0x100),
    };
    segment.type = 3;
    segment.selector = 0x2b;
    segment.l = 0;
    segment.db = 1;
    s.ds = s.es = s.ss = s.gs = s.fs = segment;
    s.fs.base = cell_block_address(n) + ABI_BLOCK_CPU;

    struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = host.xcr0 } } };
    struct kvm_regs r = {
        .rip = entry,
        .rdi = cell_block_address(n) + ABI_BLOCK_BOOT,
        .rsp = cell_block_address(n) + ABI_BLOCK_STACK + ABI_STACK_SIZE - 8,
        .rflags = 2,
    };
    /* With a local APIC all but the first would wait to be woken by another. */
    struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

    if (n && ioctl(fd, KVM_SET_MP_STATE, &runnable) < 0) {
        return FALSE;
    }
    return ioctl(fd, KVM_SET_SREGS, &s) == 0 && ioctl(fd, KVM_SET_XCRS, &x) == 0 &&
           ioctl(fd, KVM_SET_REGS, &r) == 0;
}

gboolean kvm_clear_vectors(int fd)
{
    struct kvm_xsave x;

    /* No component is in use but for the two control words, as after a reset (Intel SDM 1,
     * 13.4.1 and 13.4.2): FCW, MXCSR; XSTATE_BV is 0. */
    memset(&x, 0, sizeof x);
    x.region[0] = 0x37f;
    x.region[6] = 0x1f80;
    return ioctl(fd, KVM_SET_XSAVE, &x) == 0;
}
