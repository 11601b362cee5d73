# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# QEMU's machine of arm64, which device tree describes. Not tried: KVM
emulator=qemu-system-aarch64
emulator_package=qemu-system-arm
firmware_package=qemu-efi-aarch64
pcie=virt,gic-version=3
pci=''
console=ttyAMA0
host_bridge=1b36:0008
cpu=cortex-a72
arch_parameters=''
# A function that no driver takes, such as q35 has
arch_devices=(-device pci-testdev,bus=pcie.0,addr=1e)
acpi=''

# An IOMMU that is on, before PCI is scanned (strict): devices that wait for it
# are probed in any order, and race to enable the bridges above them. With
# device tree the kernel turns ACS redirection on only in later scans.
with_iommu()
{
	machine+=,iommu=smmuv3
	[[ -z $acpi ]] || return 0
	parameters+=(fw_devlink.strict=1 pci=config_acs=0011101@pci:1b36:000c)
}

# Described by ACPI: by Debian's UEFI (qemu-efi-aarch64), which then boots the kernel
with_acpi()
{
	acpi=1
	firmware=${FIRMWARE:-/usr/share/qemu-efi-aarch64/QEMU_EFI.fd}
	devices+=(-bios "$firmware")
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
	arguments+=(-device pci-serial,chardev=report,bus=pcie.0,addr=1f)
}
