# SPDX-License-Identifier: Apache-2.0
"""A guest that attacks or dies beside those that must not notice: a Linux that works and checks itself, and
a program that looks after its registers and its memory (tests/isa/beside/keeper.cpp)."""
import functools
import json
import os
import tempfile

from attacks import ATTACKS, MASTERS
from support import LAST, ROOT, Case, trapeze

PROGRAMS = f"{ROOT}/build/hv/tests/isa"
# What Linux does: each kind of kernel work, files in memory that stay and that are copied, checksums of them. It prints
# nothing that depends on time or on who else is there.
WORK = r"""
cd /tmp; seq 1 20000 > held; i=0
while [ $i -lt %d ]; do
  i=$((i + 1)); echo "round $i"
  for kind in forks pipes signals pages files floats syscalls; do burst $kind || echo "$kind: wrong"; done
  seq $i 3000 | tee copy | grep 7 | sort -r | md5sum
  dd if=held of=other bs=777 2> /dev/null; cmp held other || echo "the copy differs"
  gzip -c held | gunzip -c | md5sum
  md5sum < copy & wait
  md5sum held other
  awk 'BEGIN { for (i = 1; i <= 300; i++) s += 1 / i; printf "%%.9f\n", s }'
done
dmesg | grep -c -e Oops: -e BUG: -e 'Bad page' -e Machine
"""
LINUX_ENDS = "poweroff"


def work(rounds):
    """The command that does so many rounds."""
    return WORK % rounds


@functools.lru_cache(maxsize=None)
def alone(rounds):
    """What Linux prints when it has the machine for itself."""
    with tempfile.TemporaryDirectory(prefix="trapeze-test-") as folder:
        result = trapeze("boot", "--icount", "--mem", "64M", "--run", work(rounds),
                         "--timeout", "300", TRAPEZE_OUT=folder)
    lines = result.out.splitlines()
    if result.status != 0 and not lines or "round 1" not in lines:
        raise AssertionError(f"Linux alone: {result}")
    return lines


class Bad:
    """A guest that attacks or dies: a program of tests/isa, and how it is run."""

    def __init__(self, program, core, options="", pci=False, again=False):
        self.program, self.core, self.options, self.pci, self.again = program, core, options, pci, again

    def node(self, name):
        """Its node in the configuration."""
        folder, attack = self.program.split("/")
        more = 'devices = "pci"; ' if self.pci else ""
        more += 'on-death = "restart"; ' if self.again else ""
        memory = "64M" if folder == "attack" else "4M"
        return (f'{name} {{ compatible = "partition"; cpus = <{self.core} 1>; memory = "{memory}"; {more}\n'
                f'kernel = "{PROGRAMS}/{self.program}.elf"; bootargs = "seed=1000"; '
                f'options = "watchdog=1 {self.options}"; }};\n'), (
                    MASTERS if self.pci and attack == "dma" else [])

    @property
    def counted(self):
        """Whether the machine's time may be instructions."""
        folder, attack = self.program.split("/")
        return folder != "attack" or "--icount" in ATTACKS[attack][2]


class Beside(Case):
    """Boots machines: what some do, the others must not notice."""

    def machine(self, nodes, bad, *command, patience):
        """Boots the guests of `nodes` and the bad ones, which are named bad0, bad1; its result, and how each ended."""
        devices = []
        for number, one in enumerate(bad):
            node, masters = one.node(f"bad{number}")
            nodes += node
            devices += masters
        path = self.path("beside.dts", ('/dts-v1/;\n/ { compatible = "trapeze,config"; slice-us = <500>;\n'
                                        + nodes + "};\n").encode())
        clock = ["--icount"] if all(one.counted for one in bad) else []
        result = trapeze("boot", *clock, "--config", path, "--timeout", str(patience), *command,
                         *(["--", *devices] if devices else []), timeout=patience + 120)
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            ends = {one["guest"]: one["end"] for one in json.load(handle)["guests"]}
        for number in range(len(bad)):
            self.assertIn(f"bad{number}", ends, str(result))
        return result, ends

    @staticmethod
    def keeper(core, rounds):
        """The node of a program that looks after its registers and its memory."""
        return (f'keeper {{ compatible = "partition"; cpus = <{core} 1>; memory = "16M";\n'
                f'kernel = "{PROGRAMS}/beside/keeper1.elf"; bootargs = "rounds={rounds}"; }};\n')

    def kept(self, result, ends, rounds):
        """The keeper has found everything as it left it."""
        self.assertIn(f"keeper| {rounds} rounds, 0 wrong", result.out.splitlines(), str(result))
        self.assertEqual(ends.get("keeper"), "poweroff", str(result))

    def beside_keeper(self, bad, core, rounds=40, patience=60):
        """A keeper on `core`, with a bad guest; how that one ended."""
        result, ends = self.machine(self.keeper(core, rounds), [bad], patience=patience)
        self.kept(result, ends, rounds)
        return ends["bad0"]

    def beside_linux(self, *bad, rounds=1, keeper_core=0, keeper_rounds=300, patience=300):
        """Linux on core 0 prints what it prints alone. How the bad ones ended, and how often each died."""
        nodes = 'linux { compatible = "partition"; cpus = <0 1>; memory = "64M"; };\n'
        nodes += self.keeper(keeper_core, keeper_rounds)
        result, ends = self.machine(nodes, bad, "--run", work(rounds), patience=patience)
        self.kept(result, ends, keeper_rounds)
        said = [line[len("linux | "):] for line in result.out.splitlines() if line.startswith("linux |")]
        self.assertEqual(said, alone(rounds), str(result))
        self.assertEqual(ends["linux"], LINUX_ENDS, str(result))
        with open(os.path.join(LAST, "vmm.log"), encoding="utf-8", errors="replace") as handle:
            log = handle.read()
        names = [f"bad{number}" for number in range(len(bad))]
        return [(ends[name], log.count(f"{name}: ---- the guest died")) for name in names]
