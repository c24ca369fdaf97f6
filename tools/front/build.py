# SPDX-License-Identifier: Apache-2.0
"""Configures and builds with CMake presets and ninja; builds the guest. Quick when done."""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time

from . import children, output
from .common import BUILD, GUEST, LOGS, ROOT, VMM_FAILED, Failure, Step, say, shown

BENCH = os.path.join(BUILD, "bench", "guest")
GUEST_FILES = ("uImage", "vmlinux", "System.map", "initramfs.cpio.gz")
_PROGRESS = re.compile(r"^\[(\d+)/(\d+)\]")


@contextlib.contextmanager
def lock():
    """Only one front door builds at a time in one checkout; the others wait."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, ".lock"), "w", encoding="ascii") as handle:
        for _ in range(100):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.02)
        else:
            # Only worth a word when the other one really builds and does not merely look.
            say("waiting for another ./trapeze that builds in this checkout")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _tail(path, count=25):
    with open(path, encoding="utf-8", errors="replace") as log:
        return "".join(log.readlines()[-count:]).rstrip()


def _logged(title, name, command, environment=None, progress=None, quiet=False):
    """Runs `command` with all output in build/log/NAME.log; on failure shows the log's end."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, name + ".log")
    # CMake takes the folder's name from PWD, which may be another name of it that goes away.
    environment = {**os.environ, **(environment or {}), "PWD": ROOT}
    with Step(title, quiet) as step:
        with output.naming(path), open(path, "w", encoding="utf-8") as log:
            log.write(f"+ {' '.join(command)}\n")
            log.flush()
            with children.running(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  errors="replace") as process:
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    step.note(progress(line) if progress else line.strip())
        if process.returncode != 0:
            # Before the Step's own last line, so that the log's end stays readable.
            say("\n" + _tail(path))
            raise Failure(f"{title} failed; the whole log is {path}", VMM_FAILED)


def _ninja_progress(line):
    return line.strip() if _PROGRESS.match(line) else ""


def _newer(path, than):
    return not os.path.exists(than) or os.path.getmtime(path) > os.path.getmtime(than)


def _made_in(directory):
    """The checkout that CMake was in when it configured `directory`, or None."""
    with contextlib.suppress(OSError):
        with open(os.path.join(directory, "CMakeCache.txt"), encoding="utf-8",
                  errors="replace") as cache:
            for line in cache:
                if line.startswith("CMAKE_HOME_DIRECTORY:"):
                    return line.rstrip("\n").split("=", 1)[1]
    return None


def _drop_foreign(directory):
    """Removes a build tree of another checkout, which this one was moved or copied from: all in it
    names that one's files, so it would build what lies there."""
    place = _made_in(directory)
    if place is not None and os.path.realpath(place) != ROOT:
        say(f"{shown(directory)} was made in {place}: it is made anew, from what is here")
        shutil.rmtree(os.path.realpath(directory))


def _drop_foreign_guest():
    """The same for the guest's object files. Their source is no part of the checkout and the
    results name no folder: they are right as long as what they come from has not changed."""
    place = None
    with contextlib.suppress(OSError):
        with open(os.path.join(GUEST, "linux-build", "Makefile"), encoding="utf-8",
                  errors="replace") as makefile:
            place = re.search(r"(?m)^include (/\S*)/linux-src/Makefile$", makefile.read())
    if place and os.path.realpath(place[1]) != os.path.realpath(GUEST):
        say(f"{shown(GUEST)} was made in {place[1]}: its objects are made anew")
        for name in ("linux-build", "busybox-build"):
            shutil.rmtree(os.path.join(GUEST, name), ignore_errors=True)


