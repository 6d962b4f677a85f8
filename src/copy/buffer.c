/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <sys/mman.h>

#include "abi/abi.h"
#include "base/checked.h"
#include "copy/buffer.h"

#define HUGE_PAGE (2ul << 20)
/* Beyond this many threads the page cache is the limit, and memory grows for nothing. */
#define USEFUL_WORKERS 8u

guint8 *copy_buffer_new(gsize size)
{
    gsize room = align_up(size, HUGE_PAGE) + HUGE_PAGE;
    guint8 *map = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED) {
        g_error("Cannot allocate %" G_GSIZE_FORMAT " bytes", size);
    }
    /* Give back what stands out at both ends. */
    guint8 *buffer = (guint8 *)align_up((guintptr)map, HUGE_PAGE);
    gsize head = buffer - map;
    gsize tail = room - head - align_up(size, HUGE_PAGE);
    if (head) {
        munmap(map, head);
    }
    if (tail) {
        munmap(buffer + room - head - tail, tail);
    }
    /* First touch of huge pages takes a quarter of the time; a kernel without them says so here. */
    (void)madvise(buffer, align_up(size, HUGE_PAGE), MADV_HUGEPAGE);
    return buffer;
}

void copy_buffer_free(guint8 *buffer, gsize size)
{
    if (buffer) {
        munmap(buffer, align_up(size, HUGE_PAGE));
    }
}

guint copy_workers(guint limit)
{
    guint n = MIN(g_get_num_processors(), limit ? ABI_MAX_CPUS - 1 : USEFUL_WORKERS);

    return limit ? MIN(n, limit) : n;
}
