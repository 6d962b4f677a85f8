/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/object.h"
#include "cli/secret-words.h"
#include "image/options.h"
#include "image/secret.h"

/* Objects qemu-img can make; of these, secrets are of use here. */
static const char *const types[] = { "authz-list",        "authz-listfile",
                                     "authz-simple",      "main-loop",
                                     "pr-manager-helper", "secret",
                                     "secret_keyring",    "thread-context",
                                     "throttle-group",    "tls-cipher-suites",
                                     "tls-creds-anon",    "tls-creds-psk",
                                     "tls-creds-x509",    NULL };

/* Those that no qemu-img can make, although it knows their names. */
static const char *const others[] = { "can-bus",
                                      "cryptodev-backend",
                                      "cryptodev-backend-builtin",
                                      "cryptodev-backend-lkcf",
                                      "iothread",
                                      "pef-guest",
                                      "rng-builtin",
                                      "rng-random",
                                      "s390-pv-guest",
                                      NULL };

static const struct {
    const char *name, *help;
} secret_members[] = {
    { "data", "string" }, { "file", "string" },  { "format", "QCryptoSecretFormat" },
    { "iv", "string" },   { "keyid", "string" },
};

/* Members a secret has, but that are not for the user to set. */
static const char read_only_member[] = "loaded";

typedef struct {
    GPtrArray *names, *values; /* of char *; the last of equal names wins */
    gboolean want_help;
} Members;

static void members_clear(Members *members)
{
    g_clear_pointer(&members->names, g_ptr_array_unref);
    g_clear_pointer(&members->values, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Members, members_clear)

static gboolean refuse(GError **error, const char *format, const char *word)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, word);
    return FALSE;
}

static const char *member(const Members *members, const char *name)
{
    for (guint i = members->names->len; i > 0; i--) {
        if (g_str_equal(g_ptr_array_index(members->names, i - 1), name)) {
            return g_ptr_array_index(members->values, i - 1);
        }
    }
    return NULL;
}

static void add_member(Members *members, const char *name, gsize name_length, char *value)
{
    g_ptr_array_add(members->names, g_strndup(name, name_length));
    g_ptr_array_add(members->values, value);
}

/* Letters, digits, '-' and '_', beginning with a letter; several such parts joined by dots. */
static gboolean key_is_valid(const char *key, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        gboolean first = i == 0 || key[i - 1] == '.';

        if (first ? !g_ascii_isalpha(key[i])
                  : !g_ascii_isalnum(key[i]) && strchr("-_.", key[i]) == NULL) {
            return FALSE;
        }
    }
    return length > 0 && key[length - 1] != '.';
}

/* "TYPE,key=value,..." */
static gboolean read_words(const char *words, Members *members, GError **error)
{
    const char *p = words;

    while (*p != '\0') {
        gsize length = strcspn(p, "=,");
        GString *value;

        if (p[length] != '=') {
            g_autofree char *word = g_strndup(p, length);

            if (g_str_equal(word, "help") || g_str_equal(word, "?")) {
                members->want_help = TRUE;
            } else if (p == words && length > 0) {
                add_member(members, "qom-type", 8, g_steal_pointer(&word));
            } else if (length == 0) {
                return refuse(error, "Invalid parameter '%s'", word);
            } else {
                return refuse(error, "Expected '=' after parameter '%s'", word);
            }
            p += length + (p[length] == ',');
            continue;
        }
        if (!key_is_valid(p, length)) {
            g_autofree char *word = g_strndup(p, length);

            return refuse(error, "Invalid parameter '%s'", word);
        }
        value = g_string_new(NULL);
        for (const char *v = p + length + 1;; v++) {
            if (*v == '\0' || (*v == ',' && *++v != ',')) {
                add_member(members, p, length, g_string_free(value, FALSE));
                p = v;
                break;
            }
            g_string_append_c(value, *v);
        }
    }
    return TRUE;
}

/* {"qom-type": ...}: a member that is no string has the value NULL; one that holds others is there
 * by its own name. */
static gboolean read_json(const char *text, Members *members, GError **error)
{
    static const char prefix[] = "Could not parse the JSON options: ";
    g_autoptr(GError) reason = NULL;
    g_autoptr(ImageOptions) options = options_from_json(text, &reason);

    if (options == NULL) {
        return refuse(error, "%s",
                      g_str_has_prefix(reason->message, prefix) ? reason->message + strlen(prefix)
                                                                : reason->message);
    }
    for (guint i = 0; i < options_count(options); i++) {
        const Option *option = options_nth(options, i);
        gsize length = strcspn(option->key, ".");
        gboolean truth = g_str_equal(option->key, read_only_member);
        gboolean whole =
            option->key[length] == '\0' && option->type == (truth ? OPTION_BOOL : OPTION_STRING);

        add_member(members, option->key, length,
                   whole ? g_strdup(truth ? "on" : option->string) : NULL);
    }
    return TRUE;
}

