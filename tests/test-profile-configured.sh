#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# configure --with-qemu-version=X.Y.Z, for every version that is recorded: what it writes into
# config.h makes the same profile as INSTAR_IMG_QEMU_VERSION=X.Y.Z does at run time. The profile's
# room is all that depends on it, so that alone is built, once a version.
set -u
src=$G_TEST_SRCDIR/..
cflags=$(pkg-config --cflags glib-2.0)
libs=$(pkg-config --libs glib-2.0)

mapfile -t versions < <(sed -n 's/^ *"\([0-9]*\.[0-9]*\.[0-9]*\)",*$/\1/p' \
  "$src"/testsuite-data/expected-outputs/cli/usage/*.json | sort -u -V)
if ((${#versions[@]} == 0)); then
  echo "Bail out! no recorded versions"
  exit 1
fi
echo "1..$((${#versions[@]} + 2))"

cat >print.c <<'EOF'
#include <stdio.h>
#include "profile/profile.h"
int main(void)
{
    printf("%s %u", profile_version_string(), profile_version());
    for (int fact = 0; fact < PROFILE_N_FACTS; fact++)
        printf(" %d", profile_has((ProfileFact)fact));
    printf("\n");
    return 0;
}
EOF

# build VERSION: a program ./print-VERSION as configured for it.
build() {
  mkdir "$1" && printf '#define INSTAR_QEMU_VERSION "%s"\n' "$1" >"$1/config.h" || return 1
  # shellcheck disable=SC2086 # flags are words
  $CC -I"$1" -I"$src/src" $cflags print.c "$src/src/profile/profile.c" -o "print-$1" $libs
}

n=0
told() { # STATUS NAME
  n=$((n + 1))
  if (($1 == 0)); then echo "ok $n $2"; else echo "not ok $n $2"; fi
}

build 1.2.3
told $? "built"
profiles=
for version in "${versions[@]}"; do
  configured=$(build "$version" && "./print-$version")
  asked=$(INSTAR_IMG_QEMU_VERSION=$version ./print-1.2.3)
  [[ -n $configured && $configured == "$asked" && $configured == "$version "* ]]
  told $? "$version"
  profiles+="${configured#* * }"$'\n'
done
# The first and the last differ, or the test would see nothing.
[[ $(head -n 1 <<<"$profiles") != $(tail -n 2 <<<"$profiles" | head -n 1) ]]
told $? "versions differ"
