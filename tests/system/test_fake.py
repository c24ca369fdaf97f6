# SPDX-License-Identifier: Apache-2.0
"""How the front door judges what QEMU and the VMM do, with a program that plays both."""
import json
import os
import signal
import sys
import time
import unittest
from unittest import mock

from fakes import BEGIN, DONE, PATCH, SUMMARY, Fake, ending
from support import ROOT, alive, children, finish, read_until, start

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front import qemu, session  # noqa: E402  pylint: disable=wrong-import-position

PANIC = "[    1.000000] Kernel panic - not syncing: oh\r\n"
RAW = b"\x48\0\0\0" * 1024
LOOPS = "[    1.000001] ---[ end Kernel panic - not syncing: oh ]---\r\n"


class Status(Fake):
    """Exit statuses."""

    def expect(self, status, *steps, options=(), words=()):
        """The boot ends with this status, and stderr has these words."""
        result = self.boot(steps, *options)
        self.ends(result, status)
        for word in words:
            self.assertIn(word, result.err, str(result))
        return result

    def test_good_end(self):
        self.expect(0, BEGIN, ["guest", "hello\r\n"], DONE, ending())

    def test_workload_failed(self):
        self.expect(1, BEGIN, ["guest", "\r\n[trapeze:NONCE] exit 5\r\n"], ending(),
                    words=["status 5"])

    def test_ended_early(self):
        self.expect(1, BEGIN, ending(), words=["before it was done"])
        self.expect(1, ending(end="reset"), words=["before it was done"])

    def test_panic(self):
        for when in ([], [BEGIN], [BEGIN, DONE]):
            self.expect(1, *when, ["guest", PANIC], ending(end="reset"), words=["panicked"])
            self.expect(1, *when, ["guest", PANIC], words=["panicked"], options=["--native"])
        # One that ends by powering off has not panicked, whatever it printed.
        self.expect(1, BEGIN, ["guest", PANIC], ending(), words=["before it was done"])

    def test_panic_that_somebody_printed(self):
        for native in ([], ["--native"]):
            options = ["--run", "x", *native]
            for text in (PANIC, PANIC + LOOPS):
                result = self.expect(
                    7, BEGIN, ["guest", text], ["sleep", 0.2],
                    ["guest", "\r\n[trapeze:NONCE] exit 7\r\n[    2.000000] reboot: Power down\r\n"],
                    *([] if native else [ending()]), options=options)
                self.assertEqual((result.out, result.err), (text.replace("\r", ""), ""))
        # Nor does a guest of the user's that goes on end.
        result = self.expect(
            0, ["guest", PANIC + LOOPS + "alive\r\n"], ["sleep", 11],
            ["guest", "[   12.000000] reboot: Power down\r\n"], ending(),
            options=["--kernel", self.path("raw", RAW)])
        self.assertIn("Power down\n", result.out)

    def test_panic_that_stays_in_a_loop(self):
        # Linux's default, panic=0: after its last line it never says anything again.
        kernel = ["--kernel", self.path("raw", RAW)]
        self.expect(1, ["guest", PANIC + LOOPS], ["wait", "q"], ending(end="stopped"),
                    words=["panicked"], options=kernel)
        self.expect(121, BEGIN, ["guest", PANIC + LOOPS], ["wait", "q"], ending(end="stopped"),
                    words=["panicked"], options=["--run", "x", "--append", "panic=0"])

    def test_guest_died(self):
        self.expect(1, BEGIN, ending(end="guest-died", reason="no handler at IVOR6"),
                    words=["no handler at IVOR6", "vmm.log"])

    def test_vmm_refuses_the_input(self):
        self.expect(2, ending(end="input", reason="the tree has no memory"),
                    words=["the tree has no memory"])

    def test_vmm_failed(self):
        self.expect(3, BEGIN, DONE, ending(end="vmm-failed", reason="assertion"),
                    words=["assertion"])
        self.expect(3, BEGIN, DONE, words=["no summary"])
        self.expect(3, BEGIN, DONE, ["vmm", "@@trapeze-summary {bad\r\n"], words=["no summary"])
        self.expect(3, BEGIN, DONE, ending(ticks=None), words=["broken"])
        self.expect(3, BEGIN, DONE, ending(end="whatever"), words=["whatever"])

    def test_summary_that_is_wrong_about_patching(self):
        self.expect(0, BEGIN, DONE, ending(patch=PATCH))
        for wrong, word in ((None, "mode"), ([], "mode"), ({**PATCH, "mode": "cold"}, "mode"),
                            ({**PATCH, "net_ticks": 1.5}, "net_ticks"),
                            ({**PATCH, "saved": -1}, "saved"), ({**PATCH, "back": True}, "back"),
                            ({**PATCH, "mapping": "diagonal"}, "mapping"),
                            ({**PATCH, "text_writes": None}, "text_writes"),
                            ({"mode": "off", "mapping": "crossed", "net_ticks": 0}, "threshold")):
            with self.subTest(wrong=wrong):
                self.expect(3, BEGIN, DONE, ending(patch=wrong), words=["broken", "patch", word])

    def test_qemu_failed(self):
        self.expect(3, ["exit", 7], words=["status 7"])

    def test_run_gives_the_command_s_status(self):
        for status in (0, 1, 42, 255):
            result = self.expect(status, BEGIN, ["guest", "out\r\n"],
                                 ["guest", f"\r\n[trapeze:NONCE] exit {status}\r\n"], ending(),
                                 options=["--run", "x"])
            self.assertEqual((result.out, result.err), ("out\n", ""))

    def test_run_moves_ours(self):
        run = ["--run", "x"]
        self.expect(121, BEGIN, ending(end="guest-died"), options=run)
        self.expect(122, ending(end="input"), options=run)
        self.expect(123, BEGIN, options=run)
        self.expect(124, BEGIN, ["wait", "q"], ending(end="stopped"),
                    options=[*run, "--timeout", "1"])

    def test_timeout_prints_the_summary(self):
        result = self.expect(4, BEGIN, ["wait", "q"], ending(end="stopped"),
                             options=["--timeout", "1"], words=["1 s"])
        self.assertIn("privileged", result.out)

    def test_timeout_of_a_hung_vmm(self):
        started = time.monotonic()
        self.expect(4, BEGIN, ["hang"], options=["--timeout", "1"], words=["1 s"])
        self.assertGreater(time.monotonic() - started, 3)

    def test_done_but_no_power_off(self):
        self.expect(1, BEGIN, DONE, ["wait", "q"], ending(end="stopped"),
                    words=["did not power off"])


