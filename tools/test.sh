#!/usr/bin/env bash
# test.sh CHECK... -- LAB-CHECK...: run `make check-NAME` for each, whatever the others did, and sum up.
# Exit code 1 if one failed. What each printed is kept in .cache/logs/NAME.log.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

logs=$cache/logs
seconds_allowed=3300
rm -rf "$logs"
mkdir -p "$logs"
export LAB_STAYS=1 MESHLAB_NAME=${MESHLAB_NAME:-test}
lab_checks=
trap 'end_labs' EXIT
trap 'exit 130' INT TERM

labs() {
    find "${MESHLAB_HOME:-$HOME/.local/state/meshlab}" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort
}
labs_before=$(labs)

# Nothing may keep running that was started here, also when a test was cut off before it could clean up.
end_labs() {
    local name
    [[ -n $lab_checks ]] || return
    for name in $(comm -13 <(echo "$labs_before") <(labs)); do
        meshlab down --name "$name"
    done
}

# The lines in which a runner counts: its last ones.
closing_lines() {
    sed -E 's/\x1b\[[0-9;]*m//g' "$1" | grep -v '^[[:space:]]*$' | tail -n "$2" | sed 's/^/    /'
}

summary=()
failed=()
run() {
    local name=$1 started=$SECONDS outcome
    shift
    printf '== %s\n' "$name"
    if timeout --kill-after=60 "$seconds_allowed" "$@" >"$logs/$name.log" 2>&1 </dev/null; then
        outcome=passed
        closing_lines "$logs/$name.log" 2
    else
        outcome=FAILED
        failed+=("$name")
        closing_lines "$logs/$name.log" 60
    fi
    summary+=("$(printf '%-16s %-7s %5d s' "$name" "$outcome" $((SECONDS - started)))")
}

for name in "$@"; do
    if [[ $name == -- ]]; then
        lab_checks=1
        run lab-build meshlab build
        continue
    fi
    # A kind of test that has no files yet is not a failure.
    if [[ -n $lab_checks && $name == fault && ! -d $root/tests/fault ]]; then
        continue
    fi
    run "$name" make --no-print-directory -C "$root" "check-$name"
done

printf '\n== summary (%d s)\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
if [[ ${#failed[@]} -gt 0 ]]; then
    printf '%d of %d failed: %s (logs: %s)\n' "${#failed[@]}" "${#summary[@]}" "${failed[*]}" "$logs"
    exit 1
fi
printf 'all %d passed\n' "${#summary[@]}"
