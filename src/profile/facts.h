/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PROFILE_FACT(NAME, since, until, bucket, what)
 * since/until: major * 10000 + minor * 100; until 0 = still so. No include guard: read
 * several times with different definitions of PROFILE_FACT.
 */
PROFILE_FACT(INFO_CHILDREN, 80000, 0, "info", "info shows the child nodes of an image")
PROFILE_FACT(MAP_PRESENT, 60100, 0, "map", "map's JSON has the member present")
PROFILE_FACT(MAP_COMPRESSED, 80200, 0, "map", "map's JSON has the member compressed")
PROFILE_FACT(HELP_PER_COMMAND, 100100, 0, "cli",
             "each subcommand has its own --help and usage errors point to it")
PROFILE_FACT(GETOPT_WORDS, 100100, 0, "create",
             "getopt itself says which option of a subcommand is wrong")
PROFILE_FACT(SIZE_QUOTED, 100100, 0, "create",
             "a bad size is quoted in the error instead of a list of suffixes")
PROFILE_FACT(INFO_QCOW2_DIRTY, 60100, 0, "info", "info tells of a qcow2 image that was not closed")
PROFILE_FACT(SNAPSHOT_COLUMNS, 90000, 0, "info",
             "the columns of the snapshot table are apart, and wider")
PROFILE_FACT(BACKING_FORMAT_NEEDED, 60100, 0, "create",
             "a backing file without its format is refused, not guessed")
PROFILE_FACT(DETECTED_FORMAT_LINE, 80100, 0, "create",
             "the hint about the detected format ends with a newline")
PROFILE_FACT(INFO_DATA_FILE, 80000, 90100, "create",
             "info shows the external data file among the child nodes")
PROFILE_FACT(LUKS_DETACHED_HEADER, 90000, 0, "luks",
             "info tells whether a LUKS header stands apart")
