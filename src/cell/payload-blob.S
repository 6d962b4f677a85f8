/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The payload's ELF, as built, on pages of its own. Assembled in the top build folder. */
        .section .rodata.payload, "a", @progbits
        .balign 4096
        .globl  payload_blob
        .hidden payload_blob
        .type   payload_blob, @object
payload_blob:
        .incbin "guest/payload.elf"
payload_blob_end_:
        .size   payload_blob, payload_blob_end_ - payload_blob
        .balign 4096
        .globl  payload_blob_end
        .hidden payload_blob_end
        .set    payload_blob_end, payload_blob_end_

        .section .note.GNU-stack, "", @progbits
