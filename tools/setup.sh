#!/usr/bin/env bash
# Everything the checks, the demo and the lab need, under .venv and .cache of this checkout. A second run does nothing.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

collections=(kubernetes.core community.crypto community.library_inventory_filtering_v1)

# What the lab needs, and the check ansible-range, as COMMAND:PACKAGE.
system_commands=(ip:iproute2 tc:iproute2 iptables:iptables nsenter:util-linux flock:util-linux git:git debootstrap:debootstrap)

install_system_packages() {
    local pair missing=()
    for pair in "${system_commands[@]}"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
        die "missing: ${missing[*]}. Install these packages (their names on Debian), or run as root on Debian."
    fi
    say "installing ${missing[*]}"
    apt-get install -y --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1 ||
        { apt-get update >>"$cache/apt.log" 2>&1 &&
            apt-get install -y --no-install-recommends "${missing[@]}" >>"$cache/apt.log" 2>&1; } ||
        die "apt-get could not install ${missing[*]}: see $cache/apt.log"
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            return
        fi
    done
    die "no Python 3.11 or newer found. Install python3.11, or name one: make PYTHON=/path/to/python3"
}

install_python_packages() {
    local stamp
    stamp=$venv/.setup-$version-$(content_hash "$root/requirements-dev.txt" "$root/lab/pyproject.toml")
    [[ ! -e $stamp ]] || return 0
    say "installing Python packages into .venv (once, about a minute)"
    [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet -r "$root/requirements-dev.txt" -e "$root/lab"
    rm -f "$venv"/.setup-*
    touch "$stamp"
}

unpack_collections() {
    local stamp work
    stamp=$cache/deps/.unpacked-$(content_hash "$root/requirements-collections.txt" "$0")
    [[ ! -e $stamp ]] || return 0
    say "fetching ${collections[*]}"
    work=$(mktemp -d "$cache/unpack.XXXXXX")
    "$venv/bin/python" -m pip download --quiet --no-deps --dest "$work" -r "$root/requirements-collections.txt"
    "$venv/bin/python" "$root/tools/unpack_collections.py" "$work"/ansible-*.whl "$work/deps" "${collections[@]}"
    rm -rf "$cache/deps"
    mv "$work/deps" "$cache/deps"
    rm -rf "$work"
    touch "$stamp"
}

# fetch_programs PACKAGE PROGRAM...: only the programs of Debian's package: to install it would start a service.
fetch_programs() {
    local package=$1 work
    shift
    [[ $(command -v "$@" | wc -l) -lt $# ]] || return 0
    command -v apt-get >/dev/null || die "missing: $*. Install them (Debian's package $package), for the tests that use them."
    say "fetching $package"
    work=$(mktemp -d "$cache/$package.XXXXXX")
    (
        cd "$work"
        apt-get download "$package" || { apt-get update && apt-get download "$package"; }
        dpkg-deb -x "$package"_*.deb unpacked
    ) >"$cache/$package.log" 2>&1 || die "apt-get could not download $package: see $cache/$package.log"
    rm -rf "${cache:?}/$package"
    mkdir "$cache/$package"
    (cd "$work/unpacked/usr/bin" && mv "$@" "$cache/$package/")
    rm -rf "$work"
}

# Ansible and pytest find a collection only below ansible_collections/: a folder of links makes a checkout look so.
link_tree() {
    local tree=$cache/tree/ansible_collections/onemesh/istio entry
    mkdir -p "$tree"
    for entry in "${collection_entries[@]}" molecule tests; do
        [[ -e $root/$entry ]] && ln -sfn "../../../../../$entry" "$tree/$entry"
    done
}

mkdir -p "$cache"
find_python
install_system_packages
exec 9>"$cache/setup.lock"
flock 9
install_python_packages
unpack_collections
fetch_programs prometheus prometheus promtool
fetch_programs docker-registry docker-registry
link_tree
