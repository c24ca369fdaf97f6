# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The initramfs: packed by the kernel's own gen_init_cpio from a list, so without root, and
# with fixed times, so that the same input gives the same archive.

initramfs_list() {
    local name
    sed -e '/^#/d' -e "s|@ROOTFS@|$here/rootfs|" "$here/rootfs/manifest"
    printf 'file /bin/busybox %s 0755 0 0\n' "$out/busybox"
    sed 's|.*|slink & /bin/busybox 0777 0 0|' "$out/busybox.links"
    for name in $(program_names); do
        printf 'file /usr/libexec/trapeze/%s %s 0755 0 0\n' "$name" "$out/programs/$name"
    done
}

pack_initramfs() {
    local tool=$out/gen_init_cpio archive=$out/initramfs.cpio
    "${HOSTCC:-cc}" -O1 -o "$tool" "$linux_src/usr/gen_init_cpio.c"
    initramfs_list > "$out/initramfs.list"
    "$tool" -t 0 "$out/initramfs.list" > "$archive"
    gzip -9 -n < "$archive" > "$out/initramfs.cpio.gz.new"
    mv -- "$out/initramfs.cpio.gz.new" "$out/initramfs.cpio.gz"
    rm -f -- "$archive" "$tool" "$out/initramfs.list"
}

initramfs() {
    local hash
    hash=$(cat "$out"/stamps/{source,busybox,programs} | digest "$here"/rootfs/* "$here/lib/initramfs.sh")
    ! is_done initramfs "$hash" "$out/initramfs.cpio.gz" || return 0
    begin initramfs
    run initramfs "$out/log/initramfs.log" "packing..." pack_initramfs
    finish initramfs "$hash"
}
