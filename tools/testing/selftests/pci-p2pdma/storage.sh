#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Peer-to-peer memory through what storage is made of: NVMe multipath, md, device
# mapper, file systems, the NVMe target. What reaches it is used; what doesn't is
# refused, and loses neither a path nor a leg for that. For the topology "storage".
# usage: storage.sh [PART]..., see the end; without one, all
. "$(dirname "$0")/lib.sh"
. ./target.sh
need provider source target nvme mdadm dmsetup mkfs.ext4 mkfs.xfs fio
grep -qw bdev_can_p2pdma /proc/kallsyms ||
	skip "this kernel refuses such memory for disks that are made of others"
[ -n "$(edus)" ] || skip "no edu device"
for serial in other pair half leg far; do
	[ -n "$(nvme_of $serial)" ] || skip "no NVMe drive with serial number \"$serial\""
done
pci=/sys/bus/pci/devices
driver=/sys/bus/pci/drivers/nvme
mib=4
EREMOTEIO="Remote I/O error"
# What mdadm and dmsetup would have udev do
export MDADM_NO_UDEV=1 DM_DISABLE_UDEV=1
P2PMEM_OTHER=$(pci_of other)
P2PMEM_FAR=$(pci_of far)
export P2PMEM_OTHER P2PMEM_FAR

# Controllers and PCI addresses of both paths
pair_a=$(nvme_of pair | head -n 1)
pair_b=$(nvme_of pair | tail -n 1)
pci_of_ctrl() { basename "$(readlink -f "/sys/class/nvme/$1/device")"; }
# head_of SERIAL: the block device above its paths
head_of()
{
	for disk in /sys/class/nvme/"$(nvme_of "$1" | head -n 1)"/nvme*c*n1; do
		name=$(basename "$disk")
		echo "/dev/${name%%c*}n${name##*n}"
	done
}
pair=$(head_of pair)
half=$(head_of half)
target=$P2PMEM_TARGET		# a drive; target.sh's is what it exports
leg=/dev/$(nvme_of leg)n1
far=/dev/$(nvme_of far)n1
for ctrl in $(nvme_of half); do
	if p2pmem_cp ask "$P2PMEM_PROVIDER" "$(pci_of_ctrl "$ctrl")" >/dev/null; then
		near=$(pci_of_ctrl "$ctrl")
	else
		half_far=$ctrl
	fi
done
# Its name changes when it is bound again.
half_near() { basename "$pci/$near"/nvme/nvme*; }

has_paths() { [ "$(nvme_of "$1" | wc -l)" = "$2" ]; }
# Requests that a controller's path has got: reads and writes
requests() { cat "/sys/class/nvme/$1/"nvme*c*n1/stat | awk '{ print $1 + $5 }'; }
# uses CONTROLLER COMMAND...: which leads to requests there
uses()
(
	ctrl=$1
	before=$(requests "$ctrl")
	shift
	"$@" && [ "$(requests "$ctrl")" -gt "$before" ]
)
# policy NAME HEAD
policy()
{
	for each in /sys/class/nvme-subsystem/nvme-subsys*; do
		[ ! -e "$each/${2#/dev/}" ] || echo "$1" >"$each/iopolicy"
	done
}

digest() { dd if="$1" bs=1M count=$mib iflag=direct 2>/dev/null | sha256sum; }

# copies DISK: through the provider's memory, and all of it arrives
copies()
{
	dd if=/dev/zero of="$1" bs=1M count=$mib oflag=direct conv=notrunc 2>/dev/null
	quiet p2pmem_cp copy "$P2PMEM_SOURCE" "$1" $mib "$P2PMEM_PROVIDER" &&
		[ "$(digest "$1")" = "$content" ]
}

# refuses DISK: writing from the memory and reading into it, as refusals are said
refuses()
{
	! p2pmem_cp copy "$P2PMEM_SOURCE" "$1" 2 "$P2PMEM_PROVIDER" >/tmp/out 2>&1 &&
		grep -q "write at 0: $EREMOTEIO" /tmp/out &&
		! p2pmem_cp copy "$1" "$P2PMEM_SOURCE" 2 "$P2PMEM_PROVIDER" >/tmp/out 2>&1 &&
		grep -q "read at 0: $EREMOTEIO" /tmp/out && return
	sed 's/^/# /' /tmp/out
	return 1
}

