# SPDX-License-Identifier: Apache-2.0
"""The command line: subcommands, options, their help."""
import argparse
import errno
import os
import sys

from . import attach, boot, children, output, patching, qemu, setup, testing, viewer
from .common import INTERRUPTED, ROOT, RUN_OFFSET, USAGE, VMM_FAILED, Failure, complain
from .guest import parse_size

TOP_HELP = """Trapeze runs an unmodified Linux under a bare-metal virtual machine monitor for Power
Architecture e500v2 cores, in QEMU.

commands:
  setup    install the Debian packages that are missing
  boot     build what is needed and boot a guest under the VMM (or natively)
  heatmap  show which instructions of the last run's guest trapped, as tables and as a page
  top      the same of a running guest, refreshed every second
  console  a running guest's console, in another terminal
  monitor  the VMM's own shell: what guests do and cost; pause, resume, restart them
  trace    what happened lately on each core, as a file for Perfetto
  bench    measure workloads natively and under the VMM, and write a report
  test     build everything and run the tests
  lint     check the sources with clang-format and clang-tidy
  help     this text, or the help of a command: ./trapeze help boot

Start here:
  ./trapeze boot               boots Linux, runs a short workload, says where exits and time went,
                               and makes the heat map of trap sites
  ./trapeze boot --shell       a BusyBox shell in the guest; Ctrl-A X leaves
  ./trapeze boot --run 'uname -a'
  ./trapeze boot --guests 2    two of them side by side, a and b
  ./trapeze heatmap --by function
  ./trapeze test

Each command has --help with examples, exit statuses and the files it writes."""

BOOT_HELP = """Boots a guest under the VMM in QEMU (-M ppce500 -cpu e500v2), or natively.

Without options it boots the default guest (Linux and BusyBox, built on first use), runs its
short workload, shows its console on stdout and the VMM's log on stderr, and ends with tables:
exits by cause with their cost, the instructions that trapped most, where the time went, the ten
hottest trap sites; and the path of a page with the heat map of all of them.

examples:
  ./trapeze boot                             the default guest and its workload
  ./trapeze boot --run 'cat /proc/cpuinfo'   one command; its output and status are the guest's
  ./trapeze boot --shell                     a shell; Ctrl-A X leaves, Ctrl-A D saves a dump of
                                             the trap sites, Ctrl-A ? asks the VMM for a report,
                                             Ctrl-A Ctrl-A sends Ctrl-A
  ./trapeze boot --native --run 'uname -a'   the very same kernel without the VMM
  ./trapeze boot --drive disk.img --net --shell
  ./trapeze boot --kernel uImage --initrd root.cpio.gz --append 'console=ttyS0'
  ./trapeze boot --kernel program.elf        a bare-metal program
  ./trapeze boot --kernel u-boot.elf --load uImage@0x2000000
                                             U-Boot on this terminal, a kernel in memory for its
                                             bootm; Ctrl-A X leaves
  ./trapeze boot --dump-every 5              the trap sites of every five seconds
  ./trapeze boot --patch=off                 trap and emulate only, to see what patching saves
  ./trapeze boot --patch=eager --run true    every site that can be patched, at its first exit
  ./trapeze boot --mapping=straight          the other layout of address spaces, to compare: see
                                             docs/mapping.md
  ./trapeze boot --gdb                       stops before the first instruction, and prints the
                                             command that attaches gdb to the guest
  ./trapeze boot --guests 2 --cores 2        two default guests, a and b, each on a core of its own
  ./trapeze boot --guests 2 --run 'uname -a' in each; its lines begin with "a| " and "b| ", the status
                                             is the first that is not 0
  ./trapeze boot --guests 2 --shell          a shell in each, on this terminal one at a time:
                                             Ctrl-A N goes to the next
  ./trapeze boot --config docs/examples/two-linux.dts
                                             guests that differ: docs/guests.md tells how
  ./trapeze boot --icount --trace trace.json --run true
                                             what happened when, for https://ui.perfetto.dev
  ./trapeze boot --icount --json exits.json -- -d int -D qemu.txt"""

