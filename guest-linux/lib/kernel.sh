# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The kernel: unpacked unmodified, configured from fragments, built outside its source tree.

linux_src=$out/linux-src
linux_build=$out/linux-build

unpack_kernel() {
    rm -rf -- "$linux_src.new" "$linux_src" "$linux_build"
    mkdir -p -- "$linux_src.new"
    tar -x -f "$tarball" -C "$linux_src.new" --strip-components=1 --no-same-owner
    mv -- "$linux_src.new" "$linux_src"
}

kernel_source() {
    local hash
    hash=$(identity "$tarball" | digest)
    ! is_done source "$hash" "$linux_src/Makefile" || return 0
    begin source
    run source "$out/log/source.log" "unpacking $(basename -- "$tarball") (about 20 seconds)..." unpack_kernel
    finish source "$hash"
}

# A fixed time and name, and paths without the folder, so that the same sources give the same
# kernel; source lines then read kernel/fork.c:12. The only thing linked with compiler flags is
# the vDSO, which is in the kernel whole: it goes without debug information.
make_kernel() {
    local paths="-fdebug-prefix-map=$linux_src/= -fdebug-prefix-map=$linux_build=."
    env -u MAKEFLAGS -u MFLAGS \
        SOURCE_DATE_EPOCH=0 KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_VERSION=1 \
        KBUILD_BUILD_USER=trapeze KBUILD_BUILD_HOST=trapeze \
        KCFLAGS="$paths -Wl,--strip-debug" KAFLAGS="$paths" \
        make -C "$linux_src" O="$linux_build" ARCH=powerpc CROSS_COMPILE="$cross" -j "$jobs" "$@"
}

configure_kernel() {
    mkdir -p -- "$linux_build"
    settings "$here"/config/*.config > "$linux_build/fragments.config"
    KCONFIG_ALLCONFIG=$linux_build/fragments.config make_kernel allnoconfig
}

kernel() {
    local hash log=$out/log/kernel.log effort='about 4 minutes on 2 cores'
    hash=$({ cat "$out/stamps/source" && identity "$compiler"; } | digest "$here"/config/*.config "$here/lib/kernel.sh")
    ! is_done kernel "$hash" "$out"/{uImage,vmlinux,System.map,config} || return 0
    require kernel make make gcc gcc flex flex bison bison bc bc mkimage u-boot-tools
    begin kernel
    run kernel "$log" "configuring..." configure_kernel
    check_config kernel "$linux_build/.config" "$here"/config/*.config
    [[ ! -e $linux_build/vmlinux ]] || effort='what changed'
    run kernel "$log" "compiling ($effort)..." make_kernel uImage
    publish "$linux_build/vmlinux" "$out/vmlinux"
    publish "$linux_build/System.map" "$out/System.map"
    publish "$linux_build/.config" "$out/config"
    publish "$linux_build/arch/powerpc/boot/uImage" "$out/uImage"
    # All objects once more in one; make needs it only to link, and makes it anew then.
    rm -f -- "$linux_build/vmlinux.o"
    finish kernel "$hash"
}
