# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# The switch, and one processor whose time-stamp counter counts instructions.
# shellcheck source=harness/topologies/switch.sh
. "$root/harness/topologies/switch.sh"
counting=1
