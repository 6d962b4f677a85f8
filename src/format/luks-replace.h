/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A key slot that is in use gets another secret. */
#ifndef INSTAR_LUKS_REPLACE_H
#define INSTAR_LUKS_REPLACE_H

#include "format/luks-create.h"

/* Give the active slot a new secret for key, and flush. Cut short at any moment, the volume opens
 * with what the slot held before or with the new secret, as long as one slot of the eight is free:
 * that one keeps what the slot held meanwhile, and is then as it was. */
int luks_replace_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                      uint32_t slot, struct crypt_bytes secret, uint64_t iter_time,
                      const uint8_t *key, struct crypt_random *random);

#endif
