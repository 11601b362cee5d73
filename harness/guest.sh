#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a guest and judge it. The last line has counts.
# usage: guest.sh NAME FLAVOUR TOPOLOGY JOBS [kernel parameter...]
# In the environment, besides boot.sh's:
#   TRACE    bytes of payload between two marks, to be looked for in QEMU's trace
#   SUITE    of KUnit, which suites
#   EXPECT   what it must be judged as, if it must not pass: judge.py's word
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

name=$1 flavour=$2 topology=$3 jobs=$4
shift 4

options=(--kernel "$out/$flavour")
if [[ $jobs == kunit ]]; then
	options+=(--kunit)
	set -- "kunit.filter_glob=${SUITE:-p2pdma*}" "$@"
else
	set -- kunit.enable=0 "$@"
fi
for skips in "$topology" "$flavour"; do
	[[ ! -f $root/harness/skips/$skips ]] ||
		options+=(--skips "$root/harness/skips/$skips")
done
for skip in "${base_skips[@]}"; do
	options+=(--skip "$skip")
done
# pci=p2pdma_allow_host= taints the kernel (64, TAINT_USER), as does VFIO without
# an IOMMU.
[[ $topology != allowed* && +$jobs != *+vfio* ]] || options+=(--taint 64)

# Through peer-to-peer memory, no payload is in host memory; and the other way.
check_payload()
{
	local bytes=$TRACE payload

	payload=$(python3 "$root/harness/payload.py" "$logs/$name.trace" \
		"$logs/$name.report" $((128 * 2048)) | xargs)
	check "drives' payload, BAR and host memory: $payload" \
		[ "$payload" = "peer $bytes 0 host 0 $bytes" ]
}

"$root/harness/boot.sh" "$name" "$flavour" "$topology" "$jobs" "$@"
judged=$(python3 "$root/harness/judge.py" "$tree" "$logs" "$name" \
	--expect "${EXPECT:-pass}" "${options[@]}") && seen=1 || seen=0
say "$judged"
read -r _ kind passed failed skipped <<<"$judged"
if [[ ${EXPECT:-pass} != pass ]]; then
	passed=$seen failed=$((!seen)) skipped=0
	((seen)) || say "not seen as \"$EXPECT\", but as \"$kind\""
elif ((!seen)); then
	# What is wrong with the run, and not with one of its tests, counts too.
	((failed)) || failed=1
fi
if ((seen)) && [[ -n ${TRACE:-} && ${EXPECT:-pass} == pass ]]; then
	check_payload
fi
verdict