# Host memory is taken as ever.
serves()
{
	quiet p2pmem_cp copy "$P2PMEM_SOURCE" "$1" $mib &&
		[ "$(digest "$1")" = "$content" ]
}

is_whole() { is "$pci/$P2PMEM_PROVIDER/p2pmem/available" "$available"; }

# In the background, until it is told to stop
start_churn()
{
	rm -f /tmp/stop /tmp/churn
	p2pmem_cp churn "$1" "$P2PMEM_PROVIDER" /tmp/stop >/tmp/churn 2>&1 &
	churn=$!
	goes_on
}

# counted WORD: how many of them the last line has
counted() { tail -n 1 /tmp/churn | sed -n "s/.* \([0-9]*\) $1.*/\1/p"; }
more() { [ "$(counted "$1")" -gt "$2" ]; }
goes_on()
{
	within 10 grep -q good /tmp/churn &&
		within 15 more good $(($(counted good) + 32))
}
is_refused() { within 15 more refused "$(counted refused)"; }

# stop_churn COMMAND...: it has never read what it had not written, and COMMAND
stop_churn()
{
	touch /tmp/stop
	wait "$churn"
	status=$?
	sed -n '$s/^/# /p' /tmp/churn
	[ $status -eq 0 ] && [ "$(counted wrong)" = 0 ] && "$@"
}
killed_by_sigbus()
{
	wait "$churn"
	[ $? -eq $((128 + 7)) ]
}
no_error() { [ "$(counted refused) $(counted failed)" = "0 0" ]; }
refused_only() { [ "$(counted refused)" -gt 0 ] && [ "$(counted failed)" = 0 ]; }

make_array()
{
	level=$1
	shift
	quiet mdadm --create /dev/md0 --run --metadata=1.0 --bitmap=none \
		--assume-clean --size=32M --level="$level" --raid-devices=$# "$@"
}
# Sizes are for levels that have copies.
make_stripes()
{
	level=$1
	shift
	quiet mdadm --create /dev/md0 --run --metadata=1.0 --level="$level" \
		--raid-devices=$# "$@"
}
stop_array()
{
	quiet mdadm --stop /dev/md0 && quiet mdadm --zero-superblock "$@"
}
md_state() { cat /sys/block/md0/md/"$1"; }
# Complete, and no leg has been failed
intact() { [ "$(md_state degraded) $(cat /sys/block/md0/md/rd*/state | sort -u)" = "0 in_sync" ]; }
has_bad_blocks() { grep -q . /sys/block/md0/md/rd*/bad_blocks; }
same_legs()
{
	first=$(digest "$1")
	for each; do
		[ "$(digest "$each")" = "$first" ] || return
	done
}
intact_and_same() { intact && same_legs "$@"; }
synced() { [ "$(md_state sync_action)" = idle ] && intact; }

# table NAME LINE...
table()
{
	name=$1
	shift
	printf '%s\n' "$@" | quiet dmsetup create "$name"
}
reload()
{
	name=$1
	shift
	printf '%s\n' "$@" | quiet dmsetup reload "$name" &&
		quiet dmsetup resume "$name"
}
drop() { quiet dmsetup remove --retry "$1"; }
mapped=/dev/mapper/test

# calls DISK: p2pmem_storage's tests, all of them
calls()
{
	P2PMEM_DISK=$1 p2pmem_storage >/tmp/calls 2>&1 && return
	sed 's/^/# /' /tmp/calls
	return 1
}

# on FILESYSTEM: a file takes it, and has it after the file system comes again
on()
{
	quiet "mkfs.$1" -q "$2" /dev/md0 &&
		mount -t "$1" /dev/md0 /tmp/mnt &&
		truncate -s 16M /tmp/mnt/file && copies /tmp/mnt/file &&
		calls /tmp/mnt/file && fio_verifies /tmp/mnt/fio 4M &&
		quiet p2pmem_cp copy "$P2PMEM_SOURCE" /tmp/mnt/file $mib "$P2PMEM_PROVIDER" &&
		umount /tmp/mnt && mount -t "$1" /dev/md0 /tmp/mnt &&
		[ "$(digest /tmp/mnt/file)" = "$content" ]
	status=$?
	umount /tmp/mnt
	return $status
}

