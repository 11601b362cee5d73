#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One kind of test, for the loop of edit and test.
# usage: one.sh kunit FLAVOUR TOPOLOGY [SUITE]
#        one.sh selftest FLAVOUR TOPOLOGY [PROGRAM]
#        one.sh job FLAVOUR TOPOLOGY JOB
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

kind=$1 flavour=$2 topology=$3 what=${4:-}

"$root/harness/initramfs.sh"
case $kind in
kunit)
	guest_kunit "$flavour" "$what"
	cat "$logs/kunit-$flavour.kunit"
	;;
selftest)
	for program in ${what:-p2pmem_sysfs p2pmem_copy p2pmem_lifecycle p2pmem_query}; do
		guest_job "$flavour" "$topology" "selftest,$program"
		grep '^\(not \)\?ok \|:Expected' \
			"$logs/selftest-$program-$flavour-$topology.report" || true
	done
	;;
job)
	"$root/harness/initramfs.sh" full
	guest_job "$flavour" "$topology" "$what"
	cat "$logs/${what//,/-}-$flavour-$topology.report"
	;;
esac
verdict
