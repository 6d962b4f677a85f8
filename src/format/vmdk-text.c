/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text that describes a disk ("The Descriptor File" in the specification):
 * lines of key=value. Looked through as qemu-img does, which takes the first
 * place where a key's letters stand; no value is ever longer than the text.
 */
#include "format/vmdk.h"

static const char key_id[] = "CID=";
static const char key_parent_name[] = "parentFileNameHint";
static const char key_type[] = "createType";

struct vmdk_text vmdk_text_of(const char *bytes, uint32_t room)
{
    uint32_t n = 0;

    while (n < room && bytes[n]) {
        n++;
    }
    return (struct vmdk_text){ bytes, n };
}

/* Index of the first byte of word in text; text.length if it is not there. */
static uint32_t find(struct vmdk_text text, const char *word)
{
    uint32_t n = props_strlen(word);

    for (uint32_t i = 0; n <= text.length && i <= text.length - n; i++) {
        if (!__builtin_memcmp(text.bytes + i, word, n)) {
            return i;
        }
    }
    return text.length;
}

static struct vmdk_text behind(struct vmdk_text text, uint32_t at)
{
    at = at < text.length ? at : text.length;
    return (struct vmdk_text){ text.bytes + at, text.length - at };
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number as scanf("%x") takes it: blanks, a sign, 0x, digits. */
static bool read_hex(struct vmdk_text t, uint32_t *ret_value)
{
    uint64_t value = 0;
    bool minus = false, large = false;
    uint32_t i = 0, first;

    while (i < t.length && is_space(t.bytes[i])) {
        i++;
    }
    if (i < t.length && (t.bytes[i] == '-' || t.bytes[i] == '+')) {
        minus = t.bytes[i++] == '-';
    }
    if (i + 2 < t.length && t.bytes[i] == '0' && (t.bytes[i + 1] | 32) == 'x' &&
        digit_of(t.bytes[i + 2]) >= 0) {
        i += 2;
    }
    for (first = i; i < t.length && digit_of(t.bytes[i]) >= 0; i++) {
        large |= value >> 60 != 0;
        value = value << 4 | (uint64_t)digit_of(t.bytes[i]);
    }
    value = large ? UINT64_MAX : minus ? -value : value;
    *ret_value = (uint32_t)value;
    return i > first;
}

bool vmdk_text_id(struct vmdk_text text, const char *key, uint32_t *ret_id)
{
    uint32_t at = find(text, key);

    /* as in qemu-img, any byte may stand for the = */
    return at < text.length && read_hex(behind(text, at + props_strlen(key) + 1), ret_id);
}

bool vmdk_text_parent(struct vmdk_text text, struct vmdk_text *ret_name)
{
    uint32_t at = find(text, key_parent_name);
    uint32_t n = 0;

    *ret_name = behind(text, text.length);
    if (at == text.length) {
        return true;
    }
    /* behind the = and the quote */
    *ret_name = behind(text, at + sizeof key_parent_name + 1);
    while (n < ret_name->length && ret_name->bytes[n] != '"') {
        n++;
    }
    if (n == ret_name->length || n > VMDK_MAX_NAME) {
        return false;
    }
    ret_name->length = n;
    return true;
}

bool vmdk_text_type(struct vmdk_text text, struct vmdk_text *ret_type)
{
    struct vmdk_text t = behind(text, find(text, key_type));
    uint32_t n = 0;

    t = behind(t, find(t, "=\""));
    if (!t.length) {
        return false;
    }
    t = behind(t, 2);
    while (n < t.length && t.bytes[n] != '"') {
        n++;
    }
    *ret_type = (struct vmdk_text){ t.bytes, n };
    return n < t.length;
}

bool vmdk_text_set_id(char *bytes, uint32_t room, uint32_t id)
{
    struct vmdk_text text = vmdk_text_of(bytes, room);
    uint32_t at = find(text, key_id), end;
    uint32_t wide = 2 * (uint32_t)sizeof id;

    /* that of the parent is not ours */
    if (at == text.length || (at && digit_of(bytes[at - 1]) < 0 && !is_space(bytes[at - 1]))) {
        return false;
    }
    at += sizeof key_id - 1;
    for (end = at; end < text.length && bytes[end] != '\n' && bytes[end] != '\r'; end++) {}
    if (text.length - (end - at) + wide > room) {
        return false;
    }
    __builtin_memmove(bytes + at + wide, bytes + end, text.length - end);
    for (uint32_t i = 0; i < wide; i++) {
        bytes[at + i] = "0123456789abcdef"[id >> (4 * (wide - 1 - i)) & 15];
    }
    for (uint32_t i = text.length - (end - at) + wide; i < text.length; i++) {
        bytes[i] = 0;
    }
    return true;
}