static gboolean is_given(const Members *members, const char *name)
{
    for (guint i = 0; i < members->names->len; i++) {
        if (g_str_equal(g_ptr_array_index(members->names, i), name)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A member that may be missing (*ret_text NULL), but not something else than a string. */
static gboolean take_string(const Members *members, const char *name, const char **ret_text,
                            GError **error)
{
    *ret_text = member(members, name);
    return *ret_text != NULL || !is_given(members, name) ||
           refuse(error, "Invalid parameter type for '%s', expected: string", name);
}

static gboolean print_help(const char *type, GError **error)
{
    if (g_strcmp0(type, "secret") == 0) {
        puts("secret options:");
        for (gsize i = 0; i < G_N_ELEMENTS(secret_members); i++) {
            printf("  %s=<%s>\n", secret_members[i].name, secret_members[i].help);
        }
    } else {
        puts("List of user creatable objects:\n  secret");
    }
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_DONE, "");
    return FALSE;
}

static gboolean id_is_valid(const char *id)
{
    gsize n = strlen(id);

    for (gsize i = 0; i < n; i++) {
        if (!g_ascii_isalnum(id[i]) && strchr("-._", id[i]) == NULL) {
            return FALSE;
        }
    }
    return n > 0 && g_ascii_isalpha(id[0]);
}

static gboolean check_names(const Members *members, GError **error)
{
    for (guint i = 0; i < members->names->len; i++) {
        const char *name = g_ptr_array_index(members->names, i);
        gboolean known = g_str_equal(name, "qom-type") || g_str_equal(name, "id") ||
                         g_str_equal(name, read_only_member);

        for (gsize m = 0; m < G_N_ELEMENTS(secret_members); m++) {
            known = known || g_str_equal(name, secret_members[m].name);
        }
        if (!known && strchr(name, '.') != NULL) {
            g_autofree char *head = g_strndup(name, strcspn(name, "."));

            return refuse(error, "Parameters '%s.*' are unexpected", head);
        }
        if (!known) {
            return refuse(error, "Parameter '%s' is unexpected", name);
        }
    }
    return TRUE;
}

/* It has to be a truth value nevertheless. */
static gboolean check_read_only(const Members *members, GError **error)
{
    static const char *const words[] = {
        "on", "yes", "true", "y", "off", "no", "false", "n", NULL
    };
    const char *value = member(members, read_only_member);

    if (!is_given(members, read_only_member)) {
        return TRUE;
    }
    if (value == NULL) {
        return refuse(error, "Invalid parameter type for '%s', expected: boolean",
                      read_only_member);
    }
    return g_strv_contains(words, value) ||
           refuse(error, "Parameter '%s' expects 'on' or 'off'", read_only_member);
}

static gboolean check_id(const char *id, GError **error)
{
    return id_is_valid(id) ||
           refuse(error,
                  "Parameter '%s' expects an identifier\n"
                  "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.",
                  "id");
}

/* The secret's own members, in the order in which qemu looks at them. */
static gboolean add_secret(const Members *members, const char *id, GError **error)
{
    static const char duplicate[] =
        "attempt to add duplicate property '%s' to object (type 'container')";
    const char *format, *keyid, *iv, *data, *file;
    const guint8 *old;
    guint8 *bytes = NULL;
    gsize length = 0;

    if (!check_read_only(members, error) || !take_string(members, "format", &format, error)) {
        return FALSE;
    }
    if (format != NULL && !g_str_equal(format, "raw") && !g_str_equal(format, "base64")) {
        return refuse(error, "Parameter 'format' does not accept value '%s'", format);
    }
    if (!take_string(members, "keyid", &keyid, error) || !take_string(members, "iv", &iv, error) ||
        !take_string(members, "data", &data, error) ||
        !take_string(members, "file", &file, error) || !check_names(members, error) ||
        !check_id(id, error)) {
        return FALSE;
    }
    if (is_given(members, read_only_member)) {
        return refuse(error, "Property 'secret.%s' is not writable", read_only_member);
    }
    /* a name is taken before what it stands for is looked at */
    if (secret_find(id, &old, &length, NULL)) {
        return refuse(error, duplicate, id);
    }
    if (file == NULL && data == NULL) {
        return refuse(error, "Either 'file' or '%s' must be provided", "data");
    }
    if (file != NULL && data != NULL) {
        return refuse(error, "'file' and '%s' are mutually exclusive", "data");
    }
    if (!secret_make(&(SecretWords){ id, format, keyid, iv, data, file }, &bytes, &length, error)) {
        return FALSE;
    }
    if (!secret_add(id, bytes, length)) {
        secret_wipe(bytes, length);
        g_free(bytes);
        return refuse(error, duplicate, id);
    }
    return TRUE;
}

gboolean object_option(const CliOption *option, const char *value, GError **error)
{
    g_auto(Members) members = { g_ptr_array_new_with_free_func(g_free),
                                g_ptr_array_new_with_free_func(g_free), FALSE };
    const char *type, *id;

    if (*value == '{' ? !read_json(value, &members, error) : !read_words(value, &members, error)) {
        return FALSE;
    }
    if (members.want_help) {
        return print_help(member(&members, "qom-type"), error);
    }
    if (!take_string(&members, "qom-type", &type, error)) {
        return FALSE;
    }
    if (type == NULL) {
        return refuse(error, "Parameter '%s' is missing", "qom-type");
    }
    if (!g_strv_contains(types, type) && !g_strv_contains(others, type)) {
        return refuse(error, "Parameter 'qom-type' does not accept value '%s'", type);
    }
    if (!take_string(&members, "id", &id, error)) {
        return FALSE;
    }
    if (id == NULL) {
        return refuse(error, "Parameter '%s' is missing", "id");
    }
    if (g_str_equal(type, "secret")) {
        return add_secret(&members, id, error);
    }
    if (!check_id(id, error)) {
        return FALSE;
    }
    if (g_strv_contains(others, type)) {
        return refuse(error, "invalid object type: %s", type);
    }
    return refuse(error, "Objects of type '%s' are not part of this build of " PACKAGE_NAME, type);
}
