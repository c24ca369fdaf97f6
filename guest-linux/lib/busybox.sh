# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# BusyBox: Debian's source with Debian's patches, one static 32-bit program.

busybox_src=$out/busybox-src
busybox_build=$out/busybox-build

unpack_busybox() {
    rm -rf -- "$busybox_src.new" "$busybox_src" "$busybox_build"
    # dpkg-source checks the tarballs against the checksums of the description.
    dpkg-source -x "$busybox_dsc" "$busybox_src.new"
    mv -- "$busybox_src.new" "$busybox_src"
}

busybox_source() {
    local hash
    find_busybox
    hash=$(digest < "$busybox_dsc")
    ! is_done busybox-source "$hash" "$busybox_src/Makefile" || return 0
    require busybox dpkg-source dpkg-dev patch patch
    begin busybox-source
    run busybox "$out/log/busybox-source.log" "unpacking $(basename -- "$busybox_dsc" .dsc)..." unpack_busybox
    finish busybox-source "$hash"
}

# Linker and compiler default to 64 bits; BusyBox hands CFLAGS to the one and not the other.
# Objects named through -Wl count at the final link only.
make_busybox() {
    env -u MAKEFLAGS -u MFLAGS SOURCE_DATE_EPOCH=0 KCONFIG_NOTIMESTAMP=1 \
        make -C "$busybox_src" O="$busybox_build" CROSS_COMPILE="$cross" \
        CC="${cross}gcc -m32 -Wl,--build-id=none,$out/support/conversions.o,$out/support/memset.o" LD="${cross}ld -m elf32ppclinux" -j "$jobs" "$@"
}

# BusyBox's Kconfig knows no KCONFIG_ALLCONFIG that works for allnoconfig. So: ask for every
# symbol there is (allyesconfig), turn all of them off, and put the fragment in their place.
configure_busybox() {
    mkdir -p -- "$busybox_build"
    # BusyBox's makefiles do not see that the objects of support/ have changed.
    rm -f -- "$busybox_build"/busybox{,_unstripped}
    make_busybox allyesconfig
    settings "$here/busybox.config" > "$busybox_build/fragment"
    sed -E 's/^(CONFIG_[A-Za-z0-9_]+)=y$/# \1 is not set/' "$busybox_build/.config" |
        awk 'function symbol() { return match($0, /CONFIG_[A-Za-z0-9_]+/) ? substr($0, RSTART, RLENGTH) : "" }
             NR == FNR { set[symbol()] = 1; print; next }
             symbol() != "" && !(symbol() in set)' "$busybox_build/fragment" - > "$busybox_build/merged"
    mv -- "$busybox_build/merged" "$busybox_build/.config"
    # Nothing is left to ask; should something be, the end of input makes it an error.
    make_busybox oldconfig < /dev/null
}

busybox() {
    local hash log=$out/log/busybox.log
    busybox_source
    hash=$({ cat "$out"/stamps/{busybox-source,support} && identity "$compiler"; } | digest "$here/busybox.config" "$here/lib/busybox.sh")
    ! is_done busybox "$hash" "$out"/busybox{,.links} || return 0
    require busybox make make gcc gcc
    begin busybox
    run busybox "$log" "configuring..." configure_busybox
    check_config busybox "$busybox_build/.config" "$here/busybox.config"
    run busybox "$log" "compiling (about 20 seconds)..." make_busybox busybox busybox.links
    publish "$busybox_build/busybox.links" "$out/busybox.links"
    publish "$busybox_build/busybox" "$out/busybox"
    finish busybox "$hash"
}
