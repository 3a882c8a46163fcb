# Paths and small functions that every script here shares. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
cache=$root/.cache
# shellcheck disable=SC2034  # read by the scripts that source this file
collection_entries=(CHANGELOG.md LICENSE README.md changelogs docs galaxy.yml meta playbooks plugins roles)
export PATH=$venv/bin:$PATH:$cache/prometheus:$cache/docker-registry
# Progress must not wait in a buffer, and no tool may ask anything.
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 DEBIAN_FRONTEND=noninteractive

say() {
    printf '%s\n' "$*"
}

# die MESSAGE: what is wrong and what to do, then stop.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# content_hash FILE...: one hash over the content of all files.
content_hash() {
    cat "$@" | sha256sum | cut -c1-16
}

# use_checkout: Ansible reads the collection and its dependencies from this checkout, and tests find tests/support.
use_checkout() {
    export ANSIBLE_COLLECTIONS_PATH=$cache/tree:$cache/deps
    export PYTHONPATH=$cache/tree:$root/tests${PYTHONPATH:+:$PYTHONPATH}
}
