#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Functions of a root complex stay so when its last root port is removed: what is
# on the root bus doesn't make it a conventional one. For the topology "integrated".
. "$(dirname "$0")/lib.sh"
need shm edus lsp2pdma
provider=$(shm)
from=$(edus | sed -n 1p)
to=$(edus | sed -n 2p)
root_port=$(pci_with 1b36 000c)
[ -n "$root_port" ] || skip "no root port"

exists() { [ -e "/sys/bus/pci/devices/$root_port" ]; }
refuses()
{
	says "$provider" "$from" "not supported: path crosses the root complex" &&
		says "$from" "$to" "not supported: path crosses the root complex"
}

plan 5
result "refused beside a root port" refuses
echo 1 >"/sys/bus/pci/devices/$root_port/remove"
result "the root port is removed" eval '! exists'
result "still refused" refuses
echo 1 >/sys/bus/pci/rescan
result "a rescan finds the root port" exists
result "refused as before" refuses
ktap_finished
