#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A verified fio job whose I/O buffers are p2pmem: fio maps the allocate file.
. "$(dirname "$0")/lib.sh"
need provider target fio
log=/tmp/fio.log

# fio must have had its buffers where it was told to, and have checked them.
verified()
{
	fio --name=p2pmem --filename="$P2PMEM_TARGET" --direct=1 --rw=randwrite \
		--bsrange=4k-64k --size=16M --iodepth=8 --ioengine=libaio \
		--iomem="mmapshared:$p2pmem/allocate" --verify=crc32c \
		--verify_fatal=1 --do_verify=1 --randseed=7 --output=$log &&
		grep -q 'err= 0' $log && grep -q 'READ:' $log && return
	sed 's/^/# /' $log
	return 1
}

plan 1
result "verified random I/O with buffers in p2pmem" verified
ktap_finished
