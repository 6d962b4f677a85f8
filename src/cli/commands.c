/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cli/commands.h"

#define OPEN "[--object OBJDEF] [--image-opts] "

const CliCommand cli_commands[] = {
    { "amend", "Change options of an image that exists",
      OPEN "[-p] [-q] [-f FMT] [-t CACHE] [--force] -o OPTIONS FILE", .function = cmd_amend,
      .options = cmd_amend_options },
    { "bench", "Measure how fast an image is",
      "[--object OBJDEF] [--image-opts] [-c COUNT] [-d DEPTH] [-f FMT] [--flush-interval=N] [-i "
      "AIO] "
      "[-n] [--no-drain] [-o OFFSET] [--pattern=PATTERN] [-q] [-s SIZE] [-S STEP] [-t CACHE] [-w] "
      "[-U] FILE",
      .function = cmd_bench, .options = cmd_bench_options },
    { "bitmap", "Change the bitmaps of an image",
      "(--merge SOURCE | --add | --remove | --remove-all | --clear | --enable | --disable)... "
      "[-b FILE [-F FMT]] [-g GRANULARITY] [--object OBJDEF] [--image-opts | -f FMT] FILE BITMAP",
      .function = cmd_bitmap, .options = cmd_bitmap_options },
    { "cell", "Tell which kinds of cell work here", "[--output=human|json]", .function = cmd_cell,
      .options = cmd_cell_options },
    { "check", "Check an image for errors and leaks",
      OPEN "[-q] [-f FMT] [--output=human|json] [-r leaks|all] [-T CACHE] [-U] FILE",
      .function = cmd_check, .options = cmd_check_options },
    { "commit", "Write an image's changes into its backing file",
      OPEN "[-q] [-f FMT] [-t CACHE] [-b BASE] [-r RATE] [-d] [-p] FILE", .function = cmd_commit,
      .options = cmd_commit_options },
    { "compare", "Compare the content of two images",
      OPEN "[-f FMT] [-F FMT] [-T CACHE] [-p] [-q] [-s] [-U] FILE1 FILE2", .function = cmd_compare,
      .options = cmd_compare_options, .failure = 2 },
    { "convert", "Copy images into a new one, in any format",
      OPEN
      "[--target-image-opts] [--target-is-zero] [--bitmaps [--skip-broken-bitmaps]] [-U] [-C] [-c] "
      "[-p] [-q] [-n] [-f FMT] [-t CACHE] [-T CACHE] [-O FMT] [-B FILE [-F FMT]] [-o OPTIONS] "
      "[-l SNAPSHOT] [-S SIZE] [-r RATE] [-m N] [-W] [--salvage] FILE [FILE2 [...]] OUTPUT",
      .function = cmd_convert, .options = cmd_convert_options },
    { "create", "Make a new image",
      "[--object OBJDEF] [-q] [-f FMT] [-b FILE [-F FMT]] [-u] [-o OPTIONS] FILE [SIZE]",
      .function = cmd_create, .options = cmd_create_options },
    { "dd", "Copy a part of an image",
      OPEN "[-U] [-f FMT] [-O FMT] [bs=SIZE] [count=N] [skip=N] if=FILE of=FILE",
      .function = cmd_dd, .options = cmd_dd_options },
    { "info", "Display information about an image",
      OPEN "[-f FMT] [--output=human|json] [--backing-chain] [-t CACHE] [-U] FILE",
      .function = cmd_info, .options = cmd_info_options },
    { "map", "Show where the parts of an image are stored",
      OPEN "[-f FMT] [--start-offset=OFFSET] [--max-length=LENGTH] [--output=human|json] [-U] FILE",
      .function = cmd_map, .options = cmd_map_options },
    { "measure", "Tell how much space an image would take",
      "[--output=human|json] [-O FMT] [-o OPTIONS] "
      "[--size N | [--object OBJDEF] [--image-opts] [-f FMT] [-l SNAPSHOT] [-U] FILE]",
      .function = cmd_measure, .options = cmd_measure_options, .helps_on_error = TRUE },
    { "rebase", "Give an image another backing file",
      OPEN "[-U] [-q] [-f FMT] [-t CACHE] [-T CACHE] [-p] [-u] [-c] -b FILE [-F FMT] FILE",
      .function = cmd_rebase, .options = cmd_rebase_options },
    { "resize", "Change the size of an image",
      OPEN "[-f FMT] [--preallocation=MODE] [-q] [--shrink] FILE [+|-]SIZE", .function = cmd_resize,
      .options = cmd_resize_options, .ends_with_size = TRUE },
    { "snapshot", "List, make, apply or delete snapshots inside an image",
      OPEN "[-f FMT] [-U] [-q] [-l | -a SNAPSHOT | -c SNAPSHOT | -d SNAPSHOT] FILE",
      .function = cmd_snapshot, .options = cmd_snapshot_options },
    { NULL },
};

const CliCommand *cli_command_by_name(const char *name)
{
    for (const CliCommand *c = cli_commands; c->name != NULL; c++) {
        if (g_str_equal(c->name, name)) {
            return c;
        }
    }
    return NULL;
}
