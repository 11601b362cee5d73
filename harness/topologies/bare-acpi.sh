# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# Nothing but what the machine has anyway, described by ACPI
machine=$pcie
with_acpi