def cmake(preset, targets):
    """Builds `targets` (ninja targets or output paths; none: all) of a CMake preset."""
    directory = os.path.join(BUILD, preset)
    _drop_foreign(directory)
    rules = os.path.join(directory, "build.ninja")
    # ninja re-runs CMake when a CMakeLists.txt changes, but does not know about the presets.
    if _newer(os.path.join(ROOT, "CMakePresets.json"), rules):
        _logged(f"configure {preset}", f"configure-{preset}", ["cmake", "--preset", preset])
        if os.path.exists(rules):
            os.utime(rules)
    command = ["ninja", "-C", directory, *targets]
    # A dry run tells in milliseconds that there is nothing to do, and then nothing is printed.
    dry = subprocess.run(command + ["-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False)
    if dry.returncode == 0 and "no work to do" in dry.stdout:
        return
    _logged(f"build {preset}", f"build-{preset}", command, progress=_ninja_progress)


def _guest_fingerprint():
    """A digest of everything the guest is built from: its folder and the kernel tarball."""
    digest = hashlib.sha256()
    source = os.path.join(ROOT, "guest-linux")
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            path = os.path.join(folder, name)
            digest.update(os.path.relpath(path, source).encode() + b"\0")
            digest.update(b"x" if os.access(path, os.X_OK) else b"-")
            with open(path, "rb") as handle:
                digest.update(hashlib.sha256(handle.read()).digest())
    tarball = os.environ.get("LINUX_TARBALL", "/usr/src/linux-source-6.1.tar.xz")
    digest.update(tarball.encode())
    with contextlib.suppress(OSError):
        status = os.stat(tarball)
        digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def guest(quiet=False):
    """Builds the guest's kernel and initramfs unless nothing they come from has changed."""
    stamp = os.path.join(GUEST, ".trapeze-built-from")
    fingerprint = _guest_fingerprint()
    with contextlib.suppress(OSError):
        with open(stamp, encoding="ascii") as handle:
            if handle.read() == fingerprint and all(
                    os.path.exists(os.path.join(GUEST, name)) for name in GUEST_FILES):
                return
    os.makedirs(GUEST, exist_ok=True)
    _drop_foreign_guest()
    _logged("build the guest (Linux and BusyBox; minutes the first time)", "build-guest",
            [os.path.join(ROOT, "guest-linux", "build.sh"), "--out", GUEST],
            quiet=quiet)
    absent = [name for name in GUEST_FILES if not os.path.exists(os.path.join(GUEST, name))]
    if absent:
        raise Failure(f"the guest's build left no {', '.join(absent)} in {GUEST}", VMM_FAILED)
    with open(stamp, "w", encoding="ascii") as handle:
        handle.write(fingerprint)


def for_boot(need_vmm, need_pack, need_guest, need_viewer, programs=()):
    """Builds what one boot needs and nothing else; `programs` are targets of bare-metal guests."""
    tools = ["trapeze-pack"] * need_pack + ["trapmap"] * need_viewer
    with lock():
        if tools:
            cmake("host", tools)
        if need_vmm:
            cmake("hv", ["hv/trapeze-hv.elf"])
        if programs:
            cmake("hv", list(programs))
        if need_guest:
            guest()


def _bench_programs():
    """Builds the programs that run in the guest; its script leaves alone what is up to date."""
    _logged("build the benchmarks of the guest", "build-bench",
            [os.path.join(ROOT, "bench", "guest", "build.sh"), "--out", BENCH], quiet=True)


def for_bench(need_vmm, need_programs, bare, need_host):
    """Builds what `trapeze bench` boots and runs: the guest, its programs, bare-metal guests by
    name, the host's microbenchmarks."""
    with lock():
        cmake("host", ["trapeze-pack"] + ["trapeze-bench-host"] * need_host)
        if need_vmm:
            cmake("hv", ["hv/trapeze-hv.elf"])
        if bare:
            cmake("hv", [f"bench/bare/{name}.elf" for name in bare])
        guest()
        if need_programs:
            _bench_programs()


def for_fuzz(fuzzers):
    """Builds these fuzzers, with clang."""
    with lock():
        cmake("fuzz", fuzzers)


def for_viewer():
    """Builds trapmap."""
    with lock():
        cmake("host", ["trapmap"])


def for_lint():
    """Brings the compilers' command lines up to date, compiles nothing."""
    with lock():
        cmake("host", ["build.ninja"])
        cmake("hv", ["build.ninja"])


def everything():
    """Builds host tools and tests, the VMM, the bare-metal guests, the Linux guest and what is
    measured in it: a test that had to build would keep those beside it waiting."""
    # Each boot loads this module, and none needs that one.
    from concurrent.futures import ThreadPoolExecutor
    with lock(), ThreadPoolExecutor(1) as pool:
        # One unpacks or links with one core while the other compiles.
        linux = pool.submit(guest, quiet=True)
        cmake("host", [])
        cmake("hv", [])
        if not linux.done():
            with Step("build the guest (Linux and BusyBox; minutes the first time)"):
                linux.result()
        linux.result()
        _bench_programs()
