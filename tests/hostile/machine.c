/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Acts against the machine: memory, processor, doorbells. */
#include "guest/libc.h"
#include "tests/hostile/hostile.h"

static volatile uint32_t own_data = 1;
static const uint32_t own_constant = 0xc3c3c3c3; /* RET */

static void store(uint64_t address)
{
    *(volatile uint8_t *)address = 1;
}

void act_wild_store(struct cpu *cpu)
{
    *(volatile uint32_t *)0x600000000000ul = 1;
}

void act_null_load(struct cpu *cpu)
{
    uint64_t address = 16;

    __asm__("" : "+r"(address)); /* not the compiler's to know */
    own_data = *(volatile uint32_t *)address;
}

void act_jump_to_data(struct cpu *cpu)
{
    own_data = 0xc3c3c3c3;
    ((void (*)(void))(uintptr_t)&own_data)();
}

void act_jump_to_constants(struct cpu *cpu)
{
    ((void (*)(void))(uintptr_t)&own_constant)();
}

void act_write_text(struct cpu *cpu)
{
    store((uint64_t)(uintptr_t)act_write_text);
}

void act_write_constants(struct cpu *cpu)
{
    store((uint64_t)(uintptr_t)&own_constant);
}

void act_write_boot_page(struct cpu *cpu)
{
    store((uint64_t)(uintptr_t)cpu->boot);
}

static uint8_t own_bss[8192];

/* Fill all that may be written. The test looks at the page tables afterwards. */
void act_write_everything(struct cpu *cpu)
{
    memset(own_bss, 0xff, sizeof own_bss);
    memset((void *)(cpu->boot->block + ABI_BLOCK_STACK), 0xff, ABI_STACK_SIZE / 2);
    __asm__ volatile("pcmpeqd %%xmm14, %%xmm14\n\tpcmpeqd %%xmm15, %%xmm15" ::: "xmm14", "xmm15");
    memset((void *)cpu->boot->arena, 0xff, cpu->boot->arena_size);
    memset((void *)(cpu->boot->block + ABI_BLOCK_IN), 0xff, ABI_TABLE_SIZE);
    memset((void *)(cpu->boot->block + ABI_BLOCK_OUT), 0xff, ABI_TABLE_SIZE);
    memset((void *)cpu->io, 0xff, ABI_MAX_IO * sizeof *cpu->io);
}

static uint64_t count_nonzero(const uint8_t *p, uint64_t n)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i < n; i++) {
        found += p[i] != 0;
    }
    return found;
}

/* What another cell has left behind, in bytes. */
void act_look_for_leftovers(struct cpu *cpu)
{
    uint64_t vectors[4];
    const uint8_t *block = (const uint8_t *)cpu->boot->block;

    __asm__ volatile("movups %%xmm14, %0\n\tmovups %%xmm15, %1"
                     : "=m"(*(uint64_t(*)[2]) & vectors[0]), "=m"(*(uint64_t(*)[2]) & vectors[2]));
    cpu->box->result.ret[0] =
        count_nonzero((const uint8_t *)vectors, sizeof vectors) +
        count_nonzero((const uint8_t *)cpu->boot->arena, cpu->boot->arena_size) +
        count_nonzero(block + ABI_BLOCK_IN, ABI_TABLE_SIZE) +
        count_nonzero(block + ABI_BLOCK_OUT, ABI_TABLE_SIZE) +
        count_nonzero(block + ABI_BLOCK_STACK, ABI_STACK_SIZE / 2) +
        count_nonzero(own_bss, sizeof own_bss);
}

void act_load_page_table_register(struct cpu *cpu)
{
    uint64_t v;

    __asm__ volatile("movq %%cr3, %0" : "=r"(v));
    own_data = (uint32_t)v;
}

void act_endless_loop(struct cpu *cpu)
{
    for (;;) {
        own_data++;
    }
}

static uint32_t recurse(volatile uint32_t *above)
{
    volatile uint32_t here[256];

    here[0] = *above + 1;
    return own_data ? recurse(here) + here[0] : 0;
}

void act_endless_recursion(struct cpu *cpu)
{
    own_data = recurse(&own_data);
}

void act_overrun_table(struct cpu *cpu)
{
    volatile uint8_t *table = (volatile uint8_t *)(cpu->boot->block + ABI_BLOCK_OUT);

    for (uint64_t i = 0; i <= ABI_TABLE_SIZE; i++) {
        table[i] = 1;
    }
}

void act_port_io(struct cpu *cpu)
{
    __asm__ volatile("outb %%al, $0x10" ::"a"(1));
}

void act_undefined_instruction(struct cpu *cpu)
{
    __asm__ volatile("ud2");
}

void act_halt(struct cpu *cpu)
{
    __asm__ volatile("hlt");
}

void act_breakpoint(struct cpu *cpu)
{
    __asm__ volatile("int3");
}

void act_divide_by_zero(struct cpu *cpu)
{
    __asm__ volatile("divl %%ecx" ::"a"(1), "c"(0), "d"(0));
}

void act_old_system_call(struct cpu *cpu)
{
    /* 32-bit exit(0): where it works, it is another table of calls. */
    __asm__ volatile("int $0x80" ::"a"(1), "b"(0));
}

/* What __stack_chk_fail of the payload does. */
void act_smashed_stack(struct cpu *cpu)
{
    __builtin_trap();
}

void act_foreign_doorbell(struct cpu *cpu)
{
    *(volatile uint32_t *)(cpu->boot->doorbell + ABI_PAGE) = 1;
}

void act_wide_doorbell(struct cpu *cpu)
{
    *(volatile uint64_t *)cpu->boot->doorbell = 1;
}

void act_read_doorbell(struct cpu *cpu)
{
    own_data = *(volatile uint32_t *)cpu->boot->doorbell;
}
