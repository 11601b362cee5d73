#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The main job in a guest, shown and judged, down to a verdict.
# usage: demo.sh NAME FLAVOUR [kernel parameter...]
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

mib=64
here=$(dirname "$0")
run=$1 flavour=$2
shift 2

TRACE=1 step demo "booting a machine with a PCIe switch and three NVMe drives, copying $mib MiB" \
	"$here/boot.sh" "$run" "$flavour" switch "demo,$mib" kunit.enable=0 quiet "$@"
say
sed -n 's/^# //p; s/^\(not \)\?ok [0-9]* /  -> &/p' "$logs/$run.report" |
	sed 's/-> ok [0-9]* /-> /; s/-> not ok [0-9]* /-> FAILED: /' |
	grep -v '^\(job \|tainted\|end of guest\)'
say

verdict=0
judged=$(python3 "$here/judge.py" "$tree" "$logs" "$run") || verdict=1
read -r _ kind passed failed _ <<<"$judged"
if ((verdict)); then
	say "$judged"
	say "FAILED ($kind): $passed steps passed, $failed failed; logs: $logs/$run.*"
	exit 1
fi

# What the drives' DMA engines were told, as QEMU saw it
declare -A peer host
while read -r phase in_bar in_host; do
	peer[$phase]=$in_bar
	host[$phase]=$in_host
done < <(python3 "$here/payload.py" "$logs/$run.trace" "$logs/$run.report" \
	$((128 * 2048)))

bytes=$((mib * 1024 * 1024))
say "Payload moved by the drives' DMA engines, from QEMU's trace of them (in and out):"
say "  copy through peer-to-peer memory: ${peer[peer]} bytes in the BAR, ${host[peer]} in host memory"
say "  copy through host memory:         ${peer[host]} bytes in the BAR, ${host[host]} in host memory"
say
if ((peer[peer] != 2 * bytes || host[peer] != 0 ||
     peer[host] != 0 || host[host] != 2 * bytes)); then
	say "FAILED: the payload did not go where it should; logs: $logs/$run.*"
	exit 1
fi
say "PASSED: $mib MiB copied from drive to drive through a third one's memory," \
    "digests equal, ${host[peer]} payload bytes in host memory" \
    "(through host memory: ${host[host]}); $SECONDS s"
