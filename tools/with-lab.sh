#!/usr/bin/env bash
# with-lab.sh COMMAND...: run the command with a lab of two clusters, whose name is in MESHLAB_NAME.
# The lab ends with the command; not so with LAB_STAYS=1, with which `make test` gives one lab to several commands.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"
use_checkout

export MESHLAB_NAME=${MESHLAB_NAME:-test}
[[ ${LAB_STAYS:-} == 1 ]] || trap 'meshlab down --name "$MESHLAB_NAME"' EXIT
meshlab up --name "$MESHLAB_NAME" --clusters east,west
cd "$root"
"$@"
