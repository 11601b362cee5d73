# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Sourced after lib.sh: an NVMe target with one namespace, the drive
# "target", and a host that connects to it.
cfg=/sys/kernel/config/nvmet
nqn=p2pdma-test
host=12345678-1234-1234-1234-123456789abc
ns=$cfg/subsystems/$nqn/namespaces/1

is() { [ "$(cat "$1")" = "$2" ]; }
said() { dmesg | grep -q "$1"; }
refused() { ! { echo "$1" >"$2"; } 2>/dev/null; }

create_target()
{
	mkdir $cfg/subsystems/$nqn $ns
	echo 1 >$cfg/subsystems/$nqn/attr_allow_any_host
	printf %s "$P2PMEM_TARGET" >$ns/device_path
}

remove_target()
{
	echo 0 >$ns/enable
	rmdir $ns $cfg/subsystems/$nqn
}

# open_port NUMBER TYPE [ATTRIBUTE VALUE]...
open_port()
{
	port=$cfg/ports/$1
	mkdir "$port" || return
	printf %s "$2" >"$port/addr_trtype"
	shift 2
	while [ $# -gt 0 ]; do
		printf %s "$2" >"$port/addr_$1"
		shift 2
	done
	ln -s $cfg/subsystems/$nqn "$port/subsystems/" 2>/dev/null
}

close_port()
{
	rm -f "$cfg/ports/$1/subsystems/$nqn"
	rmdir "$cfg/ports/$1"
}

# Sets $remote to the namespace's block device here, by the transport.
find_remote()
{
	for ctrl in /sys/class/nvme/nvme*; do
		remote=/dev/$(basename "$ctrl")n1
		is "$ctrl/transport" "$1" && [ -b "$remote" ] && return
	done
	return 1
}

# connect TRANSPORT [nvme-cli option...]
connect()
{
	transport=$1
	shift
	nvme connect -t "$transport" -n $nqn -k 120 -i 1 --hostid $host \
		--hostnqn nqn.2014-08.org.nvmexpress:uuid:$host "$@" >/tmp/connect 2>&1 || {
		sed 's/^/# /' /tmp/connect
		return 1
	}
	within 10 find_remote "$transport"
}

disconnect()
{
	nvme disconnect -n $nqn >/dev/null
}

# Data at random, to the device and back: round_trip DEVICE KIB
round_trip()
{
	dd if=/dev/urandom of=/tmp/data bs=1k count="$2" 2>/dev/null
	dd if=/tmp/data of="$1" bs=64k oflag=direct 2>/dev/null &&
		dd if="$1" of=/tmp/back bs=64k count=$(($2 / 64)) iflag=direct \
			2>/dev/null &&
		cmp /tmp/data /tmp/back
}

# By the module nvme_edu: payload, in bytes, through "p2pmem" or "memory"
moved() { cat "/sys/kernel/debug/nvme_edu/$1"; }

# moves P2PMEM MEMORY COMMAND...: payload, in KiB, through each of the two
moves()
{
	by_p2pmem=$(($(moved p2pmem) + $1 * 1024))
	by_memory=$(($(moved memory) + $2 * 1024))
	shift 2
	"$@" || return
	echo "# $(moved p2pmem) bytes through p2pmem, $(moved memory) through memory"
	[ "$(moved p2pmem)" -eq $by_p2pmem ] && [ "$(moved memory)" -eq $by_memory ]
}

has_moved() { [ $(($(moved p2pmem) + $(moved memory))) -gt "$1" ]; }

# Connected, and the search for partitions is over, which reads one page.
attach()
{
	before=$(($(moved p2pmem) + $(moved memory)))
	connect edu -a "$1" && within 10 has_moved $before && sleep 1
}
