# SPDX-License-Identifier: Apache-2.0
"""Dumps of trap sites: what boot keeps of them, the map at its end, ./trapeze heatmap."""
import glob
import json
import os
import shutil
import signal
import unittest

from fakes import BEGIN, DONE, Fake, dump, ending
from support import LAST, OUT, ROOT, finish, read_until, start, trapeze

PAGE = os.path.join(LAST, "heatmap.html")
TRAP = os.path.join(LAST, "guest.trap")
VMLINUX = os.path.join(ROOT, "build", "guest", "vmlinux")


def content(path):
    """A file as text, or None if it is not there."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def sent(text):
    """A dump as it must be in a file: without the console's CRs."""
    return text.replace("\r\n", "\n")


class Kept(Fake):
    """The files of a run."""

    def summary(self):
        """summary.json of the last run."""
        return json.loads(content(os.path.join(LAST, "summary.json")))

    def numbered(self):
        """The names of the dump-NNNN.trap there are."""
        return sorted(os.path.basename(path) for path in glob.glob(os.path.join(LAST, "dump-*")))

    def test_last_full_dump(self):
        result = self.boot([BEGIN, ["vmm", "[vmm    0.1] before\r\n"], ["vmm", dump()],
                            ["vmm", "[vmm    0.2] after\r\n"], DONE, ending()])
        self.ends(result, 0)
        self.assertEqual(content(TRAP), sent(dump()))
        self.assertEqual(content(os.path.join(LAST, "vmm.log")),
                         "[vmm    0.1] before\n[vmm    0.2] after\n")
        self.assertNotIn("@@trapeze", result.err)
        self.assertNotIn("site c0", result.out + result.err)
        found = self.summary()
        self.assertEqual((found["dump"], found["symbols"]), (TRAP, VMLINUX))

    def test_periodic_and_requested_ones_are_kept_in_order(self):
        texts = [dump("periodic", 1), dump("request", 2, sites=5), dump("live", 3), dump("end", 4)]
        self.ends(self.boot([BEGIN, *(["vmm", text] for text in texts), DONE, ending()]), 0)
        self.assertEqual(self.numbered(), ["dump-0001.trap", "dump-0002.trap"])
        for name, text in zip(self.numbered(), texts):
            self.assertEqual(content(os.path.join(LAST, name)), sent(text))
        self.assertEqual(content(TRAP), sent(texts[3]))
        # The next run begins afresh.
        self.ends(self.boot([BEGIN, DONE, ending()]), 0)
        self.assertEqual(self.numbered(), [])
        self.assertIsNone(content(TRAP))
        self.assertIsNone(self.summary()["dump"])

    def test_damaged_dumps_are_told_and_left_out(self):
        good, whole = dump("periodic", 1), dump("end", 2)
        for bad, word in ((dump("end", 2, crc="00000000"), "checksum"),
                          (dump("end", 2, lines=99), "99 were sent"),
                          (whole.replace("symbol c0000000 _stext\r\n", ""), "6 lines came"),
                          (whole.split("\r\n", 1)[1], "first line"),
                          (whole.replace("dump 1 end", "dump 2 end"), "version 2"),
                          (whole.replace("dump 1 end", "dump 1 else"), "first line"),
                          (whole.replace("dump-end 2", "dump-end 3"), "last line"),
                          (dump("end", 2, cut=200) + "\r\n", "no end")):
            with self.subTest(word=word):
                result = self.boot([BEGIN, ["vmm", good], ["vmm", bad],
                                    ["vmm", "[vmm    0.2] after\r\n"], DONE, ending()])
                self.ends(result, 0)
                complaints = [line for line in result.err.split("\n") if "trapeze: " in line]
                self.assertEqual(len(complaints), 1, str(result))
                self.assertIn(word, complaints[0])
                self.assertIn("last good one is kept", complaints[0])
                self.assertIn("[vmm    0.2] after\n", result.err)
                self.assertEqual(content(TRAP), sent(good))

    def test_cut_by_the_end_of_qemu(self):
        result = self.boot([BEGIN, DONE, ending(), ["vmm", dump(cut=250)]])
        self.ends(result, 0)
        self.assertIn("in the middle", result.err)
        self.assertIsNone(content(TRAP))

    def test_dead_guest_and_timeout_leave_theirs(self):
        self.ends(self.boot([BEGIN, ["vmm", dump()], ending(end="guest-died")]), 1)
        self.assertEqual(content(TRAP), sent(dump()))
        self.ends(self.boot([BEGIN, ["wait", "q"], ["vmm", dump(sites=9)],
                             ending(end="stopped")], "--timeout", "1"), 4)
        self.assertEqual(content(TRAP), sent(dump(sites=9)))

    def test_ctrl_c_waits_for_a_slow_dump(self):
        # It takes longer than the VMM may be silent, but it goes on.
        text = dump(sites=4000)
        pieces = [text[at:at + 40000] for at in range(0, len(text), 40000)]
        steps = [step for piece in pieces for step in (["sleep", 3.0 / len(pieces)],
                                                       ["vmm", piece])]
        process = start("boot", **self.play(BEGIN, ["guest", "hello\r\nworld"], ["wait", "q"],
                                            *steps, ending(end="stopped")))
        try:
            read_until(process.stdout, b"world")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn(b"heat map: ", out)
            self.assertEqual(content(TRAP), sent(text))
        finally:
            finish(process)

    def test_options_reach_the_vmm(self):
        play = [BEGIN, DONE, ending()]
        self.assertNotRegex(self.boot(play, "-v").err, "profile=|dump-every=")
        line = self.boot(play, "-v", "--profile", "off", "--dump-every", "7").err
        self.assertRegex(line, r"-append '[^']*\bprofile=off dump-every=7'")
        self.assertIn(" profile=on'", self.boot(play, "-v", "--profile", "on").err)

    def test_options_of_patching_reach_the_vmm(self):
        play = [BEGIN, DONE, ending()]
        self.assertNotRegex(self.boot(play, "-v").err, "patch=|threshold=|mapping=|mirror-mb=")
        line = self.boot(play, "-v", "--patch=eager", "--threshold=0", "--mapping=straight",
                         "--mirror-mb=48", "--vmm-append=tlb0=512").err
        self.assertIn(" patch=eager threshold=0 mapping=straight mirror-mb=48 tlb0=512'", line)
        line = self.boot(play, "-v", "--patch", "off", "--profile", "off").err
        self.assertIn(" profile=off patch=off'", line)

    def test_options_are_checked(self):
        for wrong in (["--profile", "maybe"], ["--dump-every", "x"], ["--dump-every", "-1"],
                      ["--native", "--profile", "on"], ["--native", "--dump-every", "3"]):
            result = trapeze("boot", *wrong)
            self.ends(result, 2)
            self.one_line(result, *[word for word in wrong if word.startswith("--")][-1:])


