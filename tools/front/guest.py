# SPDX-License-Identifier: Apache-2.0
"""What the guest is given: its initramfs with orders for /init, its command line, its image."""
import os
import shutil
import struct
import subprocess
import zlib

from .common import GUEST, PACK, USAGE, VMM_FAILED, Failure

MIB = 1 << 20
# The loader of QEMU's ppce500 and the VMM itself need room outside the guest's memory.
VMM_RESERVE = 64 * MIB
# hw/ppc/e500.c refuses a machine whose memory is not a multiple of this.
QEMU_RAM_STEP = 64 * MIB
MEM_LEAST, MEM_MOST = 4 * MIB, 16 << 30
# The VMM loads its guest through a map of the first 2 GiB of the machine.
VMM_MEM_MOST = 1536 * MIB
DEFAULT_MEM = 256 * MIB
# Below this the default guest's Linux stops before it has a console.
DEFAULT_GUEST_LEAST = 48 * MIB


def parse_size(text):
    """'256M', '1G', '65536K' or bytes -> bytes. Raises ValueError."""
    units = {"K": 1 << 10, "M": MIB, "G": 1 << 30}
    unit = units.get(text[-1:].upper(), 1)
    digits = text[:-1] if unit > 1 else text
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(text)
    return int(digits) * unit


def parse_load(text):
    """'FILE@ADDRESS' -> (file, address). Raises Failure (status 2)."""
    path, _, digits = text.rpartition("@")
    hexadecimal = digits.startswith("0x")
    digits = digits[2:] if hexadecimal else digits
    try:
        if not path or not digits.isascii() or not digits.isalnum():
            raise ValueError(digits)
        return path, int(digits, 16 if hexadecimal else 10)
    except ValueError:
        raise Failure(f"{text}: is not FILE@ADDRESS, such as uImage@0x2000000 (--load)") from None


def round_up(value, step):
    """The least multiple of `step` that is not below `value`."""
    return -(-value // step) * step


def alignment(mem):
    """What the VMM aligns `mem` bytes of guest RAM to, for large pages."""
    align = 16 * MIB
    while align < 256 * MIB and align * 4 <= mem:
        align *= 4
    return align


def host_memory(mem, image_size):
    """QEMU's -m in bytes, so that the VMM can align `mem` bytes of guest RAM for large pages."""
    return round_up(round_up(VMM_RESERVE + image_size, alignment(mem)) + mem, QEMU_RAM_STEP)


def check_memory(options):
    """Raises Failure (status 2) for a guest memory size that no machine here can have."""
    mem = options.mem
    if not MEM_LEAST <= mem <= MEM_MOST or mem % MIB:
        raise Failure("--mem takes whole MiB from 4M to 1536M (--native: to 16G), such as 256M")
    if options.native and mem % QEMU_RAM_STEP:
        raise Failure("--native --mem takes multiples of 64M: QEMU's ppce500 has no other sizes")
    if not options.native and mem > VMM_MEM_MOST:
        raise Failure("--mem takes at most 1536M under the VMM")
    if not options.kernel and mem < DEFAULT_GUEST_LEAST:
        raise Failure("the default guest needs at least 48M (--mem)")


def _cpio_entry(inode, name, mode, data=b""):
    """One member of a newc archive (Documentation/driver-api/early-userspace/buffer-format)."""
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def cpio(files):
    """A newc archive of `files`, a list of (name, mode, data)."""
    entries = [_cpio_entry(number, *member) for number, member in enumerate(files, 1)]
    return b"".join(entries) + _cpio_entry(0, "TRAILER!!!", 0)


def overlay(nonce, mode, command):
    """The orders for /init as a cpio archive: nonce, mode, and the command of mode `run`."""
    files = [("etc", 0o040755, b""), ("etc/trapeze", 0o040755, b""),
             ("etc/trapeze/nonce", 0o100644, nonce.encode() + b"\n"),
             ("etc/trapeze/mode", 0o100644, mode.encode() + b"\n")]
    if command is not None:
        files.append(("etc/trapeze/command", 0o100644, os.fsencode(command) + b"\n"))
    return cpio(files)


def write_initramfs(path, nonce, mode, command, base=None, extra=b""):
    """The default guest's initramfs, or the one at `base`, with an overlay and one more archive
    behind it; Linux unpacks them in turn."""
    shutil.copyfile(base or os.path.join(GUEST, "initramfs.cpio.gz"), path)
    with open(path, "r+b") as archive:
        archive.seek(0, os.SEEK_END)
        archive.write(b"\0" * (-archive.tell() % 4))
        archive.write(overlay(nonce, mode, command))
        if extra:
            archive.write(b"\0" * (-archive.tell() % 4))
            archive.write(extra)


def default_bootargs(mode, verbose, console="ttyS0,115200"):
    """Linux command line of the default guest: any end of it must end the machine too."""
    words = [f"console={console}", "panic=-1", "oops=panic"]
    if mode == "run" and not verbose:
        # The console is one stream: keep kernel messages out of the command's output.
        words.append("quiet")
    return " ".join(words)


def pack(output, kernel, initrd, options, bootargs, symbols):
    """Checks the guest's files and writes guest.fit. `options` has mem, raw, dtb and load.

    trapeze-pack says on stderr what is wrong with a file; then Failure carries no text.
    """
    command = [PACK, "--kernel", kernel, "--mem", str(options.mem), "--output", output]
    if options.raw:
        command.append("--raw")
    for option, value in (("--initrd", initrd), ("--dtb", options.dtb), ("--symbols", symbols)):
        if value:
            command += [option, value]
    for text in options.load:
        command.append("--load=" + text)
    if bootargs:
        command.append("--append=" + bootargs)
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if status == USAGE:
        raise Failure("", USAGE)
    if status != 0:
        raise Failure(f"trapeze-pack ended with status {status}", VMM_FAILED)


def _entered(data):
    """(entry point of the ELF file, whether it lies in a segment's physical addresses). Raises
    struct.error."""
    entry, table = struct.unpack_from(">II", data, 24)
    size, count = struct.unpack_from(">HH", data, 42)
    inside = False
    for number in range(count):
        kind, _, _, physical, _, length = struct.unpack_from(">6I", data, table + number * size)
        inside = inside or (kind == 1 and physical <= entry < physical + length)
    return entry, inside


def native_kernel(kernel, directory, raw):
    """A path that QEMU's own loader takes for a kernel that trapeze-pack has accepted.

    A raw binary is wrapped as an uImage. Raises Failure for an ELF that is entered at a
    virtual address, which only the VMM translates.
    """
    with open(kernel, "rb") as image:
        data = image.read()
    if raw or data[:4] not in (b"\x7fELF", b"\x27\x05\x19\x56"):
        head = [0x27051956, 0, 0, len(data), 0, 0, zlib.crc32(data), 5, 7, 2, 0, b"raw"]
        layout = ">7I4B32s"
        head[1] = zlib.crc32(struct.pack(layout, *head))
        wrapped = os.path.join(directory, "raw.uImage")
        with open(wrapped, "wb") as image:
            image.write(struct.pack(layout, *head) + data)
        return wrapped
    if data[:4] == b"\x7fELF":
        try:
            entry, inside = _entered(data)
        except struct.error:
            raise Failure(f"{kernel}: is cut short: copy it again") from None
        if not inside:
            raise Failure(f"{kernel}: is entered at virtual address {entry:#x}, which QEMU "
                          "cannot do natively: give the uImage, or drop --native")
    return kernel
