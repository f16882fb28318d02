#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the kernel of the KUnit suites is asked behind them, where it looks for
# what does not show: kunit.sh --debug.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

check "lockdep and kmemleak were on to the end" checkers_are_awake
check "no memory leak" no_leaks
