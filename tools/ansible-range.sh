#!/usr/bin/env bash
# ansible-range.sh [oldest|newest]: the unit tests and tests/range under the oldest and the newest ansible-core that the
# README names, on the lab in MESHLAB_NAME. The oldest runs on this checkout's Python, the newest on that of a Debian tree
# of its own in .cache, since no one Python has both.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

oldest='ansible-core==2.17.*'
newest='ansible-core==2.21.*'
debian=trixie

tree=$cache/range/$debian
# By the same paths as outside, since the lab's inventory and kubeconfigs name them.
shared=("$root" "$HOME" /etc/ssl /etc/hosts /etc/resolv.conf)
for folder in "${XDG_CACHE_HOME:-}" "${MESHLAB_HOME:-}" "${MESHLAB_BIN:-}"; do
    [[ ! -d $folder ]] || shared+=("$folder")
done

# The mirror that apt has on this machine.
mirror() {
    # shellcheck disable=SC2016  # expanded by apt-get
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1
}

make_tree() {
    [[ ! -d $tree ]] || return 0
    say "making a tree of Debian $debian in .cache (once, about a minute)"
    local mirror
    mirror=$(mirror)
    [[ -n $mirror ]] || { apt-get update >"$cache/range/apt.log" 2>&1 && mirror=$(mirror); }
    [[ -n $mirror ]] || die "apt knows no mirror of Debian: see apt-get indextargets"
    rm -rf "$tree.partial"
    in_namespace debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$debian" "$tree.partial" \
        "$mirror" >"$cache/range/debootstrap.log" 2>&1 || die "debootstrap failed: see $cache/range/debootstrap.log"
    mv "$tree.partial" "$tree"
}

# in_namespace COMMAND...: its mounts and its processes end with it, however it ends.
in_namespace() {
    unshare --mount --pid --fork --kill-child "$@"
}

# in_tree COMMAND...: with the Debian tree for a root.
in_tree() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    in_namespace bash -euc '
        tree=$1
        count=$2
        shift 2
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        mount -t tmpfs tmpfs "$tree/tmp"
        for path in "${@:1:count}"; do
            if [[ -d $path ]]; then mkdir -p "$tree$path"; else touch "$tree$path"; fi
            mount --bind "$path" "$tree$path"
        done
        exec chroot "$tree" "${@:count+1}"
    ' in_tree "$tree" "${#shared[@]}" "${shared[@]}" "$@"
}

mkdir -p "$cache/range"
chmod 700 "$cache/range"
export RANGE_INVENTORY=$cache/range/inventory.yml
meshlab inventory --name "$MESHLAB_NAME" >"$RANGE_INVENTORY"
unset TMPDIR

failed=()
for end in ${1:-oldest newest}; do
    case $end in
        oldest) "$root/tools/range-end.sh" oldest "$venv/bin/python" "$oldest" || failed+=("$end") ;;
        newest)
            make_tree
            in_tree "$root/tools/range-end.sh" newest /usr/bin/python3 "$newest" || failed+=("$end")
            ;;
        *) die "usage: $0 [oldest|newest]" ;;
    esac
done
[[ ${#failed[@]} -eq 0 ]] || die "failed under the ${failed[*]} ansible-core"
