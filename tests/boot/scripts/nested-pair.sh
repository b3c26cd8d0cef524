#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-pair.sh L2…: two L1s at once, Linux 6.12 and 7.2, each with all these L2s. Environment as of nested-linux.sh.
nested-linux.sh 6.12 "$@" &
first=$!
nested-linux.sh 7.2 "$@" &
wait $first
result=$?
wait $! && exit $result
exit 1
