#!/usr/bin/env bash
# The check that Automation Hub runs on an upload, on the artifact of this checkout.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

# It pins old releases of linters: keep it away from ours.
importer=$cache/importer
stamp=$importer/.setup-$(content_hash "$root/requirements-importer.txt")
if [[ ! -e $stamp ]]; then
    rm -rf "$importer"
    python -m venv "$importer"
    "$importer/bin/python" -m pip install --quiet -r "$root/requirements-importer.txt"
    touch "$stamp"
fi

installed=$(mktemp -d)
trap 'rm -rf "$installed"' EXIT
"$root/tools/artifact.sh" "$installed" >/dev/null
cat >"$installed/galaxy-importer.cfg" <<CONFIGURATION
[galaxy-importer]
CHECK_REQUIRED_TAGS = True
RUN_ANSIBLE_TEST = False
CONFIGURATION
cd "$installed"
log=$cache/importer.log
PATH=$importer/bin:$PATH GALAXY_IMPORTER_CONFIG=$installed/galaxy-importer.cfg ANSIBLE_COLLECTIONS_PATH=$installed \
    ANSIBLE_LOCAL_TEMP=$installed/tmp "$importer/bin/python" -m galaxy_importer.main "$installed"/onemesh-istio-*.tar.gz \
    >"$log" 2>&1 || { cat "$log"; exit 1; }
cat "$log"
if grep -E '^(WARNING|ERROR):' "$log"; then
    die "galaxy-importer is not content: see the lines above"
fi
say "galaxy-importer: 0 problems"