# Between marks a trace of the drives has a copy, and nothing else.
marked_copies()
{
	for mark in 0 2; do
		p2pmem_cp mark "$P2PMEM_SOURCE" $mark
		# shellcheck disable=SC2086
		quiet p2pmem_cp copy "$P2PMEM_SOURCE" "$1" 2 $2 || return
		p2pmem_cp mark "$P2PMEM_SOURCE" $((mark + 1))
		set -- "$1" ''
	done
}

# A namespace with two paths that reach the memory
two_good_paths()
{
	result "head: data arrives" copies "$pair"
	policy round-robin "$pair"
	result "head: by both paths" \
		uses "$pair_a" uses "$pair_b" copies "$pair"
	result "head: all calls" calls "$pair"

	result "head: data moves" start_churn "$pair"
	for ctrl in "$pair_a" "$pair_b" "$pair_a"; do
		echo 1 >"/sys/class/nvme/$ctrl/reset_controller"
		goes_on
	done
	result "head: data moves after the paths were reset" goes_on
	pci_a=$(pci_of_ctrl "$pair_a")
	echo 1 >"$pci/$(pci_of_ctrl "$pair_b")/remove"
	result "head: data moves when one path is gone" goes_on
	echo 1 >"/sys/class/nvme/$pair_a/reset_controller"
	result "head: and when the other one was reset" goes_on
	echo 1 >/sys/bus/pci/rescan
	result "head: the path comes back" within 20 has_paths pair 2
	echo "$pci_a" >$driver/unbind
	result "head: data moves by this path" goes_on
	result "head: no request failed, none read what it had not written" \
		stop_churn no_error
	echo "$pci_a" >$driver/bind
	result "head: the other one comes back, too" within 20 has_paths pair 2
}

# A namespace with one path that reaches the memory, and one that doesn't
one_good_path()
{
	policy round-robin "$half"
	result "half: data arrives" copies "$half"
	result "half: the other path is used for host memory" \
		uses "$half_far" serves "$half"
	before=$(requests "$half_far")
	result "half: data moves" start_churn "$half"
	result "half: not by the path from where the memory isn't reached" \
		[ "$(requests "$half_far")" = "$before" ]
	echo 1 >"$pci/$near/nvme/$(half_near)/reset_controller"
	result "half: a reset is waited for" goes_on
	echo "$near" >$driver/unbind
	result "half: refused when the path is gone" is_refused
	result "half: the log says why" \
		said "P2PDMA: can't reach memory of $P2PMEM_PROVIDER"
	result "half: host memory is served" serves "$half"
	result "half: the path that is left is live" \
		is "/sys/class/nvme/$half_far/state" live
	echo "$near" >$driver/bind
	result "half: data moves when the path is back" goes_on
	result "half: refused meanwhile, and no other error" stop_churn refused_only
}

# ana STATE: of the path that reaches the memory, as in enum nvme_ana_state; 0: to be
# read anew
ana()
{
	ctrl=$(half_near)
	echo "$half ${ctrl#nvme} $1" >/sys/kernel/debug/nvme_ana
}
# No request ends.
waits()
{
	sleep 1
	lines=$(wc -l </tmp/churn)
	sleep 4
	[ "$(wc -l </tmp/churn)" = "$lines" ]
}

# Drives with ANA tell of each path how it is.
ana_states()
{
	load nvme_ana
	result "ana: data moves" start_churn "$half"
	before=$(requests "$half_far")
	for each in "15 change" "0 log"; do
		ana "${each% *}"
		result "ana: a ${each#* } is waited for" waits
		ana 2
		result "ana: data moves when the path is not optimized" goes_on
	done
	result "ana: no request was refused" [ "$(counted refused)" = 0 ]
	ana 15
	waits
	ana 3
	result "ana: refused when the path is inaccessible" is_refused
	ana 1
	result "ana: data moves when it is optimized" goes_on
	result "ana: not by the other path" [ "$(requests "$half_far")" = "$before" ]
	result "ana: refused meanwhile, and no other error" stop_churn refused_only
	rmmod nvme_ana
}

