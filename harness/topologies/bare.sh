# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# Nothing but what the machine has anyway: for KUnit, whose results on the
# console drivers of real devices would talk into.
machine=$pcie
