# SPDX-License-Identifier: Apache-2.0
"""Patching of hot trap sites: its options, and what the VMM's summary says of it."""
from .common import Failure

MODES = ("off", "hot", "eager")
MAPPINGS = ("straight", "crossed")
# The VMM's (Options in hv/boot/boot.hpp). A test holds them and docs/options.md together.
DEFAULT_MAPPING = "crossed"
# As the VMM has them (docs/options.md).
MOST_EXITS = 1000000
MIRROR_STEP, MIRROR_MOST = 4, 48
COUNTS = ("threshold", "patched", "saved", "faults", "text_writes", "made", "dropped", "back",
          "stolen_pages", "mirrored_pages", "window_ticks")

HELP = """the VMM rewrites instructions of the guest kernel that trap often into a load, a store or
a branch, in a copy of the kernel's text; the guest's own memory is never changed. A copy that
costs more than it saves is given back"""


def _threshold(text):
    value = int(text)
    if not 0 <= value <= MOST_EXITS:
        raise ValueError(text)
    return value


def _mirror(text):
    value = int(text)
    if value % MIRROR_STEP or not MIRROR_STEP <= value <= MIRROR_MOST:
        raise ValueError(text)
    return value


_threshold.__name__ = f"number of exits, 0 to {MOST_EXITS}"
_mirror.__name__ = f"multiple of {MIRROR_STEP} from {MIRROR_STEP} to {MIRROR_MOST}"


def add(parser):
    """Adds the options of `boot`."""
    group = parser.add_argument_group("patching of hot trap sites", HELP)
    group.add_argument("--patch", choices=MODES,
                       help="off: trap and emulate only; hot: sites that have trapped often "
                            "(default); eager: each at its first exit")
    group.add_argument("--threshold", metavar="N", type=_threshold,
                       help="exits of a site before it is patched; 0: as many as the cost of a "
                            "patch is worth, measured when the VMM starts (default)")
    group.add_argument("--mapping", choices=MAPPINGS,
                       help="how the guest's kernel and user mode are laid over the core's two "
                            "address spaces. straight: each has one, so what the kernel reads "
                            "where patched text or stubs stand must be emulated; crossed: "
                            "fetches of the kernel and data of user mode share one, data of the "
                            "kernel and fetches of user mode the other, so that reading text "
                            f"costs nothing, and writing it an exit (default {DEFAULT_MAPPING})")
    group.add_argument("--mirror-mb", metavar="N", type=_mirror,
                       help="MiB of memory for the copy: a multiple of 4, from 4 to 48 (default "
                            "16)")


def given(options):
    """(option, value, the VMM's word for it) of those that the user gave."""
    found = (("--patch", options.patch, "patch"), ("--threshold", options.threshold, "threshold"),
             ("--mapping", options.mapping, "mapping"),
             ("--mirror-mb", options.mirror_mb, "mirror-mb"))
    return [one for one in found if one[1] is not None]


def check(options):
    """Raises Failure for options that exclude each other."""
    if options.profile == "off" and options.patch not in (None, "off"):
        raise Failure(f"--patch={options.patch} needs the profile, which finds the sites: leave "
                      "--profile=off out")


def words(options):
    """What goes to the VMM's command line, with a blank in front."""
    return "".join(f" {word}={value}" for _, value, word in given(options))


def problem(patch):
    """What is wrong with the summary's `patch`, or None."""
    def whole(value):
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64

    if not isinstance(patch, dict) or patch.get("mode") not in MODES:
        return "patch has no mode"
    if patch.get("mapping") not in MAPPINGS:
        return "patch has no mapping"
    if not whole(patch.get("net_ticks")):
        return "patch has no net_ticks"
    for name in COUNTS:
        if not whole(patch.get(name)) or patch[name] < 0:
            return f"patch has no {name}"
    return None


def line(summary):
    """What patching did in one line, or None if it was off or the VMM did not say."""
    patch = summary.get("patch")
    if not patch or patch["mode"] == "off":
        return None
    taken = sum(row["count"] for row in summary.get("exits", []) if row["cause"] == "privileged")
    could = patch["saved"] + taken
    share = 100 * patch["saved"] / could if could else 0
    # What rounds to nothing has no sign.
    net = round(patch["net_ticks"] * 1e3 / summary["ticks_per_second"], 1) + 0.0
    writes = f"{patch['text_writes']:,} text writes, " if patch["text_writes"] else ""
    return (f"patched {patch['patched']:,} sites, saved {patch['saved']:,} exits ({share:.1f} %), "
            f"{patch['faults']:,} tracing faults, {writes}net {net:,.1f} ms")
