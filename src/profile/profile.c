/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "profile/profile.h"

#define MOST_ASKED 64u

typedef struct {
    guint since, until; /* major * 10000 + minor * 100; until 0: still so */
} Fact;

static const Fact facts[PROFILE_N_FACTS] = {
#define PROFILE_FACT(name, since, until, shown_by, words) [FACT_##name] = { since, until },
#include "profile/facts.h"
#undef PROFILE_FACT
};

static struct {
    gboolean ready;
    guint version;
    char text[16];
    const char *log; /* NULL: nobody wants to know what is asked */
} profile;

/* What was asked, for each question to be told once. */
static struct {
    GMutex mutex;
    Fact facts[MOST_ASKED];
    guint n;
} asked;

G_GNUC_PRINTF(1, 2) static void tell(const char *format, ...)
{
    int fd = g_open(profile.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    va_list args;

    if (fd >= 0) {
        va_start(args, format);
        vdprintf(fd, format, args);
        va_end(args);
        close(fd);
    }
}

static void tell_asked(guint since, guint until)
{
    guint i = 0;

    g_mutex_lock(&asked.mutex);
    while (i < asked.n && (asked.facts[i].since != since || asked.facts[i].until != until)) {
        i++;
    }
    if (i == asked.n) {
        if (asked.n < MOST_ASKED) {
            asked.facts[asked.n++] = (Fact){ since, until };
        }
        tell("%u %u\n", since, until);
    }
    g_mutex_unlock(&asked.mutex);
}

static guint active(void)
{
    if (G_UNLIKELY(!profile.ready)) {
        profile_init(NULL);
    }
    return profile.version;
}

static gboolean answer(guint since, guint until)
{
    guint version = active();

    if (profile.log != NULL) {
        tell_asked(since, until);
    }
    return version >= since && (until == 0 || version < until);
}

/* "7.2.22" or "7.2": up to two digits a part. FALSE for anything else. */
static gboolean parse_version(const char *text, guint *ret_version)
{
    guint part[3] = { 0, 0, 0 };
    guint n = 0;

    for (const char *p = text;; p++) {
        guint digits = 0;

        for (; g_ascii_isdigit(*p); p++, digits++) {
            part[n] = part[n] * 10 + (guint)(*p - '0');
            if (digits == 2) {
                return FALSE;
            }
        }
        n++;
        if (digits == 0 || (*p != '.' && *p != '\0') || (*p == '.' && n == G_N_ELEMENTS(part))) {
            return FALSE;
        }
        if (*p == '\0') {
            break;
        }
    }
    *ret_version = part[0] * 10000 + part[1] * 100 + part[2];
    return n >= 2;
}

gboolean profile_init(GError **error)
{
    const char *wanted = g_getenv("INSTAR_IMG_QEMU_VERSION");
    gboolean ok = TRUE;

    if (wanted == NULL || *wanted == '\0' || !parse_version(wanted, &profile.version)) {
        if (wanted != NULL && *wanted != '\0') {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "INSTAR_IMG_QEMU_VERSION: '%s' is not a version of the form X.Y.Z", wanted);
            ok = FALSE;
        }
        parse_version(INSTAR_QEMU_VERSION, &profile.version);
    }
    g_snprintf(profile.text, sizeof profile.text, "%u.%u.%u", profile.version / 10000,
               profile.version / 100 % 100, profile.version % 100);
    if (!profile.ready && (profile.log = g_getenv("INSTAR_IMG_PROFILE_LOG")) != NULL) {
        tell("run\n");
    }
    profile.ready = TRUE;
    return ok;
}

guint profile_version(void)
{
    guint version = active();

    if (profile.log != NULL) {
        tell("version\n");
    }
    return version;
}

const char *profile_version_string(void)
{
    profile_version();
    return profile.text;
}

gboolean profile_has(ProfileFact fact)
{
    return answer(facts[fact].since, facts[fact].until);
}

gboolean profile_reaches(guint version)
{
    return answer(version, 0);
}
