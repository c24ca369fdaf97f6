# SPDX-License-Identifier: Apache-2.0
"""`trapeze setup`: the Debian packages that building, booting and testing need."""
import contextlib
import os
import shutil
import subprocess
import sys

from . import children
from .common import BUILD, LOGS, USAGE, VMM_FAILED, Failure, say

HELP = """Installs the Debian packages that Trapeze needs and that are missing.

It asks dpkg what is there, says what it will install, and calls apt-get as root or through
sudo. When nothing is missing it changes nothing and does not touch the network. `boot` and
`test` do the same first, so there is no need to call this by hand.

examples:
  ./trapeze setup            install what is missing
  ./trapeze setup --check    only say what is missing (status 2 if anything is)
  ./trapeze setup --list     print the whole list, one package a line

exit status: 0 everything is there, 2 something is missing and cannot be installed from here
(no apt-get, neither root nor sudo) or --check found something missing, 3 apt-get failed.

files written: build/log/apt.log (apt-get's output), build/.setup-done (so that the next look is
quick); else only what apt-get installs."""

SEEN = os.path.join(BUILD, ".setup-done")

# Grouped by why. A minimal Debian has none of them for certain except what is Essential.
PACKAGES = {
    "the build": "cmake ninja-build g++ gcc libc6-dev make pkg-config",
    "the cross compiler, 32-bit": "binutils-powerpc64-linux-gnu gcc-powerpc64-linux-gnu "
                                  "g++-powerpc64-linux-gnu "
                                  "gcc-multilib-powerpc64-linux-gnu "
                                  "g++-multilib-powerpc64-linux-gnu",
    "libraries of the tools": "libcli11-dev libfmt-dev libfdt-dev libelf-dev libdw-dev zlib1g-dev "
                              "nlohmann-json3-dev binutils-dev",
    "unit tests, benchmarks": "libgtest-dev libgmock-dev libbenchmark-dev",
    "tests of the pages and results": "chromium chromium-driver python3-selenium "
                                      "python3-jsonschema",
    "style checks": "clang-format clang-tidy git",
    "the guest's sources": "linux-source-6.1 ca-certificates dpkg-dev xz-utils bzip2 patch",
    "the guest's build": "bc bison flex perl cpio u-boot-tools device-tree-compiler "
                         "libssl-dev",
    "a guest of the tests": "u-boot-qemu",
    "running it": "qemu-system-ppc e2fsprogs python3 gdb-multiarch",
}


def wanted():
    """All package names, in the order of PACKAGES."""
    return [name for names in PACKAGES.values() for name in names.split()]


def missing(also=()):
    """Names of wanted packages, and of those in `also`, that dpkg does not list as installed."""
    names = [*wanted(), *also]
    with children.running(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as query:
        lines = query.stdout.read().splitlines()
    there = {line.split()[0] for line in lines if line.endswith(" installed")}
    return [name for name in names if name not in there]


def _seen_stamp():
    """What changes whenever dpkg or the list does; asking dpkg itself takes a tenth of a second."""
    status = os.stat("/var/lib/dpkg/status")
    return f"{status.st_mtime_ns} {status.st_size} {' '.join(wanted())}"


def _already_seen():
    with contextlib.suppress(OSError):
        with open(SEEN, encoding="ascii") as stamp:
            return stamp.read() == _seen_stamp()
    return False


def _remember():
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(SEEN), exist_ok=True)
        with open(SEEN, "w", encoding="ascii") as stamp:
            stamp.write(_seen_stamp())


def _root_prefix():
    """The command prefix that makes root of us: empty, or sudo."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise Failure("installing packages needs root: run './trapeze setup' as root, "
                      "or install sudo", USAGE)
    # Without a terminal sudo must not ask for a password that nobody can type.
    prefix = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    if subprocess.run(prefix + ["-v"], check=False).returncode != 0:
        raise Failure("sudo does not let this user in: run './trapeze setup' as root", USAGE)
    return prefix


def _apt(prefix, arguments, log):
    command = prefix + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get",
                        "-o", "DPkg::Lock::Timeout=120", *arguments]
    log.write(f"+ {' '.join(command)}\n")
    log.flush()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            for line in process.stdout:
                log.write(line)
                # The lines a waiting user wants to see; the rest is in the log.
                if line.startswith(("Get:", "Unpacking", "Setting up", "E:", "W:", "Err")):
                    say("    " + line.rstrip()[:120], "dim")
        except BaseException:
            # Whatever stops us, packages are not left half installed: apt goes on to its end.
            for line in process.stdout:
                pass
            raise
    return process.returncode


def ensure(check_only=False, announce=False, also=()):
    """Makes sure that every package is installed, and those in `also`, which one command needs.

    Raises Failure with status 2 when it may not install, 3 when apt-get fails.
    """
    if not shutil.which("dpkg-query"):
        if check_only or announce:
            raise Failure("this is not Debian: there is no dpkg. Install the equivalents of: "
                          + " ".join(wanted()), USAGE)
        return
    if not (check_only or announce or also) and _already_seen():
        return
    absent = missing(also)
    if not absent:
        _remember()
        if check_only or announce:
            say(f"all {len(wanted())} Debian packages are installed")
        return
    if check_only:
        raise Failure("not installed: " + " ".join(absent), USAGE)
    if not shutil.which("apt-get"):
        raise Failure("there is no apt-get; please install: " + " ".join(absent), USAGE)
    prefix = _root_prefix()
    say(f"{len(absent)} Debian packages are missing and will be installed now"
        + (" with sudo:" if prefix else ":"))
    for why, names in PACKAGES.items():
        group = [name for name in names.split() if name in absent]
        if group:
            say(f"  {why}: {' '.join(group)}")
    group = [name for name in also if name in absent]
    if group:
        say(f"  this command: {' '.join(group)}")
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, "apt.log")
    with open(path, "w", encoding="utf-8") as log:
        # A stale package list only matters if it lacks something, but a fresh machine has none.
        if _apt(prefix, ["update"], log) != 0:
            say("apt-get update failed; trying with the package lists that are here")
        status = _apt(prefix, ["install", "-y", "--no-install-recommends", *absent], log)
    if status != 0:
        raise Failure(f"apt-get install ended with status {status}; see {path}", VMM_FAILED)
    still = missing(also)
    if still:
        raise Failure(f"apt-get did not install {' '.join(still)}; see {path}", VMM_FAILED)
    _remember()
    say("all packages are installed")


def run(options):
    """The subcommand."""
    if options.list:
        print("\n".join(wanted()))
        return 0
    ensure(check_only=options.check, announce=True)
    return 0
