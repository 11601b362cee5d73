# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Completion of lsp2pdma's command line in bash, loaded by bash-completion:
# commands, options, and devices of this machine or of the file that -i names.

# Facts that --assume and --set take
_lsp2pdma_facts='zen= iommu= encrypted= conventional='

# Addresses of a file of lspci's, also at the end of paths; a dump has names, too
_lsp2pdma_in_file()
{
	local address='\([0-9a-f]\{4,8\}:\)\{0,1\}[0-9a-f]\{2\}:[01][0-9a-f]\.[0-7]'

	sed -n -e "s|^\([^ ]*/\)\{0,1\}\($address\) .*|\2|p" \
		-e 's/^\tnames=//p' "$1" 2>/dev/null
}

# Addresses, and names that drivers have given to what they drive
_lsp2pdma_here()
{
	local path

	for path in /sys/bus/pci/devices/*; do
		[[ ! -e $path ]] || printf '%s\n' "${path##*/}"
	done
	for path in /sys/bus/pci/devices/*/{nvme,infiniband,net,drm,accel}/*; do
		[[ ! -e $path ]] || printf '%s\n' "${path##*/}"
	done
}

_lsp2pdma_devices()
{
	local i

	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		case ${words[i]} in
		-i | -F | -r | --input)
			_lsp2pdma_in_file "${words[i + 1]/#\~/$HOME}"
			return
			;;
		--input=*)
			_lsp2pdma_in_file "${words[i]#--input=}"
			return
			;;
		esac
	done
	_lsp2pdma_here
}

# Readline replaces what follows the last "=" or ":" only.
_lsp2pdma_offer()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
	__ltrim_colon_completions "$cur"
}

# What follows "=" of "FACT=yes,FACT=no"; or a fact
_lsp2pdma_assume()
{
	local before=''

	compopt -o nospace
	if [[ ${cur##*,} == *=* ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "${cur##*=}")
		return
	fi
	[[ $cur != *,* ]] || before=${cur%,*},
	before=${before##*=}
	mapfile -t COMPREPLY < <(compgen -P "$before" -W "$_lsp2pdma_facts" -- "${cur##*,}")
}

# The value of a change that --set makes
_lsp2pdma_value()
{
	local values

	case ${cur%%=*} in
	*.ats | *.10-bit-tags | *.bus-master | *.decode) values='on off' ;;
	*.untrusted | zen | iommu | encrypted | conventional) values='yes no' ;;
	*.payload) values='128 256 512 1024 2048 4096' ;;
	*.acs-) values='RR,CR,EC SV TB RR CR UF EC DT EN' ;;
	*.acs+) values='SV TB RR CR UF EC DT' ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$values" -- "${cur#*=}")
}

# DEVICE.WHAT=VALUE, host=VVVV:DDDD, FACT=VALUE, kernel:PARAMETER
_lsp2pdma_set()
{
	local device

	if [[ $cur == *=* ]]; then
		_lsp2pdma_value
		return
	fi
	compopt -o nospace
	device=${cur%.*}
	if [[ $device == *.[0-7] || ($cur == *.* && $cur != *:*) ]]; then
		mapfile -t COMPREPLY < <(compgen -P "$device." -W 'acs= acs-= acs+=
			ats= 10-bit-tags= payload= bus-master= decode= untrusted=' -- "${cur##*.}")
		__ltrim_colon_completions "$cur"
		return
	fi
	_lsp2pdma_offer "$(_lsp2pdma_devices | sed 's/$/./') host= $_lsp2pdma_facts kernel:"
}

_lsp2pdma_options()
{
	local options='-a --all -c --class -v --vendor -d --driver -i --input
		-A --assume -H --allow-host -e --external -s --set -R --rules
		-j --json -h --help --version'

	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

# The argument of an option; fails if there is none
_lsp2pdma_argument()
{
	case $prev in
	-c | --class)
		_lsp2pdma_offer 'storage drive network infiniband display multimedia
			memory bridge communication system serial accelerator'
		;;
	-v | --vendor)
		_lsp2pdma_offer "$(sort -u /sys/bus/pci/devices/*/vendor 2>/dev/null |
			sed 's/^0x//')"
		;;
	-d | --driver)
		_lsp2pdma_offer "$(cd /sys/bus/pci/drivers 2>/dev/null && echo *)"
		;;
	-i | -F | -r | --input) _filedir ;;
	-A | --assume) _lsp2pdma_assume ;;
	-e | --external) _lsp2pdma_offer "$(_lsp2pdma_devices)" ;;
	-s | --set) _lsp2pdma_set ;;
	-H | --allow-host) ;;
	*) return 1 ;;
	esac
	return 0
}

# The first word that is neither an option nor an argument of one
_lsp2pdma_command()
{
	local i

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		-[cvdiFrAHes] | --class | --vendor | --driver | --input | \
			--assume | --allow-host | --external | --set) ((++i)) ;;
		-*) ;;
		*)
			printf '%s\n' "${words[i]}"
			return
			;;
		esac
	done
}

_lsp2pdma()
{
	local cur prev words cword split

	_init_completion -s -n : || return
	_lsp2pdma_argument && return
	[[ $split != true ]] || return
	if [[ $cur == -?* ]]; then
		_lsp2pdma_options
		return
	fi
	case $(_lsp2pdma_command) in
	'') _lsp2pdma_offer 'matrix tree explain plan check graph dump' ;;
	matrix | tree | explain | plan | graph) _lsp2pdma_offer "$(_lsp2pdma_devices)" ;;
	check) _filedir ;;
	esac
} && complete -F _lsp2pdma lsp2pdma
