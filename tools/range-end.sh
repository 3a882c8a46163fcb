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
units=(tests/unit)
# Where Python is that of the check `unit`, what imports nothing of Ansible would do the same once more.
if [[ $(python --version) == "$("$venv/bin/python" --version)" ]]; then
    units=(tests/unit/*.py tests/unit/plugins/{filter,inventory,plugin_utils}
        tests/unit/plugins/module_utils/{test_values.py,_operations,_canary/convert})
fi
outcome=0
# Not those of this repository's scripts, nor those that ask git about it: no ansible-core changes them.
python -m pytest -o cache_dir="$end/pytest" -n 2 -q "${units[@]}" --ignore tests/unit/tools \
    --deselect tests/unit/test_citations.py --deselect tests/unit/test_collection_metadata.py || outcome=1
python -m pytest -o cache_dir="$end/pytest" -v tests/range || outcome=1
exit "$outcome"
