/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that a host must not believe. */
#include "tests/hostile/hostile.h"

/* One operation; most acts spoil a member of a good one. */
static struct abi_io good_io(struct cpu *cpu, uint32_t op, uint32_t handle)
{
    return (struct abi_io){
        .op = op,
        .handle = handle,
        .length = 512,
        .address = cpu->boot->arena,
    };
}

static void ask(struct cpu *cpu, struct abi_io io)
{
    cpu->io[0] = io;
    cpu->box->request.count = 1;
    cpu_ring(cpu, ABI_REQ_IO);
}

static void ask_head(struct cpu *cpu, struct abi_head head, uint32_t count)
{
    cpu->io[0] = good_io(cpu, ABI_IO_SIZE, SOURCE);
    cpu->box->request = (struct abi_request){ .head = head, .count = count };
    cpu_ring_bell(cpu);
}

void act_wrong_size(struct cpu *cpu)
{
    ask_head(cpu, (struct abi_head){ sizeof(struct abi_request) + 8, ABI_REQ_IO, ABI_VERSION }, 1);
}

void act_wrong_kind(struct cpu *cpu)
{
    ask_head(cpu, (struct abi_head){ sizeof(struct abi_request), 77, ABI_VERSION }, 1);
}

void act_wrong_version(struct cpu *cpu)
{
    ask_head(cpu, (struct abi_head){ sizeof(struct abi_request), ABI_REQ_IO, ABI_VERSION + 1 }, 1);
}

void act_ready_again(struct cpu *cpu)
{
    cpu_ring(cpu, ABI_REQ_READY);
}

void act_no_operations(struct cpu *cpu)
{
    ask_head(cpu, (struct abi_head){ sizeof(struct abi_request), ABI_REQ_IO, ABI_VERSION }, 0);
}

void act_too_many_operations(struct cpu *cpu)
{
    ask_head(cpu, (struct abi_head){ sizeof(struct abi_request), ABI_REQ_IO, ABI_VERSION },
             ABI_MAX_IO + 1);
}

#define SPOILT(name, op, handle, member, value)                                                    \
    void act_##name(struct cpu *cpu)                                                               \
    {                                                                                              \
        struct abi_io io = good_io(cpu, op, handle);                                               \
        io.member = value;                                                                         \
        ask(cpu, io);                                                                              \
    }

SPOILT(unknown_operation, ABI_IO_READ, SOURCE, op, 9)
SPOILT(unknown_flags, ABI_IO_ZERO, TARGET, flags, 2)
SPOILT(reserved_bits, ABI_IO_READ, SOURCE, reserved, 1)
SPOILT(past_arena, ABI_IO_READ, SOURCE, address, cpu->boot->arena + cpu->boot->arena_size - 511)
SPOILT(before_arena, ABI_IO_READ, SOURCE, address, cpu->boot->arena - 1)
SPOILT(past_table, ABI_IO_READ, SOURCE, address,
       cpu->boot->block + ABI_BLOCK_OUT + ABI_TABLE_SIZE - 1)
SPOILT(length_wraps, ABI_IO_READ, SOURCE, length, -cpu->boot->arena)
SPOILT(length_huge, ABI_IO_READ, SOURCE, length, UINT64_MAX)
SPOILT(offset_huge, ABI_IO_READ, SOURCE, offset, UINT64_MAX - 511)
SPOILT(into_text, ABI_IO_READ, SOURCE, address, ABI_PAYLOAD_START)
SPOILT(into_constants, ABI_IO_READ, SOURCE, address, (uint64_t)(uintptr_t) "constant")
SPOILT(into_mailbox, ABI_IO_READ, SOURCE, address, (uint64_t)(uintptr_t)cpu->box)
SPOILT(into_window, ABI_IO_READ, SOURCE, address, ABI_WINDOW_START)
SPOILT(into_host, ABI_IO_READ, SOURCE, address, 0x7fff00000000ul)
SPOILT(handle_never_given, ABI_IO_READ, SOURCE, handle, 4)
SPOILT(handle_huge, ABI_IO_READ, SOURCE, handle, UINT32_MAX)
SPOILT(read_write_only, ABI_IO_READ, WRITE_ONLY, offset, 0)
SPOILT(write_read_only, ABI_IO_WRITE, SOURCE, offset, 0)
SPOILT(zero_read_only, ABI_IO_ZERO, SOURCE, offset, 0)
SPOILT(discard_read_only, ABI_IO_DISCARD, SOURCE, offset, 0)
SPOILT(truncate_read_only, ABI_IO_TRUNCATE, SOURCE, offset, 0)
SPOILT(write_past_end, ABI_IO_WRITE, TARGET, offset, FILE_SIZE - 511)
SPOILT(write_past_growth, ABI_IO_WRITE, GROWING, offset, GROWN_SIZE - 511)
SPOILT(zero_past_growth, ABI_IO_ZERO, GROWING, length, GROWN_SIZE + 1)
SPOILT(truncate_past_growth, ABI_IO_TRUNCATE, GROWING, offset, GROWN_SIZE + 1)