stripes()
{
	make_stripes 0 "$target" "$leg" "$pair"
	result "raid0, one of its drives a head: data arrives" copies /dev/md0
	result "raid0: two copies for a trace" \
		marked_copies /dev/md0 "$P2PMEM_PROVIDER"
	result "raid0: all calls" calls /dev/md0
	result "ext4 on it" on ext4 -F
	result "xfs on it" on xfs -f
	result "raid0 goes" stop_array "$target" "$leg" "$pair"
	make_stripes linear "$target" "$leg"
	result "linear: data arrives" copies /dev/md0
	result "linear goes" stop_array "$target" "$leg"
}

parity()
{
	make_array 5 "$target" "$leg" "$pair"
	result "raid5 refuses" refuses /dev/md0
	result "raid5 serves host memory" serves /dev/md0
	result "raid5 is intact" intact
	result "raid5 goes" stop_array "$target" "$leg" "$pair"
}

mirrors()
{
	make_array 10 "$target" "$leg"
	result "raid10: data arrives" copies /dev/md0
	result "raid10: on both legs" intact_and_same "$target" "$leg"
	result "raid10 goes" stop_array "$target" "$leg"
	make_array 1 "$target" "$pair"
	result "raid1, one leg a head with two good paths: data arrives" copies /dev/md0
	result "raid1: on both legs" intact_and_same "$target" "$pair"
	result "raid1 goes" stop_array "$target" "$pair"
}

# A leg is a head with one path that reaches the memory.
half_a_leg()
{
	make_array 1 "$target" "$half"
	result "raid1, one leg a head with one good path: data arrives" copies /dev/md0
	result "raid1: on both legs" intact_and_same "$target" "$half"
	result "raid1: data moves" start_churn /dev/md0
	for _ in 1 2 3; do
		echo "$near" >$driver/unbind
		is_refused || break
		echo "$near" >$driver/bind
		goes_on || break
	done
	result "raid1: data moves after the path was gone, and is back" goes_on
	result "raid1: refused meanwhile, and no other error" stop_churn refused_only
	result "raid1: no leg is failed, and both are the same" \
		intact_and_same "$target" "$half"
	result "raid1: no block is called bad" eval "! has_bad_blocks"
	result "raid1 goes" stop_array "$target" "$half"
}

# A leg that doesn't reach the memory, from the first and added later
bad_legs()
{
	make_array 1 "$target" "$far"
	serves /dev/md0
	result "raid1 with a leg that doesn't reach the memory refuses" refuses /dev/md0
	result "raid1: no leg is failed, and both are the same" \
		intact_and_same "$target" "$far"
	result "raid1 goes" stop_array "$target" "$far"
	make_array 10 "$target" "$far"
	result "raid10 with such a leg refuses" refuses /dev/md0
	result "raid10: no leg is failed" intact
	result "raid10 goes" stop_array "$target" "$far"
	make_array 1 "$target" "$leg"
	result "raid1: data moves" start_churn /dev/md0
	quiet mdadm /dev/md0 --add "$far"
	quiet mdadm --grow /dev/md0 --raid-devices=3
	result "raid1: refused when such a leg is added" is_refused
	result "raid1: the leg is synchronised" within 20 synced
	result "raid1: refused from then on, and no other error" \
		stop_churn refused_only
	result "raid1: no leg is failed, and all are the same" \
		intact_and_same "$target" "$leg" "$far"
	result "raid1 goes" stop_array "$target" "$leg" "$far"
}