class Patience(unittest.TestCase):
    """What is taken for silence when the host has other things to do."""

    def test_qemu_that_gets_no_processor(self):
        """Only time in which it could have gone on counts; the user's --timeout counts all."""
        machine, console = mock.Mock(), mock.Mock(status=0, over=False, waiting=False)
        console.panic.loops = False
        machine.delayed.return_value = 0.0
        with mock.patch.object(session.time, "monotonic", return_value=100.0) as clock:
            one = session.Session(machine, console, None, None, 1000.0, "none", False)
            keep_time = one._keep_time  # pylint: disable=protected-access
            keep_time()
            clock.return_value, machine.delayed.return_value = 160.0, 55.0
            keep_time()
            self.assertIsNone(one.stopped)
            clock.return_value = 160.0 + session.END_GRACE
            keep_time()
            self.assertEqual(one.stopped, "no-end")
            clock.return_value, machine.delayed.return_value = 300.0, 184.0
            keep_time()
            machine.stop.assert_not_called()
            clock.return_value = 300.0 + session.STOP_GRACE
            keep_time()
            machine.stop.assert_called()
            machine.delayed.return_value = 200.0
            two = session.Session(machine, console, None, None, 10.0, "none", False)
            clock.return_value, machine.delayed.return_value = 320.0, 200.0
            two._keep_time()  # pylint: disable=protected-access
            self.assertEqual(two.stopped, "timeout")

    def test_how_long_qemu_has_waited(self):
        """Whichever of its threads it is that waits, a thread that had waited long before does not hide it."""
        waited = {"1": 9_000_000_000, "2": 0}

        def opened(path, **_):
            return mock.mock_open(read_data=f"5 {waited[path.split('/')[4]]} 7\n")()

        with mock.patch.object(qemu.glob, "glob", lambda path: [path.replace("*", one) for one in waited]), \
             mock.patch("builtins.open", opened):
            one = qemu.Qemu.__new__(qemu.Qemu)
            one.process = mock.Mock(pid=77)
            one._delayed, one._waited = 0.0, {}  # pylint: disable=protected-access
            self.assertEqual(one.delayed(), 0.0)
            waited["2"] = 2_000_000_000
            self.assertEqual(one.delayed(), 2.0)
            waited["1"] += 500_000_000
            waited["2"] += 250_000_000
            self.assertEqual(one.delayed(), 2.5)

    def test_process_that_is_gone(self):
        """Nothing is known of it."""
        one = qemu.Qemu.__new__(qemu.Qemu)
        one.process = mock.Mock(pid=1 << 30)
        one._delayed, one._waited = 0.0, {}  # pylint: disable=protected-access
        self.assertEqual(one.delayed(), 0.0)


