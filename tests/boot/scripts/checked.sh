#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# checked.sh COMMAND…: on a kernel that checks (tools/lab debug-kernel), run COMMAND with the module loaded, then unload it and
# let leaks.sh see what stays behind.
# The words are one line for the shell. Environment: NV2 (1, the module's parameter).
status=0

leaks.sh forget || exit 1
insmod "$LAB_MODULE" nv2="${NV2:-1}" || exit 1
sh -c "$*" || status=$?
leaks.sh || status=1
[ $status = 0 ] && echo "checked: nothing left behind"
exit $status