# change_leg COMMAND...: a leg is a mapped device. When it has been asked, and before
# it passes the request on, it gets a table that doesn't reach the memory, after
# $meanwhile.
meanwhile=true
change_leg()
{
	quiet dmsetup suspend test
	"$@" >/tmp/waiting 2>&1 &
	waiting=$!
	within 10 in_flight $waiting
	submitted=$?
	$meanwhile
	reload test "0 $sectors linear $far 0"
	wait $waiting
	status=$?
	sed 's/^/# /' /tmp/waiting
	[ $submitted -eq 0 ] && return $status
	echo "# not seen in flight"
	return 100
}
change_leg_of_read()
{
	change_leg p2pmem_cp read /dev/md0 2 "$P2PMEM_PROVIDER" /tmp/memory
	[ $? -eq 1 ] && grep -q "read at 0: $EREMOTEIO" /tmp/waiting
}
# All of it has been submitted.
in_flight()
{
	grep -q '[1-9]' /sys/block/md0/inflight && grep -q 'State:.D' "/proc/$1/status"
}
start_mapped_leg()
{
	for each in "$target" "$leg" "$far"; do
		dd if=/dev/zero of="$each" bs=1M count=$mib oflag=direct conv=notrunc 2>/dev/null
	done
	sectors=$(cat "/sys/block/${leg#/dev/}/size")
	table test "0 $sectors linear $leg 0"
	make_array "$1" "$target" $mapped
	# A write doesn't wait for the superblock on the leg that is suspended.
	echo 100 >/sys/block/md0/md/safe_mode_delay
	dd if=/dev/zero of=/dev/md0 bs=1M count=1 oflag=direct conv=notrunc 2>/dev/null
}
stop_mapped_leg()
{
	stop_array "$target" $mapped && drop test &&
		quiet mdadm --zero-superblock "$leg"
}

leg_changes()
{
	for level in 1 10; do
		start_mapped_leg $level
		result "raid$level: a leg has changed when it gets a write: it is done" \
			change_leg p2pmem_cp copy "$P2PMEM_SOURCE" /dev/md0 2 "$P2PMEM_PROVIDER"
		result "raid$level: no leg is failed, both are the same" \
			intact_and_same "$target" "$far"
		result "raid$level: no block is called bad" eval "! has_bad_blocks"
		result "raid$level: refused from then on" refuses /dev/md0
		result "raid$level goes" stop_mapped_leg
	done
	start_mapped_leg 1
	echo writemostly >/sys/block/md0/md/rd0/state
	result "raid1: a leg has changed when it gets a read: refused" \
		change_leg_of_read
	result "raid1: no leg is failed for it" \
		[ "$(md_state degraded)$(grep -l faulty /sys/block/md0/md/rd*/state)" = 0 ]
	result "raid1 goes" stop_mapped_leg
}

decode() { setpci -s "$P2PMEM_PROVIDER" "COMMAND=$1:2"; }
two_mib() { dd if="$1" bs=1M count=2 iflag=direct 2>/dev/null | sha256sum; }

# The other leg has what the memory held. Nothing that is read from it then is written.
memory_fails()
{
	for level in 1 10; do
		start_mapped_leg $level
		meanwhile="decode 0"
		result "raid$level: memory has failed when a leg refuses it: the write is done" \
			change_leg p2pmem_cp copy "$P2PMEM_SOURCE" /dev/md0 2 "$P2PMEM_PROVIDER"
		meanwhile=true
		decode 2
		result "raid$level: its data is read" \
			[ "$(two_mib /dev/md0)" = "$(two_mib "$P2PMEM_SOURCE")" ]
		result "raid$level: this leg is known to lack it" has_bad_blocks
		result "raid$level goes" stop_mapped_leg
	done
}

# The memory goes, and who has it mapped is killed.
memory_goes()
{
	make_array 1 "$target" "$leg"
	result "raid1: data moves" start_churn /dev/md0
	echo "$P2PMEM_PROVIDER" >$driver/unbind
	result "raid1: not any more when the memory's device is unbound" \
		killed_by_sigbus
	result "raid1: no leg is failed" intact
	echo "$P2PMEM_PROVIDER" >$driver/bind
	within 20 is "$pci/$P2PMEM_PROVIDER/p2pmem/published" 1
	result "raid1: data arrives by what is there then" copies /dev/md0
	result "raid1: on both legs" intact_and_same "$target" "$leg"
	result "raid1 goes" stop_array "$target" "$leg"
}

