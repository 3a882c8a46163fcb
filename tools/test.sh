#!/usr/bin/env bash
# test.sh CHECK... -- LAB-CHECK...: run `make check-NAME` for each, whatever the others did, and sum up.
# Exit code 1 if one failed. What each printed is kept in .cache/logs/NAME.log.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

logs=$cache/logs
seconds_allowed=2400
rm -rf "$logs"
mkdir -p "$logs"
export LAB_STAYS=1 MESHLAB_NAME=${MESHLAB_NAME:-test}
trap 'end_lab' EXIT
trap 'exit 130' INT TERM

end_lab() {
    [[ -z ${lab_started:-} ]] || meshlab down --name "$MESHLAB_NAME"
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

lab_checks=
for name in "$@"; do
    if [[ $name == -- ]]; then
        lab_checks=1
        lab_started=1
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
