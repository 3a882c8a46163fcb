#!/usr/bin/env bash
# each-folder.sh FOLDER: pytest for each folder below FOLDER by itself, whatever the others did, so that the clusters of
# one have ended when those of the next start. Exit code 1 if one failed; the last line has the counts of all.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
failed=()
declare -A counts

for folder in "$1"/*/; do
    [[ -n $(find "$folder" -maxdepth 1 -name 'test_*.py' -print -quit) ]] || continue
    python -m pytest -v "$folder" 2>&1 | tee "$log"
    [[ ${PIPESTATUS[0]} -eq 0 ]] || failed+=("$(basename "$folder")")
    while read -r number what; do
        counts[$what]=$((${counts[$what]:-0} + number))
    done < <(tail -n 1 "$log" | grep -oE '[0-9]+ (passed|failed|skipped|errors?|deselected)')
done

summary=
for what in "${!counts[@]}"; do
    summary+="${counts[$what]} $what, "
done
printf '%s: %s%s\n' "$1" "${summary%, }" "${failed[*]:+; failed in ${failed[*]}}"
[[ ${#failed[@]} -eq 0 ]]