/* Nothing of a request is run before all of it is checked. */
void act_good_then_bad(struct cpu *cpu)
{
    cpu->io[0] = good_io(cpu, ABI_IO_WRITE, TARGET);
    cpu->io[1] = good_io(cpu, ABI_IO_WRITE, SOURCE);
    cpu->box->request.count = 2;
    cpu_ring(cpu, ABI_REQ_IO);
}

void act_emit_outside(struct cpu *cpu)
{
    cpu->box->request.total = ABI_TABLE_SIZE - 8;
    cpu->box->request.done = 16;
    cpu_ring(cpu, ABI_REQ_EMIT);
}

/* A good request turns into a bad one while the host works on it: as a process the cpu itself
 * goes on after the ring, in a machine another cpu (arg[1] of its job is not 0) does it. Writes
 * to SOURCE must never happen; that the host refuses one it has copied so is as good. */
void act_changed_after_ringing(struct cpu *cpu)
{
    struct cpu *victim = (struct cpu *)(uint64_t)(ABI_BLOCK_START + ABI_BLOCK_CPU);
    volatile struct abi_io *io = cpu->boot->cpu ? victim->io : cpu->io;
    struct abi_io write = good_io(cpu, ABI_IO_WRITE, TARGET);

    write.address = ABI_ARENA_START;
    if (cpu->boot->cpu == 0) {
        cpu->io[0] = write;
        cpu->box->request.count = 1;
    }
    for (uint32_t round = 0; round < 64; round++) {
        char byte = 0;
        long r;

        if (cpu->boot->flags & ABI_BOOT_PROCESS && cpu->boot->cpu == 0) {
            cpu->box->request.head =
                (struct abi_head){ sizeof cpu->box->request, ABI_REQ_IO, ABI_VERSION };
            io->handle = TARGET;
            __asm__ volatile("syscall"
                             : "=a"(r)
                             : "a"(1), "D"(cpu->boot->channel), "S"(&byte), "d"(1)
                             : "rcx", "r11", "memory");
        } else if (cpu->boot->cpu == 0) {
            cpu_ring(cpu, ABI_REQ_IO);
            continue;
        }
        for (uint32_t i = 0; i < 20000; i++) {
            io->handle = i & 1 ? TARGET : SOURCE;
            io->address = i & 2 ? ABI_ARENA_START : 0x7fff00000000ul;
        }
        io->handle = TARGET;
        io->address = ABI_ARENA_START;
        if (cpu->boot->flags & ABI_BOOT_PROCESS && cpu->boot->cpu == 0) {
            __asm__ volatile("syscall"
                             : "=a"(r)
                             : "a"(0), "D"(cpu->boot->channel), "S"(&byte), "d"(1)
                             : "rcx", "r11", "memory");
        }
    }
}

void act_flood_progress(struct cpu *cpu)
{
    for (uint64_t i = 0;; i++) {
        cpu->box->request.done = i;
        cpu->box->request.total = UINT64_MAX;
        cpu_ring(cpu, ABI_REQ_PROGRESS);
    }
}

void act_flood_sizes(struct cpu *cpu)
{
    for (;;) {
        ask(cpu, good_io(cpu, ABI_IO_SIZE, SOURCE));
    }
}

void act_flood_bytes(struct cpu *cpu)
{
    for (;;) {
        for (uint32_t i = 0; i < ABI_MAX_IO; i++) {
            cpu->io[i] = good_io(cpu, ABI_IO_READ, SOURCE);
            cpu->io[i].length = 16u << 20;
        }
        cpu->box->request.count = ABI_MAX_IO;
        cpu_ring(cpu, ABI_REQ_IO);
    }
}

void act_flood_emit(struct cpu *cpu)
{
    for (;;) {
        cpu->box->request.total = 0;
        cpu->box->request.done = ABI_TABLE_SIZE;
        cpu_ring(cpu, ABI_REQ_EMIT);
    }
}

/* On a codec cpu: it has nothing to ask for. */
void act_codec_request(struct cpu *cpu)
{
    ask(cpu, good_io(cpu, ABI_IO_SIZE, SOURCE));
}
