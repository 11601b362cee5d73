#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lsp2pdma on a machine whose kernel answers: what it shows, what users without
# privilege get, what it plans and what comes of it, and its dumps. For the
# topology "switch". Files of other machines are tested in tools/pci/lsp2pdma.
. "$(dirname "$0")/lib.sh"
need provider source target lsp2pdma acs setpci lspci
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
target=$(pci_of target)
port=$(port_above "$source")
provider_port=$(port_above "$provider")
root_port=$(root_above "$source")
both=$(path_of "$port")";"$(path_of "$provider_port")
turns="redirected packets are not forwarded upstream"
here="redirected packets turn here"

# shows PATTERN COMMAND...: exit status 0, and a line of the output
shows()
{
	pattern=$1
	shift
	"$@" >/tmp/out 2>&1 && grep -q "$pattern" /tmp/out && return
	sed 's/^/# /' /tmp/out
	return 1
}

# fails STATUS PATTERN COMMAND...
fails()
{
	wanted=$1 pattern=$2
	shift 2
	"$@" >/tmp/out 2>&1
	status=$?
	[ $status -eq "$wanted" ] && grep -q "$pattern" /tmp/out && return
	echo "# exit status $status:"
	sed 's/^/# /' /tmp/out
	return 1
}

unprivileged() { su -s /bin/sh nobody -c "$1"; }

# explains PATTERN: why, and what would change it; a whole line, but for "..."
explains()
{
	fails 1 "^$(echo "$1" | sed 's/\.\.\./.*/g')\$" \
		lsp2pdma explain "$provider" "$source"
}

# The same from a dump as from the kernel, but for the line that says where from
replayed()
{
	lsp2pdma "$@" | sed '/^source /d; s/"source":"[a-z]*"//g' >/tmp/live
	lsp2pdma -i /tmp/dump "$@" |
		sed '/^source /d; s/"source":"[a-z]*"//g' >/tmp/replayed
	[ -s /tmp/live ] && cmp /tmp/live /tmp/replayed
}

# The dump has answers for the pairs of the matrix, and fewer than all of them
dumped()
{
	lsp2pdma -i /tmp/dump -j matrix >/tmp/replayed
	! grep -q '"source":"rules"' /tmp/replayed &&
		grep -q '"source":"dump"' /tmp/replayed &&
		[ "$(grep -c '^pair ' /tmp/dump)" -lt \
		  "$(lsp2pdma -a dump | grep -c '^pair ')" ]
}

# What the plan's setpci lines do, in the order of "for now"
carry_out()
{
	lsp2pdma plan "$provider" "$source" "$target" >/tmp/plan || return
	grep '^  setpci -s' /tmp/plan >/tmp/lines || return
	sh /tmp/lines
}

mkdir -p /etc
echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
chmod 755 /
plan 48
result "matrix: the source" shows " $source .* B4" lsp2pdma
result "matrix: the target, by its name" shows "^ *$(nvme_of target) $target .* B4" lsp2pdma matrix
result "matrix: the provider itself" shows " $provider .*self" lsp2pdma
result "matrix: of all functions" shows " $root_port .*self" lsp2pdma -a
result "matrix: of a driver's" shows "^2 pairs, 2 reached" lsp2pdma -d nvme
result "matrix: without privilege" shows " $source .* B4" unprivileged lsp2pdma
result "matrix: from registers" shows " $source .* B4" lsp2pdma -R
result "matrix: 64 bytes are too little" shows "^2 pairs, 0 reached" \
	unprivileged "lsp2pdma -R -d nvme"
result "matrix: as JSON" shows '"type":"bus-address","distance":4,.*"source":"kernel"' \
	lsp2pdma -j
result "tree: memory" shows "^ *$provider .* provides 16 MiB, published" lsp2pdma tree
result "tree: ACS" shows "^ *$port .* ReqRedir- CmpltRedir-" lsp2pdma tree
result "tree: drivers, names" shows "^ *$source .*$(nvme_of source).* driver nvme" lsp2pdma tree
result "tree: ACS is for root" shows "only root" unprivileged "lsp2pdma tree"
result "explain: reached" shows "verdict  bus-address, 4 hops: routed at a common bridge, at " \
	lsp2pdma explain "$provider" "$source"
