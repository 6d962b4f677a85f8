/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/format.h"

int fmt_fail(struct fmt_env *env, int status)
{
    env->result->status = status;
    return status;
}

int fmt_fail1(struct fmt_env *env, int status, uint64_t a0)
{
    return fmt_fail2(env, status, a0, 0);
}

int fmt_fail2(struct fmt_env *env, int status, uint64_t a0, uint64_t a1)
{
    env->result->err_arg[0] = a0;
    env->result->err_arg[1] = a1;
    return fmt_fail(env, status);
}

int fmt_fail_text(struct fmt_env *env, int status, const void *text, uint32_t length)
{
    if (length > ABI_ERROR_TEXT) {
        length = ABI_ERROR_TEXT;
    }
    if (length) {
        __builtin_memcpy(env->result->text, text, length);
    }
    env->result->text_length = length;
    return fmt_fail(env, status);
}

/* One operation as a batch of its own; *ret is its result. */
static int one_io(struct fmt_env *env, struct abi_io op, int64_t *ret)
{
    int status = env->io(env, &op, 1);

    if (status == FMT_OK && ret) {
        *ret = op.result;
    }
    return status;
}

int fmt_read(struct fmt_env *env, uint32_t handle, uint64_t offset, void *buf, uint64_t length,
             uint64_t *ret_present)
{
    struct abi_io op = {
        .op = ABI_IO_READ,
        .handle = handle,
        .offset = offset,
        .length = length,
        .address = (uint64_t)(uintptr_t)buf,
    };
    int64_t present = 0;
    int status = one_io(env, op, &present);

    if (status == FMT_OK && ret_present) {
        *ret_present = (uint64_t)present;
    }
    return status;
}

int fmt_write(struct fmt_env *env, uint32_t handle, uint64_t offset, const void *buf,
              uint64_t length)
{
    struct abi_io op = {
        .op = ABI_IO_WRITE,
        .handle = handle,
        .offset = offset,
        .length = length,
        .address = (uint64_t)(uintptr_t)buf,
    };
    return one_io(env, op, 0);
}

int fmt_flush(struct fmt_env *env, uint32_t handle)
{
    struct abi_io op = { .op = ABI_IO_FLUSH, .handle = handle };
    return one_io(env, op, 0);
}

int fmt_file_size(struct fmt_env *env, uint32_t handle, uint64_t *ret_size)
{
    struct abi_io op = { .op = ABI_IO_SIZE, .handle = handle };
    int64_t size = 0;
    int status = one_io(env, op, &size);

    if (status == FMT_OK) {
        *ret_size = (uint64_t)size;
    }
    return status;
}

int fmt_truncate(struct fmt_env *env, uint32_t handle, uint64_t size, uint32_t prealloc)
{
    struct abi_io op = {
        .op = ABI_IO_TRUNCATE,
        .handle = handle,
        .offset = size,
        .flags = prealloc,
    };
    return one_io(env, op, 0);
}

int fmt_room(struct fmt_env *env, struct props_writer *w, uint32_t need)
{
    return need <= w->size - w->used ? FMT_OK : env->emit(env, w);
}

int fmt_message(struct fmt_env *env, struct props_writer *w, const struct abi_message *message,
                const void *text, uint32_t text_length)
{
    uint32_t length = (uint32_t)sizeof *message + text_length;
    int status = fmt_room(env, w, (uint32_t)sizeof(struct abi_prop) + props_round8(length));

    if (status) {
        return status;
    }
    uint8_t value[sizeof *message + ABI_ERROR_TEXT];
    if (text_length > ABI_ERROR_TEXT) {
        return fmt_fail(env, FMT_E_TABLE_FULL);
    }
    __builtin_memcpy(value, message, sizeof *message);
    if (text_length) {
        __builtin_memcpy(value + sizeof *message, text, text_length);
    }
    props_put(w, ABI_PROP_MESSAGE, 0, value, length);
    return FMT_OK;
}
