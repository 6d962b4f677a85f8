/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "base/percent.h"
#include "cli/progress.h"

static struct {
    gboolean shown;
    float least; /* percent between two lines */
    float last;  /* percent, as shown last */
    float sum;   /* percent, of all that was added */
} progress;

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

static void print_line(FILE *stream, double percent, char end)
{
    fprintf(stream, "    (%3.2f/100%%)%c", percent, end);
    fflush(stream);
}

void progress_prepare(gboolean shown, double least)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    sigaction(SIGUSR1, &action, NULL);
    progress.shown = shown;
    progress.least = (float)least;
    progress.last = progress.sum = 0;
}

void progress_first(void)
{
    if (progress.shown) {
        print_line(stdout, 0, '\r');
    }
}

void progress_start(gboolean shown, double least)
{
    progress_prepare(shown, least);
    progress_first();
}

static void show(float percent)
{
    if (asked) {
        asked = 0;
        if (!progress.shown) {
            print_line(stderr, percent, '\n');
        }
    }
    if (progress.shown && percent_tells(percent, progress.last, progress.least)) {
        progress.last = percent;
        print_line(stdout, percent, '\r');
    }
}

void progress_update(guint64 done, guint64 total, gpointer user_data)
{
    (void)user_data;
    show(percent_of(done, total));
}

void progress_add(guint64 more, guint64 total)
{
    progress.sum = percent_sum(progress.sum, more, total);
    show(progress.sum);
}

void progress_end(void)
{
    if (progress.shown) {
        putchar('\n');
        progress.shown = FALSE;
    }
}
