# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The guest's own programs: programs/NAME.c, or all C files of a folder programs/NAME/.

program_names() {
    local path
    for path in "$here"/programs/*; do
        [[ $path == *.c || -d $path ]] && basename -- "$path" .c
    done
}

# compile_program NAME FOLDER
compile_program() {
    local sources=("$here/programs/$1.c")
    [[ ! -d $here/programs/$1 ]] || sources=("$here/programs/$1"/*.c)
    "${cross}gcc" -m32 -mcpu=powerpc -static -s -fno-pie -O2 -std=gnu11 -Wall -Wextra -Wshadow -Werror \
        -I"$here/include" -ffile-prefix-map="$here"=. -Wl,--build-id=none -o "$2/$1" "${sources[@]}" "$out"/support/*.o -lm
}

compile_programs() {
    local name
    rm -rf -- "$out/programs.new"
    mkdir -p -- "$out/programs.new"
    for name in $(program_names); do
        compile_program "$name" "$out/programs.new" || return 1
    done
    rm -rf -- "$out/programs"
    mv -- "$out/programs.new" "$out/programs"
}

programs() {
    local hash sources
    mapfile -t sources < <(find "$here/programs" "$here/include" -name '*.[ch]' | LC_ALL=C sort)
    hash=$({ cat "$out/stamps/support" && identity "$compiler"; } | digest "${sources[@]}" "$here/lib/programs.sh")
    ! is_done programs "$hash" "$out/programs" || return 0
    begin programs
    run programs "$out/log/programs.log" "compiling..." compile_programs
    finish programs "$hash"
}
