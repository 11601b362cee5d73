#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fuzz.sh [CALLS [SEED]]: anything at random on the files in p2pmem/, of a
# provider whose memory is fast. For the topology "shm".
. "$(dirname "$0")/lib.sh"
need shm
load p2pdma_provider
P2PMEM_PROVIDER=$(shm)
P2PMEM_AVAILABLE=$(cat "/sys/bus/pci/devices/$P2PMEM_PROVIDER/p2pmem/available")
export P2PMEM_PROVIDER P2PMEM_AVAILABLE
export P2PMEM_FUZZ_CALLS="${1:-20000}" P2PMEM_FUZZ_SEED="$2"
# The module waits for memory that the test has lost.
p2pmem_fuzz && rmmod p2pdma_provider
