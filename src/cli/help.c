/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "image/formats.h"
#include "profile/profile.h"

void help_version(void)
{
    printf("qemu-img version %s\n%s %s\n", profile_version_string(), PACKAGE_NAME, PACKAGE_VERSION);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_names(const char *what, GPtrArray *names)
{
    g_ptr_array_sort(names, compare_names);
    printf("%s:", what);
    for (guint i = 0; i < names->len; i++) {
        printf(" %s", (const char *)names->pdata[i]);
    }
    puts("");
}

/* Callers look here for what can be used: with what holds bytes, and without. */
static void list_formats(void)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new(), formats = g_ptr_array_new();
    const ImageFormat *format;

    for (guint i = 0; (format = format_nth(i)) != NULL; i++) {
        if ((format->manners & FORMAT_NO_DRIVER) == 0) {
            g_ptr_array_add(all, (gpointer)format->name);
            g_ptr_array_add(formats, (gpointer)format->name);
        }
    }
    g_ptr_array_add(all, (gpointer) "file");
    g_ptr_array_add(all, (gpointer) "host_device");
    print_names("Supported formats", all);
    print_names("Supported image formats", formats);
}

void help_of_program(void)
{
    help_version();
    puts("usage: qemu-img [standard options] command [command options]\n"
         "Disk images: create, convert, check and look into them\n"
         "\n"
         "    '-h', '--help'       show this text and stop\n"
         "    '-V', '--version'    show the version and stop\n"
         "    '-T', '--trace'      [[enable=]<pattern>][,events=<file>][,file=<file>]\n"
         "                         accepted; there are no trace events\n"
         "          '--cell'       auto, kvm or process: where images are parsed\n"
         "\n"
         "Command syntax:");
    for (const CliCommand *c = cli_commands; c->name != NULL; c++) {
        printf("  %s %s\n", c->name, c->synopsis);
    }
    puts("\nCommands:");
    for (const CliCommand *c = cli_commands; c->name != NULL; c++) {
        printf("  %s - %s%s\n", c->name, c->summary,
               c->options == NULL ? " (not part of this build)" : "");
    }
    puts("\n"
         "'qemu-img COMMAND --help' or the manual page tells the options of a command.\n");
    list_formats();
}

/* "  -f, --format FMT" and the words below. */
static void help_of_option(const CliOption *o)
{
    const char *separator = "  ";

    for (const char *l = o->letters; l != NULL && *l != '\0'; l++) {
        printf("%s-%c", separator, *l);
        separator = ", ";
    }
    printf("%s--%s%s%s\n     %s\n", separator, o->name, o->value != NULL ? " " : "",
           o->value != NULL ? o->value : "", o->help);
}

gboolean help_of_command(const CliOption *option, const char *value, GError **error)
{
    const CliCommand *command = option->target;

    if (profile_has(FACT_HELP_PER_COMMAND)) {
        printf("%s%s.  Usage:\n  qemu-img %s %s\n\nOptions:\n", command->summary,
               command->options == NULL ? " (not part of this build)" : "", command->name,
               command->synopsis);
        for (const CliOption *o = command->options; o != NULL && o->arg != CLI_END; o++) {
            help_of_option(o);
        }
        help_of_option(
            &(CliOption){ .name = "help", .letters = "h", .help = "show this help and stop" });
    } else {
        help_of_program();
    }
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_DONE, "");
    return FALSE;
}
