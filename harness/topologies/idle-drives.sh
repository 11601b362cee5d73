# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# SPDX-License-Identifier: GPL-2.0
# The same ports, with drives of which none has controller memory. (CMB=16 in
# the environment: there is a provider after all.)
# shellcheck source=harness/topologies/idle.sh
. "$(dirname "${BASH_SOURCE[0]}")/idle.sh"
devices=("${ports[@]}")
drive first dp0 ${CMB:+"cmb_size_mb=$CMB"}
drive second dp1
drive third dp2
