#!/usr/bin/env bash
# with-mesh.sh COMMAND...: run the command, whose tests share one mesh (tests/support/mesh.py), and end the mesh's lab.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"
use_checkout

export MESHLAB_NAME=${MESHLAB_NAME:-test}
trap 'meshlab down --name "${MESHLAB_NAME}mesh"' EXIT
cd "$root"
"$@"
