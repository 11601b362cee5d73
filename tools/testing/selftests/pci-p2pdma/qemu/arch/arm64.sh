# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# QEMU's machine of arm64, with device tree. Not tried: KVM
emulator=qemu-system-aarch64
pcie=virt,gic-version=3
pci=''
console=ttyAMA0
host_bridge=1b36:0008
cpu=cortex-a72
arch_parameters=''

# An IOMMU that is on
with_iommu()
{
	machine+=,iommu=smmuv3
}

has_kvm()
{
	[[ -w /dev/kvm && $(uname -m) == aarch64 ]] || return
	cpu=host
}

# The machine has one port only: the second is a PCI function on the root bus.
# second_port WHERE: as QEMU's option -serial has it
second_port()
{
	case $1 in
	file:*) arguments+=(-chardev "file,id=report,path=${1#file:}") ;;
	*) arguments+=(-chardev stdio,id=report,mux=on,signal=off -mon chardev=report) ;;
	esac
	arguments+=(-device pci-serial,chardev=report,addr=1f)
}