class Output(Fake):
    """What is shown and what is written."""

    def test_tables(self):
        result = self.boot([["vmm", "[vmm    0.000001] starts\r\n"], BEGIN,
                            ["guest", "hello\r\n"], DONE, ending()])
        self.assertIn("hello\n", result.out)
        self.assertNotIn("[trapeze:", result.out)
        self.assertNotIn("\x1b", result.out + result.err)
        self.assertIn("[vmm    0.000001] starts\n", result.err)
        for row in (r"privileged +1,500 +75\.0 % +0\.25 +0\.50 +10\.00 +750\.0 us",
                    r"syscall +500 +25\.0 % +0\.20 +0\.25 +0\.50 +125\.0 us",
                    r"all +2,000", r"mfmsr +1,000 +66\.7 %", r"guest 1\.00 s \(50\.0 %\)"):
            self.assertRegex(result.out, row)

    def patched(self, **changes):
        """The line about patching, of the tables' lines that are not empty the last, or None."""
        result = self.boot([BEGIN, DONE, ending(patch={**PATCH, **changes})])
        self.ends(result, 0)
        if "patched" not in result.out:
            return None
        self.assertRegex(result.out, r"where the time went.*\n  patched .*\n\n")
        return next(line for line in result.out.split("\n") if "patched" in line).strip()

    def test_what_patching_saved(self):
        # 4,500 saved and 1,500 privileged exits taken.
        self.assertEqual(self.patched(), "patched 312 sites, saved 4,500 exits (75.0 %), "
                                         "3 tracing faults, net 42.1 ms")
        self.assertTrue(self.patched(net_ticks=-500000000).endswith(", net -1,250.0 ms"))
        self.assertTrue(self.patched(net_ticks=-1).endswith(", net 0.0 ms"))
        writes = self.patched(mapping="crossed", faults=0, text_writes=1234)
        self.assertIn(", 0 tracing faults, 1,234 text writes, net ", writes)
        zeros = {name: 0 for name in PATCH if name not in ("mode", "mapping")}
        self.assertIn("saved 0 exits (0.0 %), 0 tracing", self.patched(**zeros))
        self.assertIsNone(self.patched(**zeros, mode="off"))
        none = self.boot([BEGIN, DONE, ending(exits=[], patch={**PATCH, "saved": 0})])
        self.assertIn("saved 0 exits (0.0 %)", none.out)
        self.assertNotIn("patched", self.boot([BEGIN, DONE, ending()]).out)

    def test_quiet(self):
        result = self.boot([["vmm", "[vmm    0.000001] starts\r\n"], BEGIN,
                            ["guest", "hello\r\n"], DONE, ending()], "--quiet")
        self.assertEqual((result.status, result.out, result.err), (0, "hello\n", ""))

    def test_json(self):
        path = self.path("summary.json")
        self.ends(self.boot([BEGIN, DONE, ending()], "--json", path), 0)
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
        for name, value in SUMMARY.items():
            self.assertEqual(found[name], value)
        self.assertNotIn("patch", found)
        self.ends(self.boot([BEGIN, DONE, ending(patch=PATCH)], "--json", path), 0)
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
        self.assertEqual(found["patch"], PATCH)
        self.assertEqual((found["mode"], found["status"], found["guest_status"]), ("vmm", 0, 0))
        self.assertGreater(found["wall_seconds"], 0)

    def test_no_output_is_lost_at_the_end(self):
        result = self.boot([BEGIN, ["burst", 3000000], ["guest", "\r\n[trapeze:NONCE] exit 0\r\n"],
                            ending()], "--run", "x")
        self.ends(result, 0)
        self.assertEqual(result.out, "x" * 3000000)

    def test_what_qemu_leaves_is_read_to_its_end(self):
        much = 150000  # more than is read at once, less than a socket holds
        process = start("boot", "--run", "x", **self.play(
            BEGIN, ["guest", "first"], ["sleep", 1], ["burst", much], DONE, ending()))
        try:
            read_until(process.stdout, b"first")
            qemu = children(process.pid)
            process.send_signal(signal.SIGSTOP)
            until = time.monotonic() + 60
            while any(map(alive, qemu)) and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate(timeout=120)
            self.assertEqual(out.count(b"x"), much)
            self.assertEqual(process.returncode, 0)
        finally:
            finish(process)

    def test_reader_that_leaves(self):
        process = start("boot", "--timeout", "30", **self.play(
            BEGIN, ["burst", 4096], ["sleep", 0.5], ["burst", 3000000], ["wait", "q"]))
        try:
            read_until(process.stdout, b"xxxx")
            qemu = children(process.pid)
            process.stdout.close()
            self.assertEqual(process.wait(20), 141)
            self.assertFalse([pid for pid in qemu if alive(pid)])
        finally:
            process.stderr.close()
            process.kill()
            process.wait()


