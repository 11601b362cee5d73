#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lsp2pdma: what it shows, what it says of errors, and its dumps. For the
# topology "switch".
. "$(dirname "$0")/lib.sh"
need provider source target lsp2pdma acs setpci
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
	"$@" >/tmp/out 2>&1 && grep -q "$pattern" /tmp/out
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

# The same from a dump as from the kernel
replayed()
{
	lsp2pdma "$@" >/tmp/live
	lsp2pdma -r /tmp/dump "$@" >/tmp/replayed
	[ -s /tmp/live ] && cmp /tmp/live /tmp/replayed
}

damaged()
{
	head -n "$1" /tmp/dump >/tmp/cut
	fails 6 "$2" lsp2pdma -r /tmp/cut
}

# Three machines in one: 0000 has a host bridge function, 0001 a root port and
# before it an endpoint, 0002 only endpoints. And of the ports of a switch one
# can't turn a redirection off.
made_up()
{
	cat <<-EOF
		lsp2pdma 2
		function 0000:00:00.0 - 8086:29c0 0600 1 0 -1 -1 0 0
		function 0000:00:01.0 - 1b36:000c 0604 1 4 95 0 0 0
		function 0000:01:00.0 0000:00:01.0 104c:8232 0604 1 5 -1 -1 0 0
		function 0000:02:00.0 0000:01:00.0 1b36:000c 0604 1 6 95 8 0 0
		function 0000:02:01.0 0000:01:00.0 1b36:000c 0604 1 6 95 4 0 0
		function 0000:02:02.0 0000:01:00.0 1b36:000c 0604 1 6 91 0 0 0
		function 0000:03:00.0 0000:02:00.0 1b36:0010 0108 1 0 -1 -1 16777216 1
		function 0000:04:00.0 0000:02:01.0 1b36:0010 0108 1 0 -1 -1 0 0
		function 0000:05:00.0 0000:02:02.0 1b36:0010 0108 1 0 -1 -1 0 0
		function 0001:00:00.0 - 10de:2330 0302 1 0 -1 -1 0 0
		function 0001:00:01.0 - 8086:347a 0604 1 4 -1 -1 0 0
		function 0001:01:00.0 0001:00:01.0 1b36:0010 0108 1 0 -1 -1 0 0
		function 0002:00:00.0 - 10de:2330 0302 1 0 -1 -1 0 0
		pair 0000:03:00.0 0000:04:00.0 0 0 10 3 0000:00:01.0
		pair 0000:03:00.0 0000:05:00.0 0 0 5 3 0000:02:02.0
		pair 0000:03:00.0 0001:01:00.0 0 0 11 3 0001:00:01.0
		pair 0001:01:00.0 0001:00:00.0 0 0 11 0 0001:00:00.0
		pair 0001:01:00.0 0000:04:00.0 0 0 7 0 0000:00:01.0
		pair 0000:03:00.0 0002:00:00.0 0 0 12 3 0002:00:00.0
		pair 0000:04:00.0 0001:01:00.0 2 5 13 0 0001:00:01.0
		end
	EOF
}

# advises PATTERN PROVIDER CLIENT: of those
advises()
{
	fails 1 "$1" lsp2pdma -r /tmp/made_up explain "$2" "$3"
}

mkdir -p /etc
echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
chmod 755 /
plan 45
result "matrix: the source" shows "^$source *B4 " lsp2pdma
result "matrix: the target" shows "^$target *B4 " lsp2pdma matrix
result "matrix: the provider itself" shows "^$provider *self " lsp2pdma
result "matrix: of all devices" shows "^$target .* B4 .* self " lsp2pdma -a
result "matrix: without privilege" shows "^$source *B4 " unprivileged lsp2pdma
result "tree: memory" shows "^ *$provider .* provides 16 MiB, published" lsp2pdma tree
result "tree: ACS" shows "^ *$port .* ReqRedir- CmpltRedir-" lsp2pdma tree
result "tree: ACS is for root" shows "only root" unprivileged "lsp2pdma tree"
result "explain: reached" shows "verdict  bus-address, 4 hops: routed at a common bridge, at " \
	lsp2pdma explain "$provider" "$source"
result "explain: by a short address" shows "verdict  bus-address" \
	lsp2pdma explain "${provider#0000:}" "${source#0000:}"
setpci -s "$port" ECAP_ACS+6.w=0004
result "explain: refused, and at which port" \
	explains "verdict  not supported: $turns, at $root_port"
