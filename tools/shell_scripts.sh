#!/usr/bin/env bash
# The shell scripts of this checkout, one a line, known by their first line.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

cd "$root"
git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
    [[ -f $file ]] || continue
    first=$(head -c 64 "$file" | head -n 1 | tr -d '\0')
    if [[ $first =~ ^#!.*[/\ ](ba)?sh($|\ ) || $file == *.sh ]]; then
        printf '%s\n' "$file"
    fi
done
