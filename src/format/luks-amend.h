/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Key slots of a volume that exists. A question (props) holds, behind a prefix ("encrypt." or ""),
 * qemu-img's options state, keyslot, iter-time, and new-secret and old-secret, which are names; and
 * of the host "new", "old" and "secret", the bytes that they and the volume's own secret stand for,
 * "seed", and "force" (BOOL).
 */
#ifndef INSTAR_LUKS_AMEND_H
#define INSTAR_LUKS_AMEND_H

#include "format/luks-create.h"

int luks_amend(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
               struct props_reader in, const char *prefix);

#endif
