# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the build says: progress lines, long commands with a log, failures.

bold='' red='' plain=''
if [[ -t 1 && -t 2 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi
readonly bold red plain
# Between two signs of life of a long command, in seconds.
readonly tick_seconds=15
ticker=

# say STEP TEXT: one progress line.
say() { printf '%s%s:%s %s\n' "$bold" "$1" "$plain" "$2"; }

# refuse TEXT: ends the build because of wrong usage or a missing prerequisite.
refuse() {
    printf '%sbuild.sh: %s%s\n' "$red" "$1" "$plain" >&2
    exit 2
}

# require STEP TOOL PACKAGE...: ends the build when a TOOL is not there.
require() {
    local step=$1
    shift
    while [[ $# -gt 0 ]]; do
        command -v "$1" > /dev/null || refuse "$step needs $1 (package $2)"
        shift 2
    done
}

# fail STEP TEXT [LOG]: ends the build because a step failed; shows the end of its log.
fail() {
    stop_ticker
    printf '%s%s: %s%s\n' "$red" "$1" "$2" "$plain" >&2
    if [[ -n ${3-} ]]; then
        printf 'The last lines of the log:\n' >&2
        tail -n 20 -- "$3" | sed 's/^/    /' >&2
        printf 'The whole log: %s\n' "$3" >&2
    fi
    exit 1
}

# shorten PATH: relative to the current folder where it lies below it.
shorten() { printf '%s' "${1#"$PWD"/}"; }

# A read that never gets anything, and not sleep: killing the ticker then leaves no child
# behind that would hold the caller's pipe open.
tick() {
    local started=$SECONDS silence
    exec {silence}<> <(:)
    while true; do
        read -r -t "$tick_seconds" -u "$silence" || true
        say "$1" "... $((SECONDS - started)) s"
    done
}

stop_ticker() {
    [[ -n $ticker ]] || return 0
    kill "$ticker" 2> /dev/null || true
    wait "$ticker" 2> /dev/null || true
    ticker=
}
trap stop_ticker EXIT

# run STEP LOG TEXT COMMAND...: says TEXT, runs COMMAND with its output appended to LOG, and
# gives signs of life. The command stays in the foreground so that an interrupt reaches it.
run() {
    local step=$1 log=$2 text=$3 started=$SECONDS status
    shift 3
    say "$step" "$text"
    printf '\n## %s: %s\n' "$step" "$*" >> "$log"
    tick "$step" {lock}>&- &
    ticker=$!
    # In a subshell of its own and not before ||, where set -e would have no effect.
    set +e
    (set -e && "$@") >> "$log" 2>&1 < /dev/null {lock}>&-
    status=$?
    set -e
    stop_ticker
    [[ $status -eq 0 ]] || fail "$step" "failed after $((SECONDS - started)) s" "$log"
}
