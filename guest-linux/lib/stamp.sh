# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# When a step has to run: each leaves a stamp with a hash of all that went into it.

# identity FILE...: size and time of large files, whose contents take too long to hash.
identity() { stat -L -c '%n %s %Y' -- "$@"; }

# digest FILE...: the contents of FILEs and what comes on standard input, as one hash.
digest() {
    { cat; [[ $# -eq 0 ]] || sha256sum -- "$@"; } | sha256sum | cut -d ' ' -f 1
}

# is_done STEP HASH OUTPUT...: whether STEP was finished for HASH and its outputs are there.
is_done() {
    local stamp=$out/stamps/$1 hash=$2 found=
    shift 2
    [[ -f $stamp ]] && read -r found < "$stamp"
    [[ $found == "$hash" ]] || return 1
    for output in "$@"; do [[ -e $output ]] || return 1; done
}

# begin STEP: from here on STEP is not done, and its log starts anew.
begin() {
    rm -f -- "$out/stamps/$1"
    : > "$out/log/$1.log"
}

# finish STEP HASH
finish() {
    printf '%s\n' "$2" > "$out/stamps/$1.new"
    mv -- "$out/stamps/$1.new" "$out/stamps/$1"
}

# publish FROM TO: copies a result so that TO is never there in part.
publish() {
    cp -- "$1" "$2.new"
    mv -- "$2.new" "$2"
}
