# SPDX-License-Identifier: GPL-2.0-only
# Completion of nestvisor(8) in bash; installed as nestvisor in bash-completion's folder.

_nestvisor() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= i

	COMPREPLY=()
	case $before in
	--vm)
		# Numbers of VMs, for who may read them.
		words=$(sed -n 's/^vm \([0-9]*\) .*/\1/p' /sys/kernel/debug/nestvisor/vms 2>/dev/null | sort -nu)
		COMPREPLY=($(compgen -W "$words" -- "$word"))
		return
		;;
	--interval | --count | --seconds)
		return
		;;
	esac
	words="check stat top shadow --help"
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		check) words="--help --json" ;;
		stat) words="--help --interval --count --json --prometheus --vm" ;;
		top) words="--help --seconds --folded --vm" ;;
		shadow) words="--help --vm --summary --json" ;;
		*) continue ;;
		esac
		break
	done
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _nestvisor nestvisor
