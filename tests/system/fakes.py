# SPDX-License-Identifier: Apache-2.0
"""Boots of the front door with programs that play QEMU, the VMM and the viewer."""
import json
import os
import zlib

from support import Case, trapeze

HERE = os.path.dirname(os.path.realpath(__file__))
SUMMARY = {"schema": 1, "end": "poweroff", "reason": "the guest asked for it",
           "ticks_per_second": 400000000,
           "ticks": {"total": 800000000, "guest": 400000000, "vmm": 200000000,
                     "idle": 200000000},
           "exits": [{"cause": "privileged", "count": 1500, "min_ticks": 100, "max_ticks": 4000,
                      "total_ticks": 300000},
                     {"cause": "syscall", "count": 500, "min_ticks": 80, "max_ticks": 200,
                      "total_ticks": 50000}],
           "instructions": [{"name": "mfmsr", "count": 1000}, {"name": "rfi", "count": 500}],
           "tlb": {"refills": 3}}
PATCH = {"mode": "hot", "mapping": "straight", "threshold": 16, "patched": 312, "saved": 4500,
         "faults": 3, "text_writes": 0, "net_ticks": 16840000, "made": 320, "dropped": 6,
         "back": 2, "stolen_pages": 4, "mirrored_pages": 1100, "window_ticks": 12500000}
BEGIN, DONE = ["guest", "\r\n[trapeze:NONCE] begin\r\n"], ["guest", "\r\n[trapeze:NONCE] exit 0\r\n"]


def dump(kind="end", sequence=1, profile="on", sites=3, **damage):
    """A dump as the VMM sends it, with CR LF. Of `damage`, text: goes instead of what the CRC is
    over, lines and crc: into the end line, cut: only so many characters are sent."""
    lines = [f"@@trapeze-dump 1 {kind} {sequence}", "clock 400000000 123456789",
             f"guest 268435456 straight {profile}", "time 1000 400 500 100"]
    lines += [f"site c00{number:05x} {number:x} 7d2000a6 0 k 10 20 5 1 2 3 {number}"
              for number in range(0, 4 * sites, 4)]
    lines.append("symbol c0000000 _stext")
    body = "".join(line + "\n" for line in lines)
    crc = damage.get("crc", f"{zlib.crc32(body.encode()):08x}")
    last = f"@@trapeze-dump-end {sequence} {damage.get('lines', len(lines) - 1)} {crc}\n"
    text = (damage.get("text", body) + last).replace("\n", "\r\n")
    return text[:damage.get("cut", len(text))]


def ending(**changes):
    """The step in which the VMM prints its summary."""
    return ["vmm", "@@trapeze-summary " + json.dumps({**SUMMARY, **changes}) + "\r\n"]


class Fake(Case):
    """Calls the front door with the fake QEMU."""

    def play(self, *steps):
        """The environment for a boot that plays these steps."""
        path = self.path("play.json", json.dumps(steps).encode())
        return {"TRAPEZE_QEMU": os.path.join(HERE, "fake_qemu.py"), "TRAPEZE_VMM": "/dev/null",
                "FAKE_QEMU_PLAY": path, "FAKE_QEMU_HEARD": self.path("heard"), **self.viewer()}

    def viewer(self, **changes):
        """The environment in which the viewer is the fake one."""
        return {"TRAPEZE_TRAPMAP": os.path.join(HERE, "fake_trapmap.py"),
                "FAKE_TRAPMAP_SAW": self.path("saw"), **changes}

    def boot(self, steps, *options, **changes):
        """`./trapeze boot` of the default guest while these steps are played."""
        return trapeze("boot", *options, **{**self.play(*steps), **changes})

    def calls(self):
        """The arguments of each call of the fake viewer so far."""
        try:
            with open(self.path("saw"), encoding="utf-8") as saw:
                return [json.loads(line) for line in saw]
        except FileNotFoundError:
            return []

    def heard(self):
        """What the fake VMM was sent."""
        try:
            with open(self.path("heard"), encoding="ascii") as heard:
                return heard.read()
        except FileNotFoundError:
            return ""
