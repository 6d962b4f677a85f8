/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a taken-over payload could try, one act a promise. The number of an act
 * is its place in this list; the host's test asks for it in arg[0] of a job.
 */
#ifndef INSTAR_HOSTILE_ACTS_H
#define INSTAR_HOSTILE_ACTS_H

#define HOSTILE_ACTS(X)                                                                            \
    /* machine.c */                                                                                \
    X(wild_store)                                                                                  \
    X(null_load)                                                                                   \
    X(jump_to_data)                                                                                \
    X(jump_to_constants)                                                                           \
    X(write_text)                                                                                  \
    X(write_constants)                                                                             \
    X(write_boot_page)                                                                             \
    X(write_everything)                                                                            \
    X(look_for_leftovers)                                                                          \
    X(load_page_table_register)                                                                    \
    X(endless_loop)                                                                                \
    X(endless_recursion)                                                                           \
    X(overrun_table)                                                                               \
    X(port_io)                                                                                     \
    X(undefined_instruction)                                                                       \
    X(halt)                                                                                        \
    X(breakpoint)                                                                                  \
    X(divide_by_zero)                                                                              \
    X(old_system_call)                                                                             \
    X(smashed_stack)                                                                               \
    X(foreign_doorbell)                                                                            \
    X(wide_doorbell)                                                                               \
    X(read_doorbell)                                                                               \
    /* syscalls.c */                                                                               \
    X(call_open)                                                                                   \
    X(call_socket)                                                                                 \
    X(call_execve)                                                                                 \
    X(call_fork)                                                                                   \
    X(call_mmap)                                                                                   \
    X(call_mprotect)                                                                               \
    X(call_munmap_own)                                                                             \
    X(call_kill)                                                                                   \
    X(call_ptrace)                                                                                 \
    X(call_read_other)                                                                             \
    X(call_write_other)                                                                            \
    X(call_x32)                                                                                    \
    X(call_exit)                                                                                   \
    /* requests.c */                                                                               \
    X(wrong_size)                                                                                  \
    X(wrong_kind)                                                                                  \
    X(wrong_version)                                                                               \
    X(ready_again)                                                                                 \
    X(no_operations)                                                                               \
    X(too_many_operations)                                                                         \
    X(unknown_operation)                                                                           \
    X(unknown_flags)                                                                               \
    X(reserved_bits)                                                                               \
    X(past_arena)                                                                                  \
    X(before_arena)                                                                                \
    X(past_table)                                                                                  \
    X(length_wraps)                                                                                \
    X(length_huge)                                                                                 \
    X(offset_huge)                                                                                 \
    X(into_text)                                                                                   \
    X(into_constants)                                                                              \
    X(into_mailbox)                                                                                \
    X(into_window)                                                                                 \
    X(into_host)                                                                                   \
    X(handle_never_given)                                                                          \
    X(handle_huge)                                                                                 \
    X(read_write_only)                                                                             \
    X(write_read_only)                                                                             \
    X(zero_read_only)                                                                              \
    X(discard_read_only)                                                                           \
    X(truncate_read_only)                                                                          \
    X(write_past_end)                                                                              \
    X(write_past_growth)                                                                           \
    X(zero_past_growth)                                                                            \
    X(truncate_past_growth)                                                                        \
    X(good_then_bad)                                                                               \
    X(emit_outside)                                                                                \
    X(changed_after_ringing)                                                                       \
    X(flood_progress)                                                                              \
    X(flood_sizes)                                                                                 \
    X(flood_bytes)                                                                                 \
    X(flood_emit)                                                                                  \
    X(codec_request)                                                                               \
    /* results.c */                                                                                \
    X(result_size)                                                                                 \
    X(result_kind)                                                                                 \
    X(result_status)                                                                               \
    X(result_errno)                                                                                \
    X(result_text_length)                                                                          \
    X(result_out_length)                                                                           \
    X(result_out_of_room)                                                                          \
    X(result_peak)                                                                                 \
    X(names_with_controls)

enum hostile_act {
#define X(name) ACT_##name,
    HOSTILE_ACTS(X)
#undef X
        N_ACTS
};

#endif
