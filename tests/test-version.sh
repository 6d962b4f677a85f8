#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Callers read the version from the first bytes of standard output.
echo 1..2
out=$("$INSTAR_IMG" --version 2>err)
status=$?
if ((status == 0)) && [[ $out =~ ^qemu-img\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]; then
  echo "ok 1 first line"
else
  echo "not ok 1 first line"
  printf '# status %s, output: %s\n' "$status" "${out%%$'\n'*}"
fi
if [[ -s err ]]; then echo "not ok 2 empty stderr"; else echo "ok 2 empty stderr"; fi
