# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# Nothing but what the machine has anyway, and one processor whose time-stamp
# counter counts instructions: for benchmarks on made-up hierarchies.
machine=$pcie
counting=1
# A pool of 64 GiB has 1 GiB of struct page.
memory=2048
