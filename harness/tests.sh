# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Counting checks. Sourced.

# shellcheck source=harness/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

load_base
passed=0 failed=0 skipped=0

# A check that is one test by itself: check TEXT COMMAND...
check()
{
	local text=$1
	shift

	if "$@"; then
		((++passed))
		say "  ok: $text"
	else
		((++failed))
		say "  not ok: $text"
	fi
}

# The last line, and an exit status that agrees with it
verdict()
{
	say "$passed passed, $failed failed, $skipped skipped"
	((failed == 0 && passed > 0))
}
