/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PROFILE_FACT(NAME, since, until, case, what)
 * since/until: major * 10000 + minor * 100; since 0 = from the first on, until 0 = still so. The
 * case, BUCKET/TARGET/NAME, is one whose recorded outcome changes there, as tests/test-profile sees
 * to. No include guard: read several times with different definitions of PROFILE_FACT.
 */
PROFILE_FACT(INFO_CHILDREN, 80000, 0, "info/qcow2/bitmaps",
             "info shows the child nodes of an image")
PROFILE_FACT(MAP_PRESENT, 60100, 0, "map/qcow2/chain", "map's JSON has the member present")
PROFILE_FACT(MAP_COMPRESSED, 80200, 0, "map/qcow2/compressed",
             "map's JSON has the member compressed")
PROFILE_FACT(HELP_PER_COMMAND, 100100, 0, "cli/usage/map-no-args",
             "each subcommand has its own --help and usage errors point to it")
PROFILE_FACT(GETOPT_WORDS, 100100, 0, "create/cli/bad-flag",
             "getopt itself says which option of a subcommand is wrong")
PROFILE_FACT(SIZE_QUOTED, 100100, 0, "create/cli/bad-size",
             "a bad size is quoted in the error instead of a list of suffixes")
PROFILE_FACT(INFO_QCOW2_DIRTY, 60100, 0, "info/qcow2/damaged-dirty-bit",
             "info tells of a qcow2 image that was not closed")
PROFILE_FACT(SNAPSHOT_COLUMNS, 90000, 0, "info/qcow2/snapshots",
             "the columns of the snapshot table are apart, and wider")
PROFILE_FACT(BACKING_FORMAT_NEEDED, 60100, 0, "create/qcow2/backing-no-fmt",
             "a backing file without its format is refused, not guessed")
/* Recorded of the hint about a backing file without a format, whose line feed 8.1 brought. Of the
 * hint about lost bitmaps only 7.2.22 is recorded, without one: that it follows the same version is
 * assumed, not recorded (DIVERGENCES.md). */
PROFILE_FACT(HINT_NEWLINE, 80100, 0, "create/qcow2/backing-no-fmt",
             "a hint behind an error or warning ends with a newline")
PROFILE_FACT(INFO_DATA_FILE, 80000, 90100, "create/qcow2/opt-data_file-d.raw",
             "info shows the external data file among the child nodes")
PROFILE_FACT(QCOW2_RESERVED_BITS, 60200, 0, "check/qcow2/damaged-reftable-offset-zero",
             "check looks at the reserved bits of a qcow2's tables")
PROFILE_FACT(LUKS_DETACHED_HEADER, 90000, 0, "luks/luks/create-info",
             "info tells whether a LUKS header stands apart")
PROFILE_FACT(AMEND_BACKING, 0, 60100, "amend/qcow2/backing",
             "amend can still name another backing file, with a warning")
