/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "profile/profile.h"

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
} profile;

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
    profile.ready = TRUE;
    return ok;
}

guint profile_version(void)
{
    if (G_UNLIKELY(!profile.ready)) {
        profile_init(NULL);
    }
    return profile.version;
}

const char *profile_version_string(void)
{
    profile_version();
    return profile.text;
}

gboolean profile_has(ProfileFact fact)
{
    guint version = profile_version();

    return version >= facts[fact].since && (facts[fact].until == 0 || version < facts[fact].until);
}