result "explain: which bit redirects" \
	explains "  $port bridge, ACS ReqRedir+ ... UpstreamFwd-  <- its ReqRedir ..."
result "explain: where packets turn" \
	explains "  $root_port bridge, ACS ReqRedir- ... UpstreamFwd-  <- $here, ..."
result "explain: what would change it" \
	explains "... boot with \"pci=disable_acs_redir=$(path_of "$port")\""
result "explain: ACS is for root" fails 1 "only root can read ACS" \
	unprivileged "lsp2pdma explain $provider $source"
setpci -s "$root_port" ECAP_ACS+6.w=0010
result "explain: forwarded, and refused" \
	explains "verdict  not supported: requests are redirected upstream, at $port"
result "explain: where packets pass" \
	explains "  $root_port bridge, ACS ReqRedir- ... UpstreamFwd+  <- redirected packets pass"
result "explain: the same would change it" \
	explains "... boot with \"pci=disable_acs_redir=$(path_of "$port")\""
setpci -s "$root_port" ECAP_ACS+6.w=0000
setpci -s "$provider_port" ECAP_ACS+6.w=0008
result "explain: both ports would have to change" \
	explains "... boot with \"pci=disable_acs_redir=$both\""
setpci -s "$provider_port" ECAP_ACS+6.w=0000
result "explain: as JSON" fails 1 "\"type\":\"not-supported\",\"distance\":null," \
	lsp2pdma -j explain "$provider" "$source"
result "explain: nothing else in JSON" eval '! grep cached /tmp/out'
lsp2pdma dump >/tmp/dump
result "replay: matrix" replayed matrix
result "replay: tree" replayed tree
result "replay: explain" replayed explain "$provider" "$source"
result "replay: JSON" replayed -j matrix
result "replay: from a pipe" shows "^$source *- " eval 'lsp2pdma dump | lsp2pdma -r -'
setpci -s "$port" ECAP_ACS+6.w=0000
made_up >/tmp/made_up
result "advice: ports of both sides" \
	advises '"pci=disable_acs_redir=0000:00:01.0/00.0/01.0;0000:00:01.0/00.0/00.0"$' \
	03:00.0 04:00.0
result "advice: none against what is hard-wired" \
	advises "no parameter turns this off" 03:00.0 05:00.0
result "which is shown" grep -q "^  0000:02:02.0 .* ReqRedir+(hard-wired)" /tmp/out
result "advice: ACS alone is not enough across a root complex" \
	advises "not ACS alone" 0001:01:00.0 0000:04:00.0
result "advice: two host bridges, writes first" \
	advises '"pci=p2pdma_allow_host=8086:29c0:w;8086:347a:w"$' 03:00.0 0001:01:00.0
result "advice: read the page first" grep -q "Documentation/driver-api/pci/p2pdma.rst" /tmp/out
result "advice: one host bridge, never an endpoint" \
	advises ' pci=p2pdma_allow_host=8086:347a:w$' 0001:01:00.0 0001:00:00.0
result "advice: none without a host bridge" \
	advises "nothing; there is no host bridge" 03:00.0 0002:00:00.0
result "writes only" shows "^verdict  through-host-writes-only, 5 hops: root complex routes" \
	lsp2pdma -r /tmp/made_up explain 04:00.0 0001:01:00.0
result "writes only in the matrix" shows "^0001:01:00.0 .* W5 " lsp2pdma -a -r /tmp/made_up
sed 1s/2/1/ /tmp/dump >/tmp/old
result "a dump of an earlier version" fails 6 "the first line is not" lsp2pdma -r /tmp/old
result "a dump without its end" damaged 12 "cut off"
result "a dump without anything" damaged 0 "cut off"
result "not a dump" fails 6 "the first line" lsp2pdma -r /etc/passwd
result "no address" fails 2 "is not an address" lsp2pdma explain "$provider" 3:0
result "no device" fails 3 "there is no function" lsp2pdma explain "$provider" 99:00.0
result "no room" fails 7 "can't write" eval 'lsp2pdma >/dev/full'
chmod 0 /dev/pci_p2pdma
result "no permission" fails 4 "Permission denied" unprivileged lsp2pdma
mv /dev/pci_p2pdma /dev/away
result "no support" fails 5 "CONFIG_PCI_P2PDMA" lsp2pdma
mv /dev/away /dev/pci_p2pdma
chmod 444 /dev/pci_p2pdma
echo "# dump begins"
sed 's/^/# /' /tmp/dump
ktap_finished
