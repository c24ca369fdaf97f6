# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The kernel's modules, if its configuration has any: $out/modules/*.ko, without folders.

modules() {
    local log=$out/log/modules.log hash module
    grep -q '=m$' "$out/config" || return 0
    hash=$(digest "$out/config" "$out/vmlinux" "$here/lib/modules.sh" < /dev/null)
    ! is_done modules "$hash" "$out/modules" || return 0
    begin modules
    # The kernel once more: which symbols it has is read from all its objects in one.
    run modules "$log" "compiling..." make_kernel vmlinux modules
    rm -rf -- "$out/modules"
    mkdir -p -- "$out/modules"
    while IFS= read -r module; do
        cp -- "$module" "$out/modules"
    done < <(find "$linux_build" -name '*.ko')
    rm -f -- "$linux_build/vmlinux.o"
    finish modules "$hash"
}
