/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The payload's ELF, as built, on pages of its own; assembled in the top build folder. The
 * section is executable, although the host never runs a byte of it: so the process back end can
 * move the pages of the payload's text into its place without asking for more rights than they
 * have, which some policies forbid.
 */
        .section .text.payload, "ax", @progbits
        .balign 4096
        .globl  payload_blob
        .hidden payload_blob
        .type   payload_blob, @object
payload_blob:
        .incbin "guest/payload.elf"
        .size   payload_blob, . - payload_blob
        .globl  payload_blob_end
        .hidden payload_blob_end
payload_blob_end:
        .balign 4096

        .section .note.GNU-stack, "", @progbits
