/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hostile payload in its test program, as src/cell/payload-blob.S has the real one. */
        .section .text.hostile, "ax", @progbits
        .balign 4096
        .globl  hostile_blob
        .hidden hostile_blob
hostile_blob:
        .incbin "tests/hostile/hostile.elf"
        .globl  hostile_blob_end
        .hidden hostile_blob_end
hostile_blob_end:
        .balign 4096

        .section .note.GNU-stack, "", @progbits
