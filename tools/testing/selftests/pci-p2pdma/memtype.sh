#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# arm64: user mappings of p2pmem are Normal memory, non-cacheable, which
# unaligned accesses and memcpy() survive; and the kernel's mapping of the same
# pages has the same type. An emulator may not tell by faults.
. "$(dirname "$0")/lib.sh"
need provider "$p2pmem/allocate"
[ "$(uname -m)" = aarch64 ] || skip "memory types are those of arm64"
load p2pdma_memtype || skip "no module p2pdma_memtype"

types=$(p2pmem_cp memtype "$P2PMEM_PROVIDER")

has()
{
	echo "# $types"
	case " $types " in
	*" $1 "*) ;;
	*) false ;;
	esac
}

plan 3
result "the user's mapping is Normal, non-cacheable" has "user 0x44"
result "the kernel's mapping is Normal, non-cacheable" has "kernel 0x44"
result "unaligned accesses and memcpy() arrive" \
	quiet p2pmem_cp unaligned "$P2PMEM_PROVIDER"
rmmod p2pdma_memtype
ktap_finished