class Map(Fake):
    """What the viewer shows when a boot ends."""

    GOOD = [BEGIN, ["vmm", dump()], DONE, ending()]

    def test_after_the_tables(self):
        result = self.boot(self.GOOD)
        self.ends(result, 0)
        self.assertEqual(self.calls(), [[TRAP, "--elf", VMLINUX, "--top", "10"],
                                        [TRAP, "--elf", VMLINUX, "--html", PAGE]])
        self.assertRegex(result.out, r"(?s)where the time went.*hottest of @@trapeze-dump 1 end 1"
                                     r"\n  heat map: .*last/heatmap\.html\n$")
        self.assertIsNotNone(content(PAGE))

    def test_own_kernel(self):
        for name, raw, symbols in (("k.elf", False, True), ("k.bin", True, False)):
            with self.subTest(name=name):
                self.setUp()
                path = self.path(name)
                if raw:
                    with open(path, "wb") as kernel:
                        kernel.write(b"\x60\0\0\0" * 64)
                else:
                    shutil.copyfile(VMLINUX, path)
                result = self.boot([["vmm", dump()], ending()], "--kernel", path,
                                   *(["--raw"] if raw else []))
                self.ends(result, 0)
                elf = ["--elf", path] if symbols else []
                self.assertEqual(self.calls()[0], [TRAP, *elf, "--top", "10"])

    def test_left_out_where_nobody_wants_it(self):
        for options in (["--quiet"], ["--run", "x"]):
            result = self.boot(self.GOOD, *options)
            self.ends(result, 0)
            self.assertEqual((self.calls(), result.out, result.err), ([], "", ""))
            self.assertEqual(content(TRAP), sent(dump()))

    def test_says_why_there_is_none(self):
        for play, word in (([BEGIN, DONE, ending()], "sent no dump"),
                           ([BEGIN, ["vmm", dump(profile="off")], DONE, ending()], "was off"),
                           ([BEGIN, ["vmm", dump(crc="0" * 8)], DONE, ending()], "checksum")):
            result = self.boot(play)
            self.ends(result, 0)
            found = [line for line in result.err.split("\n") if line.startswith("no heat map: ")]
            self.assertEqual(len(found), 1, str(result))
            self.assertIn(word, found[0])
            self.assertEqual(self.calls(), [])
        refused = self.boot([ending(end="input")])
        self.assertNotIn("heat map", refused.err)

    def test_failing_viewer_changes_nothing_else(self):
        result = self.boot(self.GOOD, FAKE_TRAPMAP_STATUS="2")
        self.ends(result, 0)
        self.one_line(result, "no heat map: trapmap: it does not want to")
        result = self.boot(self.GOOD, TRAPEZE_TRAPMAP="/no/such/viewer")
        self.ends(result, 0)
        self.one_line(result, "/no/such/viewer: No such file")


