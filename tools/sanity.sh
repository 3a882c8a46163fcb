#!/usr/bin/env bash
# sanity.sh [ARGUMENT...]: run ansible-test sanity on this checkout, uncommitted files included.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

# ansible-test wants to stand in .../ansible_collections/NAMESPACE/NAME, outside of a git work tree that ignores it, and
# does not follow links: give it a copy of what a commit of everything would hold.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/ansible_collections/onemesh/istio
mkdir -p "$tree"
cd "$root"
# What the artifact has. On the unit tests, where ruff and pytest look, pylint alone would take half a minute more.
git ls-files --cached --others --exclude-standard -z -- "${collection_entries[@]}" tests/config.yml |
    while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done |
    tar -c --null --files-from=- | tar -x -C "$tree"
for namespace in "$cache"/deps/ansible_collections/*; do
    ln -s "$namespace" "$work/ansible_collections/"
done

# Its virtual environments and its get-pip.py live below HOME: keep them in this checkout, and pip's cache where it was.
PIP_CACHE_DIR=$(python -m pip cache dir 2>/dev/null) || PIP_CACHE_DIR=$HOME/.cache/pip
export PIP_CACHE_DIR PIP_QUIET=1 HOME=$cache/ansible-test
mkdir -p "$HOME/.ansible/test/cache"
for version in 23_1_2 24_2 25_2; do
    cp "$root/tools/get_pip.py" "$HOME/.ansible/test/cache/get_pip_$version.py"
done

unset PYTHONPATH ANSIBLE_COLLECTIONS_PATH
cd "$tree"
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
log=$work/log
ansible-test sanity --python "$version" --color no "$@" 2>&1 | tee "$log"
# It only says what failed.
say "ansible-test: $(grep -c '^Running sanity test' "$log") sanity tests, 0 failed"
