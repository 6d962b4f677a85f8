#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What libvmdk's vmdkinfo says of images made here: the same as of qemu-img's, but for the id and
# the name, and what was asked for.
rows=(
  'plain||64M'
  'odd size||1000001'
  'options|adapter_type=lsilogic,compat6=on,toolsversion=77|7G'
  'zeroed grains|zeroed_grain=on|16M'
  'large||2T'
)
n=0
echo 1..$((${#rows[@]} + 3))
if ! type vmdkinfo &>/dev/null; then
  for ((n = 1; n <= ${#rows[@]} + 3; n++)); do echo "ok $n # SKIP no vmdkinfo (libvmdk-utils)"; done
  exit 0
fi

facts() { vmdkinfo "$1" | sed -e 's/^\(\s*Content identifier:\s*\).*/\1/' -e "s/$1/NAME/"; }

# verdict NAME EXPECTED FOUND
verdict() {
  n=$((n + 1))
  if [[ $2 == "$3" && -n $3 ]]; then
    echo "ok $n $1"
  else
    echo "not ok $n $1"
    diff <(echo "$2") <(echo "$3") | sed 's/^/# /'
  fi
}

for row in "${rows[@]}"; do
  IFS='|' read -r name options size <<<"$row"
  "$INSTAR_IMG" create -q -f vmdk ${options:+-o "$options"} ours.vmdk "$size"
  qemu-img create -q -f vmdk ${options:+-o "$options"} theirs.vmdk "$size"
  verdict "create, $name" "$(facts theirs.vmdk)" "$(facts ours.vmdk)"
done
truncate -s 8M raw
printf 'some bytes' | dd of=raw bs=1 seek=3000000 conv=notrunc status=none
"$INSTAR_IMG" convert -f raw -O vmdk raw ours.vmdk
qemu-img convert -f raw -O vmdk raw theirs.vmdk
verdict 'convert' "$(facts theirs.vmdk)" "$(facts ours.vmdk)"
"$INSTAR_IMG" create -q -f vmdk -b ours.vmdk -F vmdk overlay.vmdk
id=$(vmdkinfo ours.vmdk | sed -n 's/^\s*Content identifier:\s*//p')
verdict 'an overlay knows the id of its backing file' "$id" \
  "$(vmdkinfo overlay.vmdk | sed -n 's/^\s*Parent content identifier:\s*//p')"
verdict 'and its name' ours.vmdk "$(vmdkinfo overlay.vmdk | sed -n 's/^\s*Parent filename:\s*//p')"
