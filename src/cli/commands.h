/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions and option tables of the subcommands, for commands.c and tests. */
#ifndef INSTAR_CLI_COMMANDS_H
#define INSTAR_CLI_COMMANDS_H

#include "cli/cli.h"

extern const CliOption cmd_bench_options[];
extern const CliOption cmd_amend_options[];
extern const CliOption cmd_bitmap_options[];
extern const CliOption cmd_cell_options[];
extern const CliOption cmd_check_options[];
extern const CliOption cmd_commit_options[];
extern const CliOption cmd_compare_options[];
extern const CliOption cmd_convert_options[];
extern const CliOption cmd_create_options[];
extern const CliOption cmd_dd_options[];
extern const CliOption cmd_info_options[];
extern const CliOption cmd_map_options[];
extern const CliOption cmd_measure_options[];
extern const CliOption cmd_rebase_options[];
extern const CliOption cmd_snapshot_options[];
extern const CliOption cmd_resize_options[];

int cmd_bench(const CliCommand *self, int n_args, char **args);
int cmd_amend(const CliCommand *self, int n_args, char **args);
int cmd_bitmap(const CliCommand *self, int n_args, char **args);
int cmd_cell(const CliCommand *self, int n_args, char **args);
int cmd_check(const CliCommand *self, int n_args, char **args);
int cmd_commit(const CliCommand *self, int n_args, char **args);
int cmd_compare(const CliCommand *self, int n_args, char **args);
int cmd_convert(const CliCommand *self, int n_args, char **args);
int cmd_create(const CliCommand *self, int n_args, char **args);
int cmd_dd(const CliCommand *self, int n_args, char **args);
int cmd_info(const CliCommand *self, int n_args, char **args);
int cmd_map(const CliCommand *self, int n_args, char **args);
int cmd_measure(const CliCommand *self, int n_args, char **args);
int cmd_rebase(const CliCommand *self, int n_args, char **args);
int cmd_snapshot(const CliCommand *self, int n_args, char **args);
int cmd_resize(const CliCommand *self, int n_args, char **args);

#endif
