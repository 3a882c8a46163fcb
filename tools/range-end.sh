#!/usr/bin/env bash
# range-end.sh NAME PYTHON ANSIBLE-CORE: one end of the supported range, in a virtual environment .cache/range/NAME.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

end=$cache/range/$1
stamp=$end/.setup-$(content_hash "$root/requirements-range.txt" <(echo "$@"))
if [[ ! -e $stamp ]]; then
    rm -rf "$end"
    "$2" -m venv "$end"
    "$end/bin/python" -m pip install --quiet --quiet "$3" -r "$root/requirements-range.txt"
    touch "$stamp"
fi

export PATH=$end/bin:$PATH
use_checkout
cd "$root"
say "== $1: $(ansible --version | sed -n 1p), $(python --version)"
outcome=0
# Not those of this repository's scripts, nor those that ask git about it: no ansible-core changes them.
python -m pytest -o cache_dir="$end/pytest" -n 2 -q tests/unit --ignore tests/unit/tools \
    --ignore tests/unit/test_citations.py --ignore tests/unit/test_collection_metadata.py || outcome=1
python -m pytest -o cache_dir="$end/pytest" -v tests/range || outcome=1
exit "$outcome"
