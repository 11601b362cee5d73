# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Running tests and counting them: what one.sh and check.sh share. Sourced.

# shellcheck source=harness/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

load_base
passed=0 failed=0 skipped=0
failures=()
# By reason
declare -A left_out=()

# is_left_out WHAT TEXT: what this base can't have is told, not forgotten.
is_left_out()
{
	local reason

	reason=$(reason_left_out "$1") || return
	left_out[$reason]+="; $2"
	say "  left out in $base"
}

# A check that is one test by itself: check TEXT COMMAND...
check()
{
	local text=$1
	shift

	if "$@"; then
		((++passed))
		say "  ok: $text"
	else
		((++failed))
		failures+=("$text")
		say "  not ok: $text"
	fi
}

# tally NAME TOPOLOGY [judge.py option...]: judge a run and add its tests up
tally()
{
	local name=$1 topology=$2 judged verdict reason p f s options=() skip
	shift 2

	[[ ! -f $root/harness/skips/$topology ]] ||
		options=(--skips "$root/harness/skips/$topology")
	for skip in "${base_skips[@]}"; do
		options+=(--skip "$skip")
	done
	# pci=p2pdma_allow_host= taints the kernel (64, TAINT_USER).
	[[ $topology != allowed* ]] || options+=(--taint 64)
	judged=$(python3 "$root/harness/judge.py" "$tree" "$logs" "$name" \
		"${options[@]}" "$@") || true
	read -r _ verdict p f s <<<"$judged"
	((passed += p, failed += f, skipped += s)) || true
	# What is wrong with the run, and not with one of its tests, counts too.
	if [[ $verdict != pass ]]; then
		((f)) || ((++failed))
		reason=$(sed -n '2s/^ *//p' <<<"$judged")
		failures+=("$name: $verdict${reason:+: $reason}")
		say "$judged"
		say "  logs: $logs/$name.*"
	else
		say "  ok: $p tests$( ((s)) && echo ", $s skipped" || true)"
	fi
}

# Guests run side by side where a caller has set slots. A run is judged and
# counted in the order in which they were started. One that must not pass has
# what it must be judged as in guest_expect.
slots=1
running=()
declare -A guest_pid guest_title guest_topology guest_options guest_then
declare -A guest_expect

# start NAME TITLE "judge.py option..." FLAVOUR TOPOLOGY boot.sh's arguments...
start()
{
	local name=$1

	while (($(jobs -rp | wc -l) >= slots)); do
		wait -n || true
		settle_ended
	done
	guest_title[$name]=$2
	guest_options[$name]=$3
	guest_topology[$name]=$5
	shift 3
	"$root/harness/boot.sh" "$name" "$@" &
	guest_pid[$name]=$!
	running+=("$name")
	((slots > 1)) || settle
}

settle_oldest()
{
	local name=${running[0]} options

	running=("${running[@]:1}")
	wait "${guest_pid[$name]}" || true
	read -r -a options <<<"${guest_options[$name]}"
	if [[ -n ${guest_expect[$name]:-} ]]; then
		check "${guest_title[$name]}: seen as \"${guest_expect[$name]}\"" \
			judged_as "${guest_expect[$name]}" "$name" "${options[@]}"
		return
	fi
	say "- ${guest_title[$name]}"
	tally "$name" "${guest_topology[$name]}" "${options[@]}"
	[[ -z ${guest_then[$name]:-} ]] || "${guest_then[$name]}" "$name"
}

settle_ended()
{
	while ((${#running[@]})) && ! kill -0 "${guest_pid[${running[0]}]}" 2>/dev/null; do
		settle_oldest
	done
}

# All that have been started have ended.
settle()
{
	while ((${#running[@]})); do
		settle_oldest
	done
}

# guest_kunit FLAVOUR [SUITE]
guest_kunit()
{
	start "kunit-$1" "KUnit, $1 kernel" --kunit "$1" bare kunit \
		"kunit.filter_glob=${2:-p2pdma*}"
}

# guest_job FLAVOUR TOPOLOGY JOB [kernel parameter...]
guest_job()
{
	local name=$3-$1-$2

	! is_left_out "$3" "$3, $1 kernel, topology $2" || return 0
	start "${name//,/-}" "$3, $1 kernel, topology $2" "" "$1" "$2" "$3" \
		kunit.enable=0 "${@:4}"
}

# guest_offload FLAVOUR: the target's copy offload, and what QEMU saw of it
guest_offload()
{
	guest_then[offload-$1-$1-fabric]=check_payload
	TRACE=1 guest_job "$1" fabric "offload,$1"
}

# Through peer-to-peer memory, no payload is in host memory; and the other way.
check_payload()
{
	local bytes=$((2 * 256 * 1024)) payload

	payload=$(python3 "$root/harness/payload.py" "$logs/$1.trace" \
		"$logs/$1.report" $((128 * 2048)) | xargs)
	check "drives' payload, BAR and host memory: $payload" \
		[ "$payload" = "peer $bytes 0 host 0 $bytes" ]
}

# A run that must not pass, and is judged as what it is: must_be KIND FLAVOUR JOB
must_be()
{
	local name=${3//,/-}-$2

	guest_expect[$name]=$1
	start "$name" "$2 kernel, $3" "" "$2" switch "$3" kunit.enable=0
}

# judged_as KIND NAME [judge.py option...]
judged_as()
{
	local kind=$1 name=$2
	shift 2

	python3 "$root/harness/judge.py" "$tree" "$logs" "$name" \
		--expect "$kind" "$@" >"$logs/$name.judged" || {
		cat "$logs/$name.judged"
		return 1
	}
}

# The last line, and an exit status that agrees with it
verdict()
{
	local failure reason

	say
	for reason in "${!left_out[@]}"; do
		say "left out in $base: $reason"
		say "    ${left_out[$reason]#; }" | sed 's/; /\n    /g'
	done
	for failure in "${failures[@]}"; do
		say "failed: $failure"
	done
	say "$passed passed, $failed failed, $skipped skipped"
	((failed == 0 && passed > 0))
}
