/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib.h>

int main(int argc, char **argv)
{
    if (argc == 2 && g_str_equal(argv[1], "--version")) {
        g_print("qemu-img version %s\n%s %s\n", INSTAR_QEMU_VERSION, PACKAGE_NAME,
                PACKAGE_VERSION);
        return 0;
    }
    g_printerr("%s: Not enough arguments\n", g_get_prgname());
    return 1;
}
