#!/usr/bin/env bash
# each-folder.sh FOLDER NAME...: pytest for each of these folders below FOLDER by itself, whatever the others did, so that
# the clusters of one have ended when those of the next start. With --except before the names: for each but these. Exit
# code 1 if one failed; the last lines have seconds and counts of each, and the counts of all.
set -uo pipefail

folder=$1
shift
all=$(find "$folder" -mindepth 2 -maxdepth 2 -name 'test_*.py' -printf '%h\n' | xargs -n 1 basename | sort -u)
case ${1:-} in
--except) names=$(comm -23 <(echo "$all") <(printf '%s\n' "${@:2}" | sort)) ;;
*) names=$* ;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
failed=()
lines=()
declare -A counts

for name in $names; do
    started=$SECONDS
    python -m pytest -v "$folder/$name" 2>&1 | tee "$log"
    [[ ${PIPESTATUS[0]} -eq 0 ]] || failed+=("$name")
    closing=$(tail -n 1 "$log" | grep -oE '[0-9]+ (passed|failed|skipped|errors?|deselected)')
    lines+=("folder $folder/$name: ${closing//$'\n'/, } in $((SECONDS - started)) s")
    while read -r number what; do
        [[ -z $what ]] || counts[$what]=$((${counts[$what]:-0} + number))
    done <<<"$closing"
done

summary=
for what in "${!counts[@]}"; do
    summary+="${counts[$what]} $what, "
done
printf '%s\n' "${lines[@]}"
printf '%s: %s%s\n' "$folder" "${summary%, }" "${failed[*]:+; failed in ${failed[*]}}"
[[ ${#failed[@]} -eq 0 ]]