BOOT_END = """exit status:
    0  the guest ended well, or you left it by Ctrl-A X
    1  the guest failed: it died, panicked, ended early, or its workload failed
    2  usage, input or output: an option, an image, missing packages; stdout, --json or a dump that
       was asked for cannot be written (a guest that runs is stopped, and the VMM asked for its
       summary)
    3  the VMM itself failed, or QEMU, or the build
    4  the guest did not end within --timeout
  130  Ctrl-C (the VMM is asked for its summary first); for other signals 128 and their number,
       also 141: the reader of stdout has left
With --run the status is that of the command in the guest, and 1 to 4 become 121 to 124.


patching: a boot's tables end with a line such as
  patched 312 sites, saved 1,234,567 exits (71.3 %), 3 tracing faults, net 42.1 ms
Sites are those patched now. Exits saved are an estimate, the share is of those that there would
have been. A tracing fault is an access of the guest that patches are in the way of, which the VMM
carries out: with --mapping=straight a load where the copy stands, in both layouts one of a page
that stubs stand on. Stores to text that runs from the copy are counted apart, as text writes, if
there are any. Net is the time saved, all costs of patching taken off, and may be negative.
Patching needs the profile of trap sites: with --profile=off there is none.

keyboard: a guest of --kernel has this terminal, or what is piped in, as its serial line from its
first output on; nothing is lost at its UART, and the end of the input is not told. Ctrl-A X leaves,
Ctrl-C is the guest's. With --shell the end of what is piped in is Ctrl-D.

images (--kernel): an uImage (plain or gzip), a 32-bit big-endian PowerPC ELF that is not
relocatable, or a raw binary, which is loaded and entered at 0. --raw takes a file as raw that
looks like something else.

several guests: each has its log, last/console-NAME.log, and its dump, last/guest-NAME.trap;
./trapeze console NAME is its console, ./trapeze monitor the VMM's shell, ./trapeze heatmap --guest
NAME shows its trap sites. The run ends when all guests have, or when the default guests among them
have: the others are stopped then. A mistake in the file of --config is told with its line (status 2).

files written, all below build/: last/console.log (the guest's console), last/vmm.log,
last/summary.json (what --json copies), last/qemu.log; last/guest.trap (the last full dump of the
trap sites), last/dump-NNNN.trap (each that --dump-every, Ctrl-A D or ./trapeze top asked for),
last/heatmap.html; live/ while it runs; log/ has the logs of the build.

environment: TRAPEZE_QEMU names another QEMU, TRAPEZE_VMM a VMM to boot instead of building one,
TRAPEZE_TRAPMAP another viewer, LINUX_TARBALL another kernel source for the guest; TRAPEZE_OUT a
folder for last/ and live/ instead of build/; NO_COLOR turns colour off."""


# Errors of files and folders, which are the user's to put right; what else the system refuses is not.
FILE_TROUBLE = (errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP,
                errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSPC, errno.ENOTDIR, errno.ENXIO,
                errno.EPERM, errno.EROFS, errno.ETXTBSY)


class _Parser(argparse.ArgumentParser):
    """Usage errors take one line and name the help."""

    def error(self, message):
        raise Failure(f"{message} (see {self.prog} --help)", USAGE)


def _positive(text):
    value = float(text)
    # Larger than any run, and NaN and infinity are not times.
    if not 0 < value < 1e7:
        raise ValueError(text)
    return value


def _port(text):
    value = int(text)
    if not 0 < value < 1 << 16:
        raise ValueError(text)
    return value


def _whole(text):
    value = int(text)
    if not 0 <= value < 1 << 31:
        raise ValueError(text)
    return value


_positive.__name__ = "number of seconds"
_port.__name__ = "port number"
_whole.__name__ = "whole number"
parse_size.__name__ = "size"


