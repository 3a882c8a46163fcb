#!/usr/bin/env bash
# test.sh CHECK... -- TRAFFIC-CHECK...: run `make check-NAME` for each, whatever the others did, and sum up.
# Two of the first group run at the same time, in the order given, since few of them use both cores; the second group
# measures traffic, and has the machine for itself. Exit code 1 if one failed. What each printed is kept in
# .cache/logs/NAME.log.
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

check() {
    run "$1" make --no-print-directory -C "$root" "check-$1"
}

beside=() alone=()
while [[ $# -gt 0 && $1 != -- ]]; do
    beside+=("$1")
    shift
done
alone=("${@:2}")

# What two lanes have still to take.
queue=$logs/queue
printf '%s\n' "${beside[@]}" >"$queue"
next() {
    (
        flock 9
        head -n 1 "$queue"
        sed -i 1d "$queue"
    ) 9>"$queue.lock"
}
lane() {
    local name
    while name=$(next) && [[ -n $name ]]; do
        check "$name"
    done
}

results=$logs/results
: >"$results"
run lab-build meshlab build
(
    trap '[[ -z $running ]] || kill "$running"' EXIT
    trap 'exit 130' TERM
    lane
) &
other_lane=$!
lane
wait "$other_lane"
other_lane=
for name in "${alone[@]}"; do
    check "$name"
done

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
