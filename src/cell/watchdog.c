/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cell/internal.h"
#include "cell/watchdog.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Nobody else in this program uses a real-time signal. */
#define WATCHDOG_SIGNAL (SIGRTMIN + 5)
#define DEFAULT_LIMIT 30000u /* ms */

static __thread volatile guint8 *armed_flag;
static __thread volatile sig_atomic_t expired;

/* A thread's timer, deleted with the thread. */
typedef struct {
    timer_t timer;
} Watchdog;

static void free_watchdog(gpointer data)
{
    timer_delete(((Watchdog *)data)->timer);
    g_free(data);
}

static GPrivate own_watchdog = G_PRIVATE_INIT(free_watchdog);

static void on_signal(int signal)
{
    expired = 1;
    if (armed_flag) {
        *armed_flag = 1;
    }
}

static Watchdog *get_watchdog(void)
{
    Watchdog *w = g_private_get(&own_watchdog);
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WATCHDOG_SIGNAL };
    timer_t timer;
    sigset_t set;

    if (w) {
        return w;
    }
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    sigaction(WATCHDOG_SIGNAL, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, WATCHDOG_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) {
        return NULL;
    }
    w = g_new(Watchdog, 1);
    w->timer = timer;
    g_private_set(&own_watchdog, w);
    return w;
}

static gboolean set_timer(const Watchdog *w, guint ms)
{
    struct itimerspec spec = {
        .it_value = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
    };

    return timer_settime(w->timer, 0, &spec, NULL) == 0;
}

gboolean watchdog_arm(guint ms, volatile guint8 *flag)
{
    Watchdog *w = get_watchdog();

    expired = 0;
    armed_flag = flag;
    return w && set_timer(w, ms);
}

gboolean watchdog_disarm(void)
{
    set_timer(get_watchdog(), 0);
    armed_flag = NULL;
    return expired;
}

static guint test_limit;

void cell_set_time_limit(guint ms)
{
    test_limit = ms;
}

guint cell_time_limit(void)
{
    static gsize limit;

    if (test_limit) {
        return test_limit;
    }
    if (g_once_init_enter(&limit)) {
        const char *word = g_getenv("INSTAR_IMG_CELL_TIMEOUT");
        guint64 seconds = 0;
        gboolean given = word && g_ascii_string_to_unsigned(word, 10, 1, 86400, &seconds, NULL);
        g_once_init_leave(&limit, given ? (gsize)seconds * 1000 : DEFAULT_LIMIT);
    }
    return (guint)limit;
}
