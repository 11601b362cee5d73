#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the tool in the guest has dumped, shown here: JSON is JSON, and damage of
# any one byte ends in a result or in an error. After the guest "operator".
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

tool=$out/tools-pci/lsp2pdma dump=$logs/tool.dump

# The exit status of each damaged one
damaged()
{
	local i status

	for ((i = 0; i < 200; i++)); do
		python3 "$root/harness/damage.py" "$i" <"$dump" >"$logs/tool.damaged"
		status=0
		"$tool" -r "$logs/tool.damaged" tree >"$logs/tool.out" 2>&1 ||
			status=$?
		((status == 0 || status == 6)) ||
			{ say "damaged dump $i: exit status $status"; return 1; }
	done
}

is_json()
{
	"$tool" -j -r "$dump" "$1" | python3 -m json.tool >"$logs/tool.json"
}

sed -n '/^# dump begins/,/^# end$/s/^# //p' "$logs/operator-plain.report" |
	tail -n +2 >"$dump"
check "JSON of matrix" is_json matrix
check "JSON of tree" is_json tree
check "200 damaged dumps" damaged
verdict
