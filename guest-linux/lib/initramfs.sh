# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The initramfs: packed by the kernel's own gen_init_cpio from a list, so without root, and
# with fixed times, so that the same input gives the same archive.

# initramfs_list FOLDER: what to pack; files are taken from FOLDER.
initramfs_list() {
    local name
    sed -e '/^#/d' -e "s|@ROOTFS@|$1|" "$here/rootfs/manifest"
    printf 'file /bin/busybox %s 0755 0 0\n' "$1/busybox"
    sed 's|.*|slink & /bin/busybox 0777 0 0|' "$out/busybox.links"
    for name in $(program_names); do
        printf 'file /usr/libexec/trapeze/%s %s 0755 0 0\n' "$name" "$1/programs/$name"
    done
}

pack_initramfs() {
    local work=$out/initramfs.work
    rm -rf -- "$work"
    mkdir -p -- "$work/files"
    cp -R -- "$here"/rootfs/. "$out/busybox" "$out/programs" "$work/files"
    # gen_init_cpio takes a file's own time; its -t is for all other entries.
    find "$work/files" -exec touch -d @0 -- {} +
    "${HOSTCC:-cc}" -O1 -o "$work/gen_init_cpio" "$linux_src/usr/gen_init_cpio.c"
    initramfs_list "$work/files" > "$work/list"
    "$work/gen_init_cpio" -t 0 "$work/list" > "$work/cpio"
    gzip -9 -n < "$work/cpio" > "$work/cpio.gz"
    mv -- "$work/cpio.gz" "$out/initramfs.cpio.gz"
    rm -rf -- "$work"
}

initramfs() {
    local hash
    hash=$(cat "$out"/stamps/{source,busybox,programs} | digest "$here"/rootfs/* "$here/lib/initramfs.sh")
    ! is_done initramfs "$hash" "$out/initramfs.cpio.gz" || return 0
    begin initramfs
    run initramfs "$out/log/initramfs.log" "packing..." pack_initramfs
    finish initramfs "$hash"
}
