#!/usr/bin/env bash
# artifact.sh DIRECTORY: build the collection into the empty DIRECTORY, check what is in the artifact, and install it there
# beside its dependencies, as into a collections path.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

# What a user needs; anything else belongs into build_ignore of galaxy.yml.
needed='^(FILES\.json|MANIFEST\.json|CHANGELOG\.md|LICENSE|README\.md|tests/|tests/config\.yml)$'
needed_folders='^(changelogs|docs|meta|playbooks|plugins|roles)/'

# A collection that Python finds elsewhere would count as installed.
unset ANSIBLE_CONFIG PYTHONPATH
rm -rf "$1"
mkdir -p "$1"
destination=$(cd "$1" && pwd)
cd "$root"
ansible-galaxy collection build --force --output-path "$destination"
artifact=$(echo "$destination"/onemesh-istio-*.tar.gz)

strangers=$(tar -tzf "$artifact" | grep -Ev "$needed|$needed_folders" || true)
[[ -z $strangers ]] || die "the artifact holds what no user needs; add to build_ignore in galaxy.yml:"$'\n'"$strangers"

# The dependencies were fetched before: nothing here asks a server.
mkdir -p "$destination/ansible_collections"
cp -R "$cache"/deps/ansible_collections/. "$destination/ansible_collections/"
cd "$destination"
ANSIBLE_COLLECTIONS_PATH=$destination ansible-galaxy collection install --offline --no-deps \
    --collections-path "$destination" "$artifact"
say "installed $(tar -tzf "$artifact" | grep -vc '/$') files from $(basename "$artifact")"