dm()
{
	table test "0 65536 linear $target 0" "65536 65536 striped 2 128 $leg 0 $pair 0"
	result "linear and striped: data arrives" copies $mapped
	result "mapped: data moves" start_churn $mapped
	reload test "0 65536 linear $target 0" "65536 65536 linear $far 0"
	result "mapped: refused when a part of it doesn't reach the memory" is_refused
	reload test "0 65536 linear $target 0"
	result "mapped: data moves when that is gone" goes_on
	result "mapped: refused meanwhile, and no other error" stop_churn refused_only
	drop test
	table test "0 65536 crypt aes-xts-plain64 $(printf '%064d' 1) 0 $target 0"
	result "crypt refuses" refuses $mapped
	result "crypt serves host memory" serves $mapped
	drop test
}

# Payload of the NVMe target goes from a card, here an edu, to the disk. With
# members that all reach the memory, with one that doesn't, and by a head.
target()
{
	load nvme_edu
	P2PMEM_TARGET=/dev/md0
	make_array 1 "$target" "$leg"
	serves /dev/md0		# what is on the legs is the same from here on
	create_target
	echo "$P2PMEM_PROVIDER" >$ns/p2pmem
	echo 1 >$ns/enable
	open_port 1 fc traddr "$(edus)"
	result "target: a namespace on raid1 is connected" attach "$(edus)"
	result "target: all payload moves through p2pmem" \
		moves 128 0 round_trip "$remote" 64
	quiet mdadm /dev/md0 --add "$far"
	quiet mdadm --grow /dev/md0 --raid-devices=3
	within 20 synced
	result "target: a leg that doesn't reach it is added: through memory" \
		moves 0 128 round_trip "$remote" 64
	result "target: no leg is failed, and all are the same" \
		intact_and_same "$target" "$leg" "$far"
	disconnect
	result "target: with this leg it isn't offered any more" eval \
		'echo 0 >$ns/enable; refused 1 $ns/enable'
	result "target: the log says of what" said "not for all that is below md0"
	stop_array "$target" "$leg" "$far"

	printf %s "$half" >$ns/device_path
	result "target: not offered for a head that has a path from elsewhere" \
		refused 1 $ns/enable
	printf %s "$pair" >$ns/device_path
	echo 1 >$ns/enable
	result "target: a namespace on a head is connected" attach "$(edus)"
	result "target: all payload moves through p2pmem" \
		moves 128 0 round_trip "$remote" 64
	disconnect
	result "target: all can go" eval \
		'close_port 1 && remove_target && rmmod nvme_edu'
}

for module in crc32c_generic cryptomgr aes_generic ecb xts dm-mod dm-crypt linear raid0 raid1 \
	      raid10 raid456 ext4 xfs; do
	load $module
done
mkdir -p /tmp/mnt
[ $# -gt 0 ] || set -- two_good_paths one_good_path ana_states stripes parity mirrors \
		      half_a_leg bad_legs leg_changes memory_fails memory_goes dm target
count=1
for part; do
	case $part in
	two_good_paths | one_good_path) count=$((count + 11)) ;;
	ana_states) count=$((count + 10)) ;;
	stripes) count=$((count + 8)) ;;
	parity) count=$((count + 4)) ;;
	mirrors | memory_goes) count=$((count + 6)) ;;
	half_a_leg | memory_fails) count=$((count + 8)) ;;
	bad_legs) count=$((count + 12)) ;;
	leg_changes) count=$((count + 13)) ;;
	dm) count=$((count + 7)) ;;
	target) count=$((count + 10)) ;;
	*) skip "no such part: $part" ;;
	esac
done
plan $count
bar=$(sed -n '3s/ \(0x[0-9a-f]*\).*/-\1/p' "$pci/$P2PMEM_PROVIDER/resource")
echo "# $P2PMEM_PROVIDER BAR 2 is [$bar]"
p2pmem_cp fill "$P2PMEM_SOURCE" $mib
content=$(digest "$P2PMEM_SOURCE")
available=$(cat "$pci/$P2PMEM_PROVIDER/p2pmem/available")
for part; do
	"$part"
done
result "the memory is whole again" is_whole
ktap_finished
