#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every allocation fails once: those of the kernel's API (fault.sh module), of
# system calls (fault.sh calls). For the topology "shm", and a kernel with
# CONFIG_FAULT_INJECTION_DEBUG_FS.
. "$(dirname "$0")/lib.sh"
need shm provider /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc
for attr in failslab fail_page_alloc; do
	echo N >/sys/kernel/debug/$attr/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/$attr/verbose
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
[ "${1:-calls}" = module ] || exec p2pmem_fault
load p2pdma_fault
rmmod p2pdma_fault
dmesg | sed -n 's/.*p2pdma_fault: //p'
