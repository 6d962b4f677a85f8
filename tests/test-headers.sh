#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each header compiles alone; what the payload may include compiles freestanding.
set -u
src=$G_TEST_SRCDIR/..
read -ra host <<<"$HOST_FLAGS"
read -ra payload <<<"$PAYLOAD_FLAGS"

mapfile -t headers < <(cd "$src" && find src guest tests -name '*.h' | sort)
echo "1..${#headers[@]}"
n=0
for header in "${headers[@]}"; do
  ((n++))
  case $header in
    # A table read several times, each time with another meaning of its macro.
    src/profile/facts.h) macro='-DPROFILE_FACT(...)=' ;;
    *) macro=-DINSTAR_HEADER_ALONE ;;
  esac
  case $header in
    src/abi/* | src/base/* | src/format/* | guest/*) flags=("${payload[@]}" -I"$src/src" -I"$src") ;;
    *) flags=("${host[@]}") ;;
  esac
  printf '#include "%s"\n' "$header" >alone.c
  if $CC "${flags[@]}" "$macro" -I"$src" -Wno-pragma-once-outside-header -fsyntax-only alone.c \
    2>errors; then
    echo "ok $n $header"
  else
    echo "not ok $n $header"
    sed 's/^/# /' errors
  fi
done