class Signals(Fake):
    """Nothing is left behind, whatever ends the front door."""

    def ended_by(self, number, *steps):
        """(exit status, stdout) after the signal; checks that the fake QEMU is gone."""
        process = start("boot", **self.play(BEGIN, ["guest", "hello\r\nworld"], *steps))
        try:
            read_until(process.stdout, b"world")
            below = children(process.pid)
            self.assertTrue(below)
            process.send_signal(number)
            out, _ = process.communicate(timeout=120)
            until = time.monotonic() + 30
            while any(map(alive, below)) and time.monotonic() < until:
                time.sleep(0.05)
            self.assertFalse([pid for pid in below if alive(pid)], "left behind")
            return process.returncode, out.decode()
        finally:
            finish(process)

    def test_ctrl_c_asks_the_vmm(self):
        status, out = self.ended_by(signal.SIGINT, ["wait", "q"], ending(end="stopped"))
        self.assertEqual(status, 130)
        self.assertIn("privileged", out)

    def test_ctrl_c_with_a_deaf_qemu(self):
        self.assertEqual(self.ended_by(signal.SIGINT, ["hang"])[0], 130)

    def test_terminate(self):
        self.assertEqual(self.ended_by(signal.SIGTERM, ["wait", "q"])[0], 143)

    def test_the_first_one_counts(self):
        process = start("boot", **self.play(BEGIN, ["guest", "hello\r\nworld"], ["hang"]))
        try:
            read_until(process.stdout, b"world")
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130)
        finally:
            finish(process)

    def test_hang_up(self):
        self.assertEqual(self.ended_by(signal.SIGHUP, ["wait", "q"])[0], 129)

    def test_quit(self):
        self.assertEqual(self.ended_by(signal.SIGQUIT, ["wait", "q"])[0], 131)

    def test_kill(self):
        self.assertEqual(self.ended_by(signal.SIGKILL, ["hang"])[0], -9)


if __name__ == "__main__":
    unittest.main()
