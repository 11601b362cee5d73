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
	local name=$1 topology=$2 judged verdict p f s options=() skip
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
		failures+=("$name: $verdict")
		say "$judged"
		say "  logs: $logs/$name.*"
	else
		say "  ok: $p tests$( ((s)) && echo ", $s skipped" || true)"
	fi
}

# guest_kunit FLAVOUR [SUITE]
guest_kunit()
{
	local name=kunit-$1

	say "- KUnit, $1 kernel"
	"$root/harness/boot.sh" "$name" "$1" bare kunit \
		"kunit.filter_glob=${2:-p2pdma*}"
	tally "$name" bare --kunit
}

# guest_job FLAVOUR TOPOLOGY JOB [kernel parameter...]
guest_job()
{
	local name=$3-$1-$2
	name=${name//,/-}

	say "- $3, $1 kernel, topology $2"
	! is_left_out "$3" "$3, $1 kernel, topology $2" || return 0
	"$root/harness/boot.sh" "$name" "$1" "$2" "$3" kunit.enable=0 "${@:4}"
	tally "$name" "$2"
}

# A run that must not pass, and is judged as what it is:
# must_be KIND FLAVOUR JOB [boot.sh's environment]
must_be()
{
	local kind=$1 flavour=$2 job=$3 name
	shift 3
	name=${job//,/-}-$flavour

	env "$@" "$root/harness/boot.sh" "$name" "$flavour" switch "$job" \
		kunit.enable=0
	check "$flavour kernel, $job: seen as \"$kind\"" \
		judged_as "$kind" "$name"
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