result "explain: where from" shows "^source   the kernel; the registers say the same" \
	lsp2pdma explain "$provider" "$source"
result "explain: by a short address" shows "verdict  bus-address" \
	lsp2pdma explain "${provider#0000:}" "${source#0000:}"
result "explain: by path and name" shows "verdict  bus-address" \
	lsp2pdma explain "$(path_of "$provider")" "$(nvme_of source)"
setpci -s "$source" COMMAND=0:4
result "explain: bus mastering that is off" shows "BusMaster-" \
	lsp2pdma explain "$provider" "$source"
setpci -s "$source" COMMAND=4:4
result "what if" fails 1 "verdict  not supported: $turns, at $root_port" \
	lsp2pdma -s "$port.acs+=RR" explain "$provider" "$source"
result "nothing was done" shows "verdict  bus-address" \
	lsp2pdma explain "$provider" "$source"
setpci -s "$port" ECAP_ACS+6.w=0004
result "explain: refused, and at which port" \
	explains "verdict  not supported: $turns, at $root_port"
result "explain: which bit redirects" \
	explains "  $port bridge, ACS SrcValid- ReqRedir+ ...  <- its ReqRedir ..."
result "explain: where packets turn" \
	explains "  $root_port bridge, ACS ... UpstreamFwd- ...  <- $here, ..."
result "explain: what would change it" \
	explains "... boot with \"pci=disable_acs_redir=$(path_of "$port")\""
result "explain: ACS is for root" fails 1 "only root can read" \
	unprivileged "lsp2pdma explain $provider $source"
result "check: what is lost" eval 'echo "$provider $source" >/tmp/pairs;
	fails 1 "^lost: $provider $source" lsp2pdma check /tmp/pairs'
setpci -s "$root_port" ECAP_ACS+6.w=0010
result "explain: forwarded, and refused" \
	explains "verdict  not supported: requests are redirected upstream, at $port"
result "explain: where packets pass" \
	explains "  $root_port bridge, ACS ... UpstreamFwd+ ...  <- redirected packets pass"
setpci -s "$root_port" ECAP_ACS+6.w=0000
setpci -s "$provider_port" ECAP_ACS+6.w=0008
result "explain: both ports would have to change" \
	explains "... boot with \"pci=disable_acs_redir=$both\""
result "explain: as JSON" fails 1 "\"type\":\"not-supported\",\"distance\":null," \
	lsp2pdma -j explain "$provider" "$source"
lsp2pdma dump >/tmp/dump
result "replay: answers that are asked for" dumped
result "replay: matrix" replayed matrix
result "replay: tree" replayed tree
result "replay: explain" replayed explain "$provider" "$source"
result "replay: JSON" replayed -j matrix
result "replay: from a pipe" shows " $source .* -" eval 'lsp2pdma dump | lsp2pdma -i -'
result "lspci reads a dump" shows "^00:" eval 'lspci -F /tmp/dump'
result "plan: its setpci lines" carry_out
result "and all is reached" shows "^2 pairs, 2 reached" lsp2pdma -d nvme
result "plan: nothing to do" shows "nothing to do" lsp2pdma plan "$provider" "$source"
setpci -s "$provider_port" ECAP_ACS+6.w=0000
setpci -s "$port" ECAP_ACS+6.w=0000
result "check: as in the list" shows "1 pair" lsp2pdma check /tmp/pairs
result "no address" fails 2 "address" lsp2pdma explain "$provider" 3:0
result "no device" fails 3 "99:00.0" lsp2pdma explain "$provider" 99:00.0
result "not a file of lspci" fails 6 "line 1" lsp2pdma -i /etc/passwd
result "no room" fails 7 "can't write" eval 'lsp2pdma >/dev/full'
chmod 0 /dev/pci_p2pdma
result "no permission: by the registers" shows "no permission" unprivileged lsp2pdma
mv /dev/pci_p2pdma /dev/away
result "a kernel that doesn't answer" shows " $source .* B4" lsp2pdma
result "which is told" shows "^source   the kernel's rules" \
	lsp2pdma explain "$provider" "$source"
mv /dev/away /dev/pci_p2pdma
chmod 444 /dev/pci_p2pdma
ktap_finished
