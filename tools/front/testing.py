# SPDX-License-Identifier: Apache-2.0
"""`trapeze test`: setup, build, then ctest."""
import os
import subprocess

from . import build, setup
from .common import BUILD, GUEST_FAILED, OK, Failure, say

HELP = """Sets everything up, builds everything, and runs every test with ctest.

Unit tests run on this machine; the bare-metal programs (isa.*) and the system tests (system.*)
run in QEMU, natively and under the VMM. Nothing needs a network but the first setup and build.

examples:
  ./trapeze test                       everything
  ./trapeze test --list                names only, after the build
  ./trapeze test -R 'isa|unit'         tests whose name matches the regular expression
  ./trapeze test -R system.vmm_net -V  with the tests' own output
  ./trapeze test -- --rerun-failed     what follows -- goes to ctest

exit status: 0 all passed, 1 a test failed, 2 usage or setup not possible, 3 the build failed.

files written: build/ only; a failed test's output is printed and is in
build/host/Testing/Temporary/LastTest.log."""


def run(options):
    """The subcommand. Its last line is ctest's own."""
    setup.ensure()
    build.everything()
    command = ["ctest", "--test-dir", os.path.join(BUILD, "host"), "--output-on-failure",
               "--no-tests=error"]
    if options.jobs:
        command += ["-j", str(options.jobs)]
    if options.filter:
        command += ["-R", options.filter]
    if options.list:
        command.append("-N")
    if options.verbose:
        command.append("-V")
    say("==> run the tests")
    try:
        status = subprocess.run(command + options.ctest_arguments, check=False).returncode
    except FileNotFoundError:
        raise Failure("ctest is not there: run ./trapeze setup") from None
    return OK if status == 0 else GUEST_FAILED
