#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# provider.sh [BINDS]: a provider of ours, of all lives the most eventful. For
# the topology "shm".
. "$(dirname "$0")/lib.sh"
need shm provider source target
P2PMEM_MODULE=test_modules/p2pdma_provider.ko
P2PMEM_SHM=$(shm)
P2PMEM_BINDS=$1
export P2PMEM_MODULE P2PMEM_SHM P2PMEM_BINDS
exec p2pmem_provider