class Heatmap(Fake):
    """./trapeze heatmap."""

    def setUp(self):
        super().setUp()
        self.ends(self.boot([BEGIN, ["vmm", dump("request")], ["vmm", dump()], DONE, ending()],
                            "--quiet"), 0)

    def heatmap(self, *arguments, status=0, **changes):
        """Calls it; returns the result."""
        result = trapeze("heatmap", *arguments, **self.viewer(**changes))
        self.ends(result, status)
        return result

    def test_last_run(self):
        result = self.heatmap()
        self.assertEqual(self.calls(), [[TRAP, "--elf", VMLINUX],
                                        [TRAP, "--elf", VMLINUX, "--html", PAGE]])
        self.assertRegex(result.out, r"hottest of .*\nheat map: .*last/heatmap\.html\n$")

    def test_options_go_to_the_viewer(self):
        old = self.path("old.trap", sent(dump(sites=2)).encode())
        for given, passed in ((["--by", "function", "--top", "3"], None),
                              (["--diff", old], None), (["--", "--top", "3"], ["--top", "3"])):
            self.heatmap(*given)
            self.assertEqual(self.calls()[-1], [TRAP, "--elf", VMLINUX, *(passed or given)])
        self.heatmap("--diff", old, old)
        self.assertEqual(self.calls()[-1][0], old)
        self.assertEqual(self.calls()[-1][-2:], ["--diff", old])
        self.heatmap("--elf", "/my.elf", "--top", "1")
        self.assertEqual(self.calls()[-1], [TRAP, "--elf", "/my.elf", "--top", "1"])

    def test_another_dump(self):
        second = os.path.join(LAST, "dump-0001.trap")
        self.heatmap(second)
        page = os.path.join(LAST, "dump-0001.html")
        self.assertEqual(self.calls()[-1], [second, "--elf", VMLINUX, "--html", page])
        os.unlink(page)
        # The symbols of another guest would be wrong for it.
        text = sent(dump()).replace("_stext", "elsewhere")
        self.heatmap(self.path("other.trap", text.encode()), "--top", "2")
        self.assertEqual(self.calls()[-1], [self.path("other.trap"), "--top", "2"])

    def test_page_of_a_dump_elsewhere_stays_below_build(self):
        name = os.path.basename(self.folder)
        page = os.path.join(OUT, "heatmap", name + ".html")
        result = self.heatmap(self.path(name + ".trap", sent(dump()).encode()))
        self.assertIn(f"heatmap/{name}.html\n", result.out)
        self.assertIsNotNone(content(page))
        os.unlink(page)

    def test_status_of_the_viewer(self):
        result = self.heatmap("--top", "3", status=2, FAKE_TRAPMAP_STATUS="2")
        self.one_line(result, "does not want to")
        result = self.heatmap(status=2, FAKE_TRAPMAP_STATUS="2")
        self.one_line(result, "does not want to")
        self.one_line(self.heatmap("/no/such.trap", status=2), "/no/such.trap", "no such file")

    def test_no_dump_yet(self):
        self.ends(self.boot([BEGIN, DONE, ending()], "--quiet"), 0)
        self.one_line(self.heatmap(status=2), "run ./trapeze boot first", "left none")
        self.one_line(self.heatmap("--top", "3", status=2), "run ./trapeze boot first")


if __name__ == "__main__":
    unittest.main()
