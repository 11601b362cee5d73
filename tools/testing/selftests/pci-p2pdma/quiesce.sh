#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# quiesce.sh [TIMES [TEST...]]: a provider that is reset, unbound or turned off while
# others use its memory; all tests, or these. For the topology "slow".
. "$(dirname "$0")/lib.sh"
need shm slow source setpci
# QEMU's ports send error messages only with SERR#. Firmware turns it on, and a
# machine with device tree has none.
setpci -s "$(port_above "$(shm)")" COMMAND=0100:0100
P2PMEM_MODULE=test_modules/p2pdma_provider.ko
P2PMEM_SHM=$(shm)
P2PMEM_SLOW=/dev/$(nvme_of slow)n1
P2PMEM_TIMES=$1
export P2PMEM_MODULE P2PMEM_SHM P2PMEM_SLOW P2PMEM_TIMES
[ $# -gt 1 ] || exec p2pmem_quiesce -f quiesce
shift
# shellcheck disable=SC2046	# two words for each
exec p2pmem_quiesce $(printf -- '-t %s ' "$@")
