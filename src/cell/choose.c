/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which back end cells are of. */
#include "config.h"

#include "cell/internal.h"

static struct {
    GMutex mutex;
    gboolean chosen;
    CellKind kind;
    gboolean no_kvm; /* auto tried it, and it does not work here */
    const CellBackend *forced;
} choice;

static gboolean kind_of(const char *word, CellKind *ret_kind)
{
    static const struct {
        const char *word;
        CellKind kind;
    } words[] = {
        { "auto", CELL_AUTO },
        { "kvm", CELL_KVM },
        { "process", CELL_PROCESS },
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_equal(word, words[i].word)) {
            *ret_kind = words[i].kind;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean choose(const char *source, const char *word, GError **error)
{
    if (!kind_of(word, &choice.kind)) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_START,
                    "%s: '%s' is none of auto, kvm and process", source, word);
        return FALSE;
    }
    choice.chosen = TRUE;
    return TRUE;
}

gboolean cell_choose(const char *word, GError **error)
{
    g_mutex_lock(&choice.mutex);
    gboolean good = choose("--cell", word, error);
    g_mutex_unlock(&choice.mutex);
    return good;
}

void cell_use_backend(const CellBackend *backend)
{
    choice.forced = backend;
}

/* What to try now: *ret_then is for when it does not start, NULL: nothing. */
static const CellBackend *first_choice(const CellBackend **ret_then, GError **error)
{
    const CellBackend *first = NULL;
    const char *word = g_getenv("INSTAR_IMG_CELL");

    *ret_then = NULL;
    g_mutex_lock(&choice.mutex);
    if (choice.forced) {
        first = choice.forced;
    } else if (choice.chosen || !word || choose("INSTAR_IMG_CELL", word, error)) {
        gboolean automatic = choice.kind == CELL_AUTO;
        first =
            choice.kind == CELL_PROCESS || (automatic && choice.no_kvm) ? &cell_process : &cell_kvm;
        *ret_then = automatic && first == &cell_kvm ? &cell_process : NULL;
    }
    g_mutex_unlock(&choice.mutex);
    return first;
}

Cell *cell_start(const CellConfig *config, GError **error)
{
    const CellBackend *then, *first = first_choice(&then, error);

    if (!first) {
        return NULL;
    }
    Cell *cell = cell_new(first, config, then ? NULL : error);
    if (!cell && then) {
        cell = cell_new(then, config, error);
        g_mutex_lock(&choice.mutex);
        choice.no_kvm |= cell != NULL;
        g_mutex_unlock(&choice.mutex);
    }
    return cell;
}
