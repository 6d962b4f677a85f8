/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results that lie. */
#include "guest/libc.h"
#include "tests/hostile/hostile.h"

void act_result_size(struct cpu *cpu)
{
    cpu->box->result.head.size++;
}

void act_result_kind(struct cpu *cpu)
{
    cpu->box->result.head.kind = ABI_JOB_PROBE;
}

void act_result_status(struct cpu *cpu)
{
    cpu->box->result.status = 1;
}

void act_result_errno(struct cpu *cpu)
{
    cpu->box->result.status = FMT_E_IO;
    cpu->box->result.io_errno = 0x7fffffff;
}

void act_result_text_length(struct cpu *cpu)
{
    cpu->box->result.text_length = ABI_ERROR_TEXT + 1;
}

void act_result_out_length(struct cpu *cpu)
{
    cpu->box->result.out_length = ABI_TABLE_SIZE + 1;
}

/* It would fit in the table, but not where the host wants it. */
void act_result_out_of_room(struct cpu *cpu)
{
    cpu->box->result.out_length = ABI_TABLE_SIZE;
}

/* Told beyond what there is: counted as what there is. */
void act_result_peak(struct cpu *cpu)
{
    cpu->box->result.arena_peak = UINT64_MAX;
}

/* Not a lie, but what an image could hold: the host makes it harmless when it prints. */
void act_names_with_controls(struct cpu *cpu)
{
    static const char name[] = "\033]0;owned\007\033[2J\r\n\302\233x\377 \342\200\256fdp.exe";

    memcpy(cpu->box->result.text, name, sizeof name - 1);
    cpu->box->result.text_length = sizeof name - 1;
}
