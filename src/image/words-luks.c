/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>

#include "format/luks-status.h"
#include "image/words.h"

static const WordsRow luks_rows[] = {
    { LUKS_E_READ, 0, "Could not read encryption header: {errno}", EIO },
    { LUKS_E_OUTSIDE, 0, "Request for data outside of extension header", EINVAL },
    { LUKS_E_MAGIC, 0, "Volume is not in LUKS format", EINVAL },
    { LUKS_E_VERSION, 0, "LUKS version {0} is not supported", ENOTSUP },
    { LUKS_E_CIPHER_NAME, 0, "LUKS header cipher name is not NUL terminated", EINVAL },
    { LUKS_E_CIPHER_MODE, 0, "LUKS header cipher mode is not NUL terminated", EINVAL },
    { LUKS_E_HASH_SPEC, 0, "LUKS header hash spec is not NUL terminated", EINVAL },
    { LUKS_E_PAYLOAD, 0, "LUKS payload is overlapping with the header", EINVAL },
    { LUKS_E_ITERATIONS, 0, "LUKS key iteration count is zero", EINVAL },
    { LUKS_E_SLOT_STRIPES, 0, "Keyslot {0} is corrupted (stripes {1d} != {2})", EINVAL },
    { LUKS_E_SLOT_STATE, 0, "Keyslot {0} state (active/disable) is corrupted", EINVAL },
    { LUKS_E_SLOT_ITERATIONS, 0, "Keyslot {0} iteration count is zero", EINVAL },
    { LUKS_E_SLOT_HEADER, 0, "Keyslot {0} is overlapping with the LUKS header", EINVAL },
    { LUKS_E_SLOT_PAYLOAD, 0, "Keyslot {0} is overlapping with the encrypted payload", EINVAL },
    { LUKS_E_SLOT_OVERLAP, 0, "Keyslots {0} and {1} are overlapping in the header", EINVAL },
    { LUKS_E_MODE_FORMAT, 0, "Unexpected cipher mode string format '{s}'", EINVAL },
    { LUKS_E_MODE, 0, "Cipher mode '{s}' not supported", EINVAL },
    { LUKS_E_CIPHER, 0, "Algorithm '{s}' with key size {0} bytes not supported", EINVAL },
    { LUKS_E_HASH, 0, "Hash algorithm '{s}' not supported", EINVAL },
    { LUKS_E_IVGEN, 0, "IV generator '{s}' not supported", EINVAL },
    { LUKS_E_IVGEN_HASH, 0, "Missing IV generator hash specification", EINVAL },
    { LUKS_E_ESSIV_SIZE, 0, "No {s} cipher with key size {0} available", EINVAL },
    { LUKS_E_ESSIV_CIPHER, 0, "Cipher {s} not supported with essiv", EINVAL },
    { LUKS_E_PASSWORD, 0, "Invalid password, cannot unlock any keyslot", EPERM },
    { LUKS_E_MATERIAL, 0, "Failed to read key material: {errno}", EIO },
    { LUKS_E_CIPHER_MODE_UNSUPPORTED, 0, "Unsupported cipher mode {s}", EINVAL },
    { LUKS_E_MANY_ITERATIONS, 0, "Keyslots ask for {0} iterations, more than {1}", EINVAL },
    { LUKS_E_ITERATIONS_SCALE, 0,
      "PBKDF iterations {0} too large to scale: Numerical result out of range", ERANGE },
    { LUKS_E_ITERATIONS_LARGE, 0,
      "PBKDF iterations {0} larger than {1}: Numerical result out of range", ERANGE },
    { LUKS_E_WRITE, 0, "Unable to write encryption header: {errno}", EIO },
    { LUKS_E_MATERIAL_WRITE, 0, "Unable to write encryption header: {errno}", EIO },
    { LUKS_E_NO_SECRET, 0, "Parameter 'key-secret' is required for cipher", EINVAL },
    { LUKS_E_ALGORITHM, 0, "Algorithm '{s}' not supported", EINVAL },
    { LUKS_E_OPTION_CIPHER, 0, "Parameter 'cipher-alg' does not accept value '{s}'", EINVAL },
    { LUKS_E_OPTION_MODE, 0, "Parameter 'cipher-mode' does not accept value '{s}'", EINVAL },
    { LUKS_E_OPTION_IVGEN, 0, "Parameter 'ivgen-alg' does not accept value '{s}'", EINVAL },
    { LUKS_E_OPTION_IVGEN_HASH, 0, "Parameter 'ivgen-hash-alg' does not accept value '{s}'",
      EINVAL },
    { LUKS_E_OPTION_HASH, 0, "Parameter 'hash-alg' does not accept value '{s}'", EINVAL },
    { LUKS_E_OPTION_PREALLOC, 0, "invalid parameter value: {s}", EINVAL },
    { LUKS_E_SIZE, 0, "Could not refresh total sector count: {errno}", EIO },
    { LUKS_E_FILE_LARGE, 0, "The requested file size is too large", EINVAL },
};
WORDS_TABLE(words_luks, luks_rows);
