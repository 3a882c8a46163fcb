#!/usr/bin/env bash
# with-lab.sh COMMAND...: run the command with a lab of two clusters, whose name is in MESHLAB_NAME, and end the lab.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"
use_checkout

export MESHLAB_NAME=${MESHLAB_NAME:-test}
trap 'meshlab down --name "$MESHLAB_NAME"' EXIT
meshlab up --name "$MESHLAB_NAME" --clusters east,west
cd "$root"
"$@"
