#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host program holds no image parser: nothing that the format drivers or the payload define
# is linked into it. Tables of options and messages are data that the host reads too.
set -u
build=$G_TEST_BUILDDIR/..
echo 1..4

nm --defined-only "$INSTAR_IMG" >host.nm 2>/dev/null
if [[ -s host.nm ]]; then
  echo "ok 1 the program has a symbol table"
else
  echo "not ok 1 the program has a symbol table"
fi

# Names that only the drivers have.
global_names() {
  nm --defined-only --extern-only "$@" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u
}
global_names "$build/libinstar-format.a" >driver.names
global_names "$build/libinstar-format-tables.a" >table.names
if [[ -s driver.names ]]; then
  echo "ok 2 the drivers define names to look for"
else
  echo "not ok 2 the drivers define names to look for"
fi
awk '{ print $NF }' host.nm | sort -u >host.names
comm -23 driver.names table.names | comm -12 - host.names >found
if [[ -s found ]]; then
  echo "not ok 3 no name of a driver in the program"
  sed 's/^/# /' found
else
  echo "ok 3 no name of a driver in the program"
fi

# Static functions have no unique names, but the debug information says which sources went in.
readelf --debug-dump=info --dwarf-depth=1 "$INSTAR_IMG" 2>/dev/null |
  sed -n 's/.*DW_AT_name *:.*[ \t]\([^ \t]*\.[cS]\)$/\1/p' | sort -u >sources
if ! [[ -s sources ]]; then
  echo "ok 4 no source of a driver in the program # SKIP built without debug information"
elif grep -E '(^|/)(src/format|guest)/' sources | grep -vE -- '-(options|messages)\.c$' >found; then
  echo "not ok 4 no source of a driver in the program"
  sed 's/^/# /' found
else
  echo "ok 4 no source of a driver in the program"
fi
