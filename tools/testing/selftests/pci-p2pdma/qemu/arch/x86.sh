# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# QEMU's machines of x86-64
emulator=qemu-system-x86_64
emulator_package=qemu-system-x86
pcie=q35
pci=pc
console=ttyS0
host_bridge=8086:29c0
# No 5-level page tables: while 6.12 identifies its first processor it forgets
# for a moment that it has them, and if an interrupt comes just then KASAN takes
# the direct map for wild memory (measured: 2 of 80 boots).
cpu=max,la57=off
# No check whether the timer ticks: on a busy host it may not, in the time that the
# kernel gives it, and that is a panic.
arch_parameters=no_timer_check

# An IOMMU that is on
with_iommu()
{
	machine=q35,kernel-irqchip=split
	devices=(-device intel-iommu "${devices[@]}")
	parameters+=(intel_iommu=on)
}

# It always is described so.
with_acpi()
{
	:
}

# /dev/kvm alone may be one for paravirtualised guests only.
has_kvm()
{
	[[ -w /dev/kvm ]] && grep -qwE "vmx|svm" /proc/cpuinfo
}

# second_port WHERE: as QEMU's option -serial has it
second_port()
{
	arguments+=(-serial "$1")
}
