/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things lie in a cell: addresses as the payload sees them, the same in
 * every back end, and the page that tells a cpu about itself.
 *
 * All of it is below 2 GiB, where neither a position-independent program nor
 * the address sanitizer's shadow keeps anything. Between the parts nothing is
 * mapped; so each stack, mailbox and window has a guard on both sides.
 */
#ifndef INSTAR_LAYOUT_H
#define INSTAR_LAYOUT_H

#include "abi/abi.h"

#define ABI_PAGE 4096u

/* The payload's text, read-only data, then data and bss: at most 4 MiB. */
#define ABI_PAYLOAD_START 0x00200000u
#define ABI_PAYLOAD_END 0x00600000u

/* Each cpu has a block of 1 MiB; offsets in it: */
#define ABI_BLOCK_START 0x01000000u
#define ABI_BLOCK_SIZE 0x00100000u
#define ABI_BLOCK_BOOT 0x01000u    /* struct abi_boot, read-only, one page */
#define ABI_BLOCK_MAILBOX 0x03000u /* struct abi_mailbox, one page */
#define ABI_BLOCK_IO 0x04000u      /* struct abi_io[ABI_MAX_IO] */
#define ABI_BLOCK_CPU 0x08000u     /* the payload's own page; FS base points here */
#define ABI_CPU_SIZE 0x02000u
#define ABI_BLOCK_IN 0x10000u  /* in table */
#define ABI_BLOCK_OUT 0x60000u /* out table */
#define ABI_BLOCK_STACK 0xb0000u
#define ABI_STACK_SIZE 0x40000u
#define ABI_BLOCK_FAULT 0xf4000u /* stack of the fault handler (process) */
#define ABI_FAULT_SIZE 0x08000u

/* Arena of the driver cpu: at most 512 MiB. */
#define ABI_ARENA_START 0x10000000u
#define ABI_ARENA_MAX 0x20000000u

/* Window and arena of codec cpu n (1..16), in a part of its own. */
#define ABI_WINDOW_START 0x40000000u
#define ABI_WINDOW_STRIDE 0x03000000u
#define ABI_WINDOW_MAX 0x02000000u
#define ABI_CODEC_ARENA 0x02800000u /* offset in the part */
#define ABI_CODEC_ARENA_MAX 0x00600000u

/* A store of 4 bytes here is the doorbell of cpu 0, a page further of cpu 1, … */
#define ABI_DOORBELL 0x7f000000u

#define ABI_LAYOUT_END 0x7ff00000u

enum abi_boot_flags {
    /* There is no hypervisor under this cpu: the doorbell is one byte written to
     * the descriptor "channel", its answer one byte read from it, and the first
     * thing to do is to unmap everything from ABI_LAYOUT_END up. */
    ABI_BOOT_PROCESS = 1 << 0,
};

/* Exit status of a process cpu that left an abi_fault. */
#define ABI_EXIT_FAULT 99

/* What a cpu is told; its address is the first argument of the entry point. */
struct abi_boot {
    struct abi_head head;  /* IN */
    uint32_t cpu;          /* IN */
    uint32_t flags;        /* IN enum abi_boot_flags */
    uint64_t block;        /* IN address of the block */
    uint64_t arena;        /* IN address, zeros */
    uint64_t arena_size;   /* IN bytes */
    uint64_t doorbell;     /* IN address */
    uint64_t canary;       /* IN random, for %fs:0x28 */
    uint64_t unmap_length; /* IN bytes from ABI_LAYOUT_END (process) */
    int32_t channel;       /* IN descriptor (process) */
    uint32_t reserved;
};
_Static_assert(sizeof(struct abi_boot) == 72, "abi_boot");
ABI_AT(abi_boot, cpu, 8);
ABI_AT(abi_boot, flags, 12);
ABI_AT(abi_boot, block, 16);
ABI_AT(abi_boot, arena, 24);
ABI_AT(abi_boot, arena_size, 32);
ABI_AT(abi_boot, doorbell, 40);
ABI_AT(abi_boot, canary, 48);
ABI_AT(abi_boot, unmap_length, 56);
ABI_AT(abi_boot, channel, 64);

_Static_assert(ABI_BLOCK_IO + sizeof(struct abi_io) * ABI_MAX_IO < ABI_BLOCK_CPU, "io array");
_Static_assert(ABI_BLOCK_IN + ABI_TABLE_SIZE < ABI_BLOCK_OUT, "in table");
_Static_assert(ABI_BLOCK_OUT + ABI_TABLE_SIZE < ABI_BLOCK_STACK, "out table");
_Static_assert(ABI_BLOCK_STACK + ABI_STACK_SIZE < ABI_BLOCK_FAULT, "stack");
_Static_assert(ABI_BLOCK_FAULT + ABI_FAULT_SIZE < ABI_BLOCK_SIZE, "fault stack");
_Static_assert(ABI_BLOCK_START + ABI_MAX_CPUS * ABI_BLOCK_SIZE <= ABI_ARENA_START, "blocks");
_Static_assert(ABI_ARENA_START + ABI_ARENA_MAX <= ABI_WINDOW_START, "arena");
_Static_assert(ABI_CODEC_ARENA + ABI_CODEC_ARENA_MAX < ABI_WINDOW_STRIDE, "codec arena");
_Static_assert(ABI_WINDOW_START + (ABI_MAX_CPUS - 1) * (uint64_t)ABI_WINDOW_STRIDE < ABI_DOORBELL,
               "windows");

#endif
