#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Linux guest: a kernel, BusyBox, small programs, and an initramfs of the last two.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname -- "$here")
readonly repo

usage() {
    cat <<EOF
Usage: guest-linux/build.sh [options]

Builds the Linux guest for e500v2. What is up to date is left alone, and a build that was
interrupted goes on where it stopped.

  --out DIR     where the results go                   (default: build/guest)
  --cache DIR   where downloads are kept               (default: build/cache)
  --config DIR  kernel settings in DIR/*.config, besides those of guest-linux/config
  --jobs N      how many compilers run at a time       (default: the number of cores)
  --help        this text

Results in DIR: uImage, vmlinux, System.map, config, initramfs.cpio.gz; logs in DIR/log. If --config
asks for modules they are in DIR/modules.

Environment:
  LINUX_TARBALL  kernel source to use instead of /usr/src/linux-source-6.1.tar.xz
  BUSYBOX_DSC    Debian source description (.dsc, its tarballs beside it) to use instead of
                 downloading BusyBox
  NO_COLOR       set to anything: no colours on a terminal

Exit status: 0 all built, 1 a step failed, 2 wrong usage or something missing.
EOF
}

. "$here/lib/report.sh"

out=$repo/build/guest
cache=$repo/build/cache
settings=
jobs=$(nproc)

needs_value() { [[ $# -ge 2 ]] || refuse "$1 needs a value"; }
while [[ $# -gt 0 ]]; do
    case $1 in
    --out) needs_value "$@" && out=$2 && shift ;;
    --out=*) out=${1#*=} ;;
    --cache) needs_value "$@" && cache=$2 && shift ;;
    --cache=*) cache=${1#*=} ;;
    --config) needs_value "$@" && settings=$2 && shift ;;
    --config=*) settings=${1#*=} ;;
    --jobs | -j) needs_value "$@" && jobs=$2 && shift ;;
    --jobs=*) jobs=${1#*=} ;;
    -h | --help) usage && exit 0 ;;
    *) refuse "unknown option: $1" ;;
    esac
    shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || refuse "--jobs: not a positive number: $jobs"
[[ -z $settings ]] || compgen -G "$settings/*.config" > /dev/null || refuse "--config: no *.config in $settings"
[[ -n $out && -n $cache ]] || refuse "--out and --cache: a folder name may not be empty"

tarball=${LINUX_TARBALL:-/usr/src/linux-source-6.1.tar.xz}
[[ -r $tarball ]] || refuse "no kernel source at $tarball
(package linux-source-6.1; or name another tarball in LINUX_TARBALL)"
tarball=$(realpath -- "$tarball")
cross=powerpc64-linux-gnu-
compiler=$(command -v "${cross}gcc") ||
    refuse "no ${cross}gcc (package gcc-multilib-powerpc64-linux-gnu)"

mkdir -p -- "$out/log" "$out/stamps" "$cache"
out=$(realpath -- "$out")
cache=$(realpath -- "$cache")
readonly out cache jobs tarball cross compiler

# The kernel's makefiles cannot cope with these.
[[ ! $out =~ [[:space:]:] ]] || refuse "--out: no spaces or colons in the path, please: $out"

. "$here/lib/stamp.sh"
. "$here/lib/kconfig.sh"
. "$here/lib/kernel.sh"
. "$here/lib/modules.sh"
. "$here/lib/busybox-source.sh"
. "$here/lib/busybox.sh"
. "$here/lib/support.sh"
. "$here/lib/programs.sh"
. "$here/lib/initramfs.sh"

# Two builds in one folder would step on each other; the second waits, and then finds
# everything done.
exec {lock}> "$out/.lock"
if ! flock -n "$lock"; then
    say guest "waiting for another build in $out"
    flock "$lock"
fi

# The kernel's tree comes first: the initramfs needs gen_init_cpio from it.
kernel_source
if [[ -n $settings ]]; then
    # The kernel is built from a copy of what it is configured by, and the settings given.
    rm -rf -- "$out/configured"
    mkdir -p -- "$out/configured"
    cp -R -- "$here/config" "$here/lib" "$out/configured"
    # What the settings turn on is not off any more.
    sed -n 's/^\(CONFIG_[A-Za-z0-9_]*\)=.*/# \1 is not set/p' "$settings"/*.config > "$out/configured/on"
    for file in "$out"/configured/config/*.config; do
        grep -vxFf "$out/configured/on" "$here/config/${file##*/}" > "$file" || [[ $? == 1 ]]
    done
    cp -- "$settings"/*.config "$out/configured/config"
    here=$out/configured kernel
    modules
else
    kernel
fi
support
busybox
programs
initramfs
say guest "up to date in $(shorten "$out")"
