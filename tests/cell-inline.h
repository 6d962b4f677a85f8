/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells without walls: the drivers run in the test program itself, behind the
 * same requests and checks. For sanitizers, debuggers and fuzzers.
 */
#pragma once

#include "cell/cell.h"

/* From now on cell_start() makes such cells; FALSE: as chosen again. */
void test_use_inline_cells(gboolean on);