def _add_boot(commands):
    parser = commands.add_parser(
        "boot", description=BOOT_HELP, epilog=BOOT_END, allow_abbrev=False,
        usage="./trapeze boot [options] [-- QEMU-ARGUMENTS]",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_argument_group("what to do in the guest")
    only = what.add_mutually_exclusive_group()
    only.add_argument("--shell", action="store_true", help="an interactive shell on this terminal")
    only.add_argument("--run", metavar="CMD", help="run one command and return its exit status")
    which = parser.add_argument_group("which guest")
    which.add_argument("--kernel", metavar="FILE", help="uImage, ELF or raw binary to boot")
    which.add_argument("--initrd", metavar="FILE", help="initial RAM disk for --kernel")
    which.add_argument("--load", metavar="FILE@ADDR", action="append", default=[],
                       help="put a file at ADDR of the guest's memory before it starts, for "
                            "--kernel, such as uImage@0x2000000; repeatable")
    which.add_argument("--append", metavar="STR", help="more words for the guest's command line")
    which.add_argument("--dtb", metavar="FILE", help="device tree for the guest")
    which.add_argument("--raw", action="store_true",
                       help="take --kernel as a raw binary whatever it looks like")
    which.add_argument("--native", action="store_true", help="without the VMM")
    which.add_argument("--mem", metavar="SIZE", type=parse_size,
                       help="guest memory, such as 128M or 1G (default 256M); with --config the "
                            "whole machine's")
    which.add_argument("--drive", metavar="FILE", action="append", default=[],
                       help="raw disk image as a virtio-blk disk; repeatable")
    which.add_argument("--net", action="store_true",
                       help="virtio-net on QEMU's user network (the host is 10.0.2.2)")
    several = parser.add_argument_group("several guests (docs/guests.md)")
    several.add_argument("--guests", metavar="N", type=_whole,
                         help="N guests that are alike, named a, b, c...; the first one owns the "
                              "PCI bus; --mem, --kernel and so on are each guest's")
    several.add_argument("--cores", metavar="K", type=_whole,
                         help="cores of the machine, which guests go on in turn (default 1; with "
                              "--config as many as the file names)")
    several.add_argument("--config", metavar="FILE",
                         help="a device tree source that says what guests there are")
    how = parser.add_argument_group("how to run it")
    how.add_argument("--timeout", metavar="S", type=_positive,
                     help="stop after S seconds (default: 300 for the workload, else none)")
    how.add_argument("--watchdog", metavar="S", type=_whole,
                     help="the VMM reports and ends a guest kernel that keeps interrupts disabled, "
                          "or loops on one branch, for S seconds; 0: never (default 30)")
    how.add_argument("--icount", action="store_true",
                     help="count instructions as time: 1 instruction is 1 ns, repeatable")
    how.add_argument("--gdb", metavar="PORT", nargs="?", type=_port, const=qemu.GDB_PORT,
                     help="wait for a debugger on this machine's PORT (default "
                          f"{qemu.GDB_PORT}), and say how to start one")
    how.add_argument("--profile", choices=("on", "off"),
                     help="count the exits of each trap site (default on; off costs nothing, and "
                          "nothing is patched)")
    how.add_argument("--dump-every", metavar="S", type=_whole,
                     help="save a dump of the trap sites every S seconds; 0: never (default)")
    how.add_argument("--vmm-append", metavar="STR", help="more options for the VMM itself")
    patching.add(parser)
    say = parser.add_argument_group("what to say")
    say.add_argument("--json", metavar="FILE", help="write the summary there as JSON")
    say.add_argument("--trace", metavar="FILE",
                     help="write the last exits, switches and interrupts there, for Perfetto "
                          "(docs/trace.md); all of the VMM's fast paths are off")
    say.add_argument("--quiet", "-q", action="store_true", help="no VMM log, no tables, no heat map")
    say.add_argument("--verbose", "-v", action="store_true",
                     help="also markers, QEMU's command line; with --run all of the console")
    parser.set_defaults(handler=boot.run)


def _add_viewers(commands):
    one = commands.add_parser("heatmap", description=viewer.HEATMAP_HELP, allow_abbrev=False,
                              usage="./trapeze heatmap [DUMP] [trapmap options]",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("--guest", metavar="NAME", help="of the last run's guests (default: the first)")
    one.set_defaults(handler=viewer.heatmap)
    one = commands.add_parser("top", description=viewer.TOP_HELP, allow_abbrev=False,
                              usage="./trapeze top [--pid N] [trapmap options]",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("--pid", type=_whole, metavar="N",
                     help="process number of the ./trapeze boot to follow (default: the newest)")
    one.add_argument("--guest", metavar="NAME", help="the guest to follow (default: the first)")
    one.set_defaults(handler=viewer.top)


def _add_attached(commands):
    one = commands.add_parser("console", description=attach.CONSOLE_HELP, allow_abbrev=False,
                              usage="./trapeze console [NAME] [--pid N]",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("guest", nargs="?", metavar="NAME", help="the guest (default: the first)")
    one.set_defaults(handler=attach.console)
    other = commands.add_parser("monitor", description=attach.MONITOR_HELP, allow_abbrev=False,
                                usage="./trapeze monitor [--pid N] [COMMAND...]",
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    other.add_argument("words", nargs="*", metavar="COMMAND", help="one command (default: a shell)")
    other.set_defaults(handler=attach.monitor)
    third = commands.add_parser("trace", description=attach.TRACE_HELP, allow_abbrev=False,
                                usage="./trapeze trace FILE [--pid N]",
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    third.add_argument("file", metavar="FILE", help="what to write")
    third.set_defaults(handler=attach.trace)
    for parser in (one, other, third):
        parser.add_argument("--pid", type=_whole, metavar="N",
                            help="process number of the ./trapeze boot (default: the newest)")


def _parser(command):
    """All of the command line but bench's part if `command` is another that is known: its modules
    take longer to load than those of all others."""
    parser = _Parser(prog="./trapeze", description=TOP_HELP, allow_abbrev=False,
                     usage="./trapeze COMMAND [options]",
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="./trapeze",
                                     help=argparse.SUPPRESS)
    one = commands.add_parser("setup", description=setup.HELP, allow_abbrev=False,
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("--check", action="store_true", help="only say what is missing")
    one.add_argument("--list", action="store_true", help="print the package list")
    one.set_defaults(handler=setup.run)
    _add_boot(commands)
    _add_viewers(commands)
    _add_attached(commands)
    if command not in ("setup", "boot", "heatmap", "top", "console", "monitor", "trace", "test",
                       "lint"):
        from . import bench
        bench.add(commands, _positive)
    one = commands.add_parser("test", description=testing.HELP, allow_abbrev=False,
                              usage="./trapeze test [options] [-- CTEST-ARGUMENTS]",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("-R", "--filter", metavar="REGEX",
                     help="only tests (with --mutants: mistakes, --fuzz: fuzzers) whose name "
                          "matches")
    one.add_argument("--list", action="store_true",
                     help="list the tests, mistakes or fuzzers, run none")
    one.add_argument("--long", action="store_true", help="also the tests that are rare and slow")
    instead = one.add_mutually_exclusive_group()
    instead.add_argument("--mutants", action="store_true",
                         help="test the tests: plant each mistake of tests/mutants in a copy of "
                              "the sources, and say whether they notice")
    instead.add_argument("--fuzz", type=_positive, metavar="S", nargs="?",
                         const=testing.FUZZ_SECONDS,
                         help="run each fuzzer for S seconds (default "
                              f"{testing.FUZZ_SECONDS}); installs clang")
    one.add_argument("--seed", type=_whole, metavar="N", default=1,
                     help="what the fuzzers' inputs begin with (default 1)")
    one.add_argument("--sequences", type=_whole, metavar="N",
                     help="with --mutants: ask N generated sequences instead of the tests")
    one.add_argument("-j", "--jobs", type=_whole, metavar="N",
                     help="tests at a time (default: one more than there are cores)")
    one.add_argument("-V", "--verbose", action="store_true", help="show what the tests print")
    one.set_defaults(handler=testing.run)
    one = commands.add_parser("lint", description=testing.LINT_HELP, allow_abbrev=False,
                              usage="./trapeze lint [options] [PATH...]",
                              formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("paths", nargs="*", metavar="PATH", help="only files there")
    one.add_argument("-j", "--jobs", type=_whole, metavar="N",
                     help="files at a time (default: as many as there are cores)")
    one.set_defaults(handler=testing.lint)
    one = commands.add_parser("help", add_help=False)
    one.add_argument("topic", nargs="?")
    one.set_defaults(handler=None)
    return parser, commands


def boot_options(*words):
    """What the handler of `./trapeze boot` gets for these words: for who boots otherwise."""
    options = _parser("boot")[0].parse_args(["boot", *words])
    options.qemu_arguments = []
    return options


def _version():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as lists:
        words = lists.read().split()
    return words[words.index("VERSION", words.index("project(trapeze")) + 1]


def _dispatch(arguments):
    parser, commands = _parser(arguments[0] if arguments else None)
    rest = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, rest = arguments[:cut], arguments[cut + 1:]
    options, unknown = parser.parse_known_args(arguments)
    if options.command in ("heatmap", "top"):
        options.viewer_arguments = unknown + rest
        return options.handler(options)
    if unknown:
        commands.choices.get(options.command, parser).error(
            "unrecognized arguments: " + " ".join(unknown))
    if options.version:
        print("trapeze " + _version())
        return 0
    if options.command is None or (options.command == "help" and not options.topic):
        parser.print_help()
        return 0 if options.command else USAGE
    if options.command == "help":
        if options.topic not in commands.choices:
            raise Failure(f"there is no command '{options.topic}' (see ./trapeze --help)")
        commands.choices[options.topic].print_help()
        return 0
    if rest and options.command in ("setup", "lint", "console", "monitor", "trace"):
        raise Failure(f"{options.command} takes nothing behind --")
    options.qemu_arguments = options.ctest_arguments = rest
    return options.handler(options)


def main(arguments):
    """Runs the front door and returns the exit status."""
    asked_to_run = arguments[:1] == ["boot"] and any(
        word == "--run" or word.startswith("--run=") for word in arguments)

    def moved(status):
        # What a signal has ended, the reader of stdout leaving too, is not of our numbers.
        return status + RUN_OFFSET if asked_to_run and status < RUN_OFFSET else status

    def ended(status):
        # Of stdout at most a part of a line is left, which would wait for room for all of it.
        output.abandon({output.STDOUT, *output.stalls()})
        complain("stopped")
        return status

    try:
        output.claim()
        children.arm()
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except Failure as failure:
        if str(failure):
            complain(str(failure))
        return moved(failure.status)
    except KeyboardInterrupt:
        return ended(INTERRUPTED)
    except children.Stopped as stopped:
        return ended(stopped.status)
    except OSError as error:
        complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
        return moved(USAGE if error.errno in FILE_TROUBLE else VMM_FAILED)
