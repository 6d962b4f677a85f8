# SPDX-License-Identifier: GPL-2.0-or-later

# INSTAR_APPEND_CFLAGS(VARIABLE, FLAGS)
# Appends to VARIABLE each of FLAGS that the compiler takes, after those it has, without a word.
AC_DEFUN([INSTAR_APPEND_CFLAGS], [
  for instar_flag in $2; do
    AS_VAR_PUSHDEF([instar_cache], [instar_cv_cflag_$instar_flag])
    AC_CACHE_CHECK([whether $CC takes $instar_flag], [instar_cache], [
      instar_saved_cflags=$CFLAGS
      CFLAGS="$CFLAGS -Werror $$1 $instar_flag"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
                        [AS_VAR_SET([instar_cache], [yes])],
                        [AS_VAR_SET([instar_cache], [no])])
      CFLAGS=$instar_saved_cflags
    ])
    AS_VAR_IF([instar_cache], [yes], [AS_VAR_APPEND([$1], [" $instar_flag"])])
    AS_VAR_POPDEF([instar_cache])
  done
])

# INSTAR_STATIC_LIBRARY(VARIABLE, LIBRARY, HEADER, DEBIAN-PACKAGE)
# The payload of the cell has no dynamic linker: find LIBRARY's static archive
# and HEADER, and set VARIABLE to the archive's path. A path given by the
# caller in VARIABLE is taken as it is.
AC_DEFUN([INSTAR_STATIC_LIBRARY], [
  AC_ARG_VAR([$1], [path of $2.a, the static archive linked into the payload])
  AC_CHECK_HEADER([$3], [],
    [AC_MSG_ERROR([<$3> not found; on Debian install the package $4])])
  AC_MSG_CHECKING([for $2.a])
  AS_IF([test -z "$$1"], [$1=`$CC -print-file-name=$2.a`])
  AS_CASE([$$1],
    [/*], [$1=`realpath "$$1"`; AC_MSG_RESULT([$$1])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([static archive $2.a not found; on Debian install the package $4])])
])
