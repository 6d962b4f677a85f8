/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/secret-words.h"
#include "image/secret.h"

typedef struct {
    guint8 *data;
    gsize length;
} Bytes;

static void bytes_clear(Bytes *bytes)
{
    secret_wipe(bytes->data, bytes->length);
    g_clear_pointer(&bytes->data, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bytes, bytes_clear)

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_FAILED, words);
    return FALSE;
}

static gboolean fail_number(GError **error, const char *format, gsize number)
{
    g_autofree char *text = g_strdup_printf("%" G_GSIZE_FORMAT, number);

    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, text);
    return FALSE;
}

static gboolean read_base64(const Bytes *text, Bytes *ret, GError **error)
{
    static const char valid[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+/=\n";

    if (memchr(text->data, 0, text->length) != NULL) {
        return fail(error, "Base64 data contains embedded NUL characters");
    }
    if (strspn((const char *)text->data, valid) != text->length) {
        return fail(error, "Base64 data contains invalid characters");
    }
    ret->data = g_base64_decode((const char *)text->data, &ret->length);
    return TRUE;
}

/* The text, or the bytes it stands for. There is a zero byte behind both. */
static gboolean read_format(const SecretWords *words, Bytes *text, Bytes *ret, GError **error)
{
    if (g_strcmp0(words->format, "base64") == 0) {
        return read_base64(text, ret, error);
    }
    *ret = *text;
    *text = (Bytes){ 0 };
    return TRUE;
}

static gboolean read_text(const SecretWords *words, Bytes *ret, GError **error)
{
    g_autoptr(GError) reason = NULL;
    char *content;

    if (words->file == NULL) {
        ret->data = (guint8 *)g_strdup(words->data);
        ret->length = strlen(words->data);
        return TRUE;
    }
    if (!g_file_get_contents(words->file, &content, &ret->length, &reason)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Unable to read %s: %s", words->file,
                    reason->message);
        return FALSE;
    }
    ret->data = (guint8 *)content;
    return TRUE;
}

/* AES-256 in CBC mode, padded as PKCS #7 says (RFC 5652, 6.3). */
static gboolean decrypt(const guint8 *key, guint8 *iv, Bytes *bytes, GError **error)
{
    struct aes256_ctx context;
    guint padding;

    if (bytes->length % AES_BLOCK_SIZE != 0) {
        g_autofree char *text =
            g_strdup_printf("Length %" G_GSIZE_FORMAT " must be a multiple of block size %u",
                            bytes->length, AES_BLOCK_SIZE);
        return fail(error, text);
    }
    if (bytes->length == 0) {
        return TRUE;
    }
    aes256_set_decrypt_key(&context, key);
    cbc_decrypt(&context, (nettle_cipher_func *)aes256_decrypt, AES_BLOCK_SIZE, iv, bytes->length,
                bytes->data, bytes->data);
    secret_wipe(&context, sizeof context);
    padding = bytes->data[bytes->length - 1];
    if (padding > AES_BLOCK_SIZE) {
        return fail_number(error, "Incorrect number of padding bytes (%s) found on decrypted data",
                           padding);
    }
    memset(bytes->data + bytes->length - padding, 0, padding);
    bytes->length -= padding;
    return TRUE;
}

static gboolean decrypt_with(const SecretWords *words, Bytes *text, Bytes *ret, GError **error)
{
    Bytes iv_text = { (guint8 *)(gpointer)words->iv, words->iv != NULL ? strlen(words->iv) : 0 };
    g_auto(Bytes) iv = { 0 };
    const guint8 *key;
    gsize key_length;

    if (g_str_equal(words->keyid, words->id)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Secret with id '%s' has no data",
                    words->id);
        return FALSE;
    }
    if (!secret_find(words->keyid, &key, &key_length, error)) {
        return FALSE;
    }
    if (key_length != AES256_KEY_SIZE) {
        return fail_number(error, "Key should be %s bytes in length", AES256_KEY_SIZE);
    }
    if (words->iv == NULL) {
        return fail(error, "IV is required to decrypt secret");
    }
    if (!read_base64(&iv_text, &iv, error)) {
        return FALSE;
    }
    if (iv.length != AES_BLOCK_SIZE) {
        return fail_number(error, "IV should be 16 bytes in length not %s", iv.length);
    }
    return read_format(words, text, ret, error) && decrypt(key, iv.data, ret, error);
}

gboolean secret_make(const SecretWords *words, guint8 **ret_data, gsize *ret_length, GError **error)
{
    g_auto(Bytes) text = { 0 };
    g_auto(Bytes) bytes = { 0 };

    if (!read_text(words, &text, error) ||
        !(words->keyid != NULL ? decrypt_with(words, &text, &bytes, error)
                               : read_format(words, &text, &bytes, error))) {
        return FALSE;
    }
    *ret_data = bytes.data;
    *ret_length = bytes.length;
    bytes = (Bytes){ 0 };
    return TRUE;
}
