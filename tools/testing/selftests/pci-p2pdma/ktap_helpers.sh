# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# What lib.sh uses of kselftest/ktap_helpers.sh, for kernels that have none
KSFT_SKIP=4
number=0
failures=0

ktap_print_header() { echo "TAP version 13"; }
ktap_set_plan() { planned=$1 && echo "1..$1"; }
ktap_skip_all() { echo "1..0 # SKIP $*"; }

ktap_test_pass()
{
	number=$((number + 1))
	echo "ok $number $1"
}

ktap_test_fail()
{
	number=$((number + 1))
	failures=$((failures + 1))
	echo "not ok $number $1"
}

ktap_finished()
{
	[ $failures -eq 0 ] && [ $number -eq "$planned" ]
	exit
}
