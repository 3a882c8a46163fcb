#!/usr/bin/env bash
# The packages that mypy checks, as its arguments. A package without a module yet would be an error to it.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

for package in module_utils plugin_utils; do
    if compgen -G "$root/plugins/$package/*.py" >/dev/null; then
        echo "-p ansible_collections.onemesh.istio.plugins.$package"
    fi
done
echo "-p meshlab -m run_checks -m run_scenarios"
