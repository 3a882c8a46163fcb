#!/usr/bin/env bash
# test.sh CHECK... -- LAB-CHECK... -- LAB-CHECK...: run `make check-NAME` for each, whatever the others did, and sum up.
# The first two groups run beside each other, since few of their checks use both cores; the third one measures traffic,
# and has the machine for itself. Exit code 1 if one failed. What each printed is kept in .cache/logs/NAME.log.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

logs=$cache/logs
seconds_allowed=3300
rm -rf "$logs"
mkdir -p "$logs"
export LAB_STAYS=1 MESHLAB_NAME=${MESHLAB_NAME:-test}
running=
other_lane=
trap 'end' EXIT
trap 'exit 130' INT TERM

labs() {
    find "${MESHLAB_HOME:-$HOME/.local/state/meshlab}" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort
}
labs_before=$(labs)

# Nothing may keep running that was started here, also when a test was cut off before it could clean up.
end() {
    local name process
    for process in $running $other_lane; do
        kill "$process" 2>/dev/null && wait "$process"
    done
    for name in $(comm -13 <(echo "$labs_before") <(labs)); do
        meshlab down --name "$name"
    done
}

# plain FILE: without colours.
plain() {
    sed -E 's/\x1b\[[0-9;]*m//g' "$1"
}

# The lines in which a runner counts: its last ones.
closing_lines() {
    plain "$1" | grep -v '^[[:space:]]*$' | tail -n "$2" | sed 's/^/    /'
}

# What failed in a check, in the runners' own words: the names of tests, molecule's scenarios, Ansible's tasks.
failures() {
    plain "$1" | grep -E '^(FAILED|ERROR) |^fatal: |CRITICAL|: FAILED' | cut -c1-400 | tail -n 12
}

# One check: its name with the outcome goes to the results, in the order in which checks end.
run() {
    local name=$1 started=$SECONDS outcome lines
    shift
    timeout --kill-after=60 "$seconds_allowed" "$@" >"$logs/$name.log" 2>&1 </dev/null &
    running=$!
    if wait "$running"; then
        outcome=passed lines=2
    else
        outcome=FAILED lines=60
    fi
    running=
    # In one piece, because another lane prints too.
    printf '== %s\n%s\n' "$name" "$(closing_lines "$logs/$name.log" "$lines")"
    printf '%-16s %-7s %5d s\n' "$name" "$outcome" $((SECONDS - started)) >>"$results"
}

lane() {
    local name
    for name in "$@"; do
        run "$name" make --no-print-directory -C "$root" "check-$name"
    done
}

groups=("" "" "")
group=0
for name in "$@"; do
    if [[ $name == -- ]]; then
        group=$((group + 1))
    else
        groups[group]+=" $name"
    fi
done

results=$logs/results
: >"$results"
run lab-build meshlab build
(
    trap '[[ -z $running ]] || kill "$running"' EXIT
    trap 'exit 130' TERM
    # shellcheck disable=SC2086  # names of checks
    lane ${groups[0]}
) &
other_lane=$!
# shellcheck disable=SC2086
lane ${groups[1]}
wait "$other_lane"
other_lane=
# shellcheck disable=SC2086
lane ${groups[2]}

printf '\n== summary (%d s)\n' "$SECONDS"
cat "$results"
failed=$(awk '$2 == "FAILED" {print $1}' "$results" | xargs)
if [[ -n $failed ]]; then
    for name in $failed; do
        printf '== %s\n%s\n' "$name" "$(failures "$logs/$name.log")"
    done
    printf '%d of %d failed: %s (logs: %s)\n' "$(wc -w <<<"$failed")" "$(wc -l <"$results")" "$failed" "$logs"
    exit 1
fi
printf 'all %d passed\n' "$(wc -l <"$results")"
