#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tables of very many small clusters: none is read cluster by cluster, and again for each refcount
# block, which would be a flood of requests that no cell may make.
set -u
most=16384 # doorbells of a command: what a cell may ask of the smallest file
n=0
# try NAME COMMAND...
try() {
  local name=$1 status doorbells
  ((n++))
  shift
  INSTAR_IMG_STATS=1 "$INSTAR_IMG" "$@" >out 2>&1
  status=$?
  doorbells=$(sed -n 's/^doorbells: //p' out)
  if ((status == 0 && ${doorbells:-$most} < most)); then
    echo "ok $n $name"
  else
    echo "not ok $n $name (status $status, doorbells $doorbells)"
  fi
}

echo 1..15
"$INSTAR_IMG" create -q -f qcow2 -o cluster_size=512 i 16G
try resize resize -q i +512
try snapshot-create snapshot -c one i
try snapshot-apply snapshot -a one i
try snapshot-delete snapshot -d one i
try write bench -q -w -c 10 i
try check check -q i
try shrink resize -q --shrink i 1G
try grow resize -q i 100G
try check-grown check -q i
try amend-width amend -o refcount_bits=32 i
try snapshot-create-grown snapshot -c one i
try snapshot-delete-grown snapshot -d one i
# the copied tables are gone from the middle of the file
try shrink-behind-free resize -q --shrink i 99G
# tables that lie in a hole of the file are not read; before and behind some that do not
"$INSTAR_IMG" create -q -f vmdk v 100T
try vmdk-check-empty check -q v
"$INSTAR_IMG" bench -q -w -c 3 -S 2047M -o 30T -f vmdk v >out
try vmdk-check check -q v
