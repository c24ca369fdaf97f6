#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the benchmarks that run in the Linux guest.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname -- "$(dirname -- "$here")")
readonly here repo

usage() {
    cat <<EOF
Usage: bench/guest/build.sh [--out DIR]

Builds what a boot that is measured has below /bench: the programs bench, init and nothing, and
the script all. Nothing is done when DIR is up to date.

  --out DIR    where the results go (default: build/bench/guest)
  --help       this text

Exit status: 0 all built, 1 the compiler failed, 2 wrong usage or something missing.
EOF
}

. "$repo/guest-linux/lib/report.sh"
. "$repo/guest-linux/lib/stamp.sh"

out=$repo/build/bench/guest
while [[ $# -gt 0 ]]; do
    case $1 in
    --out) [[ $# -ge 2 ]] || refuse "--out needs a value"; out=$2 && shift ;;
    --out=*) out=${1#*=} ;;
    -h | --help) usage && exit 0 ;;
    *) refuse "unknown option: $1" ;;
    esac
    shift
done
[[ -n $out ]] || refuse "--out: a folder name may not be empty"

compiler=$(command -v powerpc64-linux-gnu-gcc) ||
    refuse "no powerpc64-linux-gnu-gcc (package gcc-multilib-powerpc64-linux-gnu)"
mkdir -p -- "$out"
out=$(realpath -- "$out")
work=$out.work
mkdir -p -- "$work"

exec {lock}> "$work/lock"
flock "$lock"

sources=("$here"/*.[chS] "$here/all" "$here/build.sh" "$repo"/guest-linux/support/*.c)
hash=$(identity "$compiler" | digest "${sources[@]}")
if [[ -f $work/stamp && $(< "$work/stamp") == "$hash" ]]; then
    current=true
    for name in bench init nothing all; do [[ -x $out/$name ]] || current=false; done
    [[ $current == false ]] || exit 0
fi
rm -f -- "$work/stamp"

say bench "compiling the guest's programs"
common=(-m32 -mcpu=powerpc -O2 -std=gnu11 -fno-pie -Wall -Wextra -Wshadow -Werror
    "-ffile-prefix-map=$repo=.")
link=(-m32 -static -no-pie -s "-Wl,--build-id=none")
# The standard library's replacements, as guest-linux/lib/support.sh compiles them.
support=(-ffreestanding -fno-tree-loop-distribute-patterns -fno-strict-aliasing)
free=(-nostdlib -ffreestanding -fno-tree-loop-distribute-patterns -fno-stack-protector)

objects=()
# compile OBJECT SOURCE FLAG...
compile() {
    local object=$work/$1.o
    "$compiler" "${common[@]}" "${@:3}" -c -o "$object" "$2"
    objects+=("$object")
}

for source in "$repo"/guest-linux/support/*.c; do
    compile "support-$(basename -- "$source" .c)" "$source" "${support[@]}"
done
for source in "$here"/*.c; do
    [[ $source == */init.c ]] || compile "$(basename -- "$source" .c)" "$source"
done
"$compiler" "${link[@]}" -o "$work/bench" "${objects[@]}"
"$compiler" "${common[@]}" "${link[@]}" "${free[@]}" -o "$work/init" "$here"/init{_start.S,.c}
"$compiler" "${common[@]}" "${link[@]}" -nostdlib -o "$work/nothing" "$here/nothing.S"
install -m 0755 -- "$here/all" "$work/all"
for name in bench init nothing all; do
    mv -- "$work/$name" "$out/$name"
done
printf '%s\n' "$hash" > "$work/stamp"
