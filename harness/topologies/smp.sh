# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# Nothing but what the machine has anyway, and four processors: for what
# happens when they want the same.
machine=$pcie
processors=4
