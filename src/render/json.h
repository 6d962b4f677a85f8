/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text, exactly as qemu-img lays it out: four spaces, "key": value, keys in its order. */
#ifndef INSTAR_RENDER_JSON_H
#define INSTAR_RENDER_JSON_H

#include "render/value.h"

/* Append text, without a newline at the end. */
void json_append(GString *out, const Value *value);
/* Print a value and a newline on stdout. */
void json_print(const Value *value);

#endif
