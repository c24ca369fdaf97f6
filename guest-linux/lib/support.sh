# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Replacements for what the C library's 32-bit build does wrong on an e500; each file of
# support/ tells what. They are linked as objects, so that they come before any library.

compile_support() {
    local source
    mkdir -p -- "$out/support"
    for source in "$here"/support/*.c; do
        "${cross}gcc" -m32 -mcpu=powerpc -O2 -fno-pie -ffreestanding \
            -fno-tree-loop-distribute-patterns -fno-strict-aliasing -Wall -Wextra -Werror \
            -c -o "$out/support/$(basename -- "$source" .c).o" "$source"
    done
}

support() {
    local hash
    hash=$(identity "$compiler" | digest "$here"/support/*.c "$here/lib/support.sh")
    ! is_done support "$hash" "$out"/support/{conversions,memset}.o || return 0
    begin support
    run support "$out/log/support.log" "compiling..." compile_support
    finish support "$hash"
}
