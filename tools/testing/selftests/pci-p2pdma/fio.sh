#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A verified fio job whose I/O buffers are p2pmem: fio maps the allocate file.
. "$(dirname "$0")/lib.sh"
need provider target fio

plan 1
result "verified random I/O with buffers in p2pmem" \
	fio_verifies "$P2PMEM_TARGET" 16M
ktap_finished
