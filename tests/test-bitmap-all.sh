#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bitmap --remove-all, which the installed qemu-img may be too old to be compared with.
set -u
n=0
img() { "$INSTAR_IMG" "$@" >>out 2>&1; }
make_image() {
  rm -f b.qcow2
  img create -q -f qcow2 b.qcow2 4M
  for name in a b c; do img bitmap --add b.qcow2 $name; done
}
names() { "$INSTAR_IMG" info b.qcow2 | grep -c ' name: '; }
# want NAME EXPECTED GOT
want() {
  ((n++))
  if [[ $2 == "$3" ]]; then echo "ok $n $1"; else echo "not ok $n $1 ($2, got $3)"; fi
}

echo 1..16
make_image
want all-there 3 "$(names)"
: >out
img bitmap --remove-all b.qcow2
want status 0 $?
want silent 0 "$(stat -c %s out)"
want none-left 0 "$(names)"
img check b.qcow2
want sound 0 $?
img bitmap --remove-all b.qcow2
want none-there 0 $?

make_image
# in use, as if its writer had not come to an end (specification: bitmap directory, flags, bit 0)
at=$(LC_ALL=C grep -obUaP '\x00\x00\x00\x02\x01\x10\x00\x01\x00\x00\x00\x00b' \
  b.qcow2 | tail -1 | cut -d: -f1)
printf '\003' | dd of=b.qcow2 bs=1 seek=$((at + 3)) conv=notrunc status=none
want inconsistent 1 "$("$INSTAR_IMG" info b.qcow2 | grep -c in-use)"
img bitmap --remove-all b.qcow2
want inconsistent-removed "0 0" "$? $(names)"

make_image
img bitmap --remove-all --add b.qcow2 b
want then-add "0 1" "$? $(names)"
img bitmap --add --remove-all b.qcow2 x
want add-then "0 0" "$? $(names)"
make_image
img bitmap --remove-all --merge a b.qcow2 b
want then-merge "1 0" "$? $(names)"
img bitmap --remove-all b.qcow2 a
want name-refused 1 $?
img bitmap --remove-all
want no-file 1 $?
make_image
INSTAR_IMG_QEMU_VERSION=7.2.0 img bitmap --rem b.qcow2 a
want short-before "0 2" "$? $(names)"
INSTAR_IMG_QEMU_VERSION=11.0.0 img bitmap --rem b.qcow2 b
want short-since "1 2" "$? $(names)"
img create -q -f raw r.raw 1M
img bitmap --remove-all -f raw r.raw
want raw 0 $?
