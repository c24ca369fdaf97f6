# SPDX-License-Identifier: Apache-2.0
"""Guests on a virtual switch: what goes over it is whole, and who is gone troubles nobody."""
import functools
import hashlib
import http.server
import json
import os
import threading
import unittest

from support import LAST, ROOT, Case, finish, start, trapeze

EXAMPLES = os.path.join(ROOT, "docs", "examples")
BYTES = 1 << 20
# In alpha and beta: waits for the other one, gives it a file while it takes the other's, and goes when
# both are done.
BOTH_WAYS = f"""
    case $(cat /proc/cmdline) in *net.lan=10.0.0.1*) peer=10.0.0.2 ;; *) peer=10.0.0.1 ;; esac
    mkdir /tmp/www
    dd if=/dev/urandom of=/tmp/www/out bs=64k count={BYTES >> 16} 2> /dev/null
    httpd -p 5000 -h /tmp/www
    tries() {{ i=0; until "$@" 2> /dev/null; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.3; done; }}
    tries wget -q -O /tmp/in http://$peer:5000/out
    md5sum < /tmp/www/out; md5sum < /tmp/in
    ping -c 3 -W 5 $peer | grep -o '3 packets received'
    echo > /tmp/www/done
    tries wget -q -O /tmp/done http://$peer:5000/done
    sleep 2"""


class Network(Case):
    """Boots of the examples, and of what they become on one core."""

    def boot(self, config, *options, status=0):
        """The lines of each guest, and its summary."""
        result = trapeze("boot", "--config", config, "--timeout", "400", *options)
        self.ends(result, status)
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            guests = {one["guest"]: one for one in json.load(handle)["guests"]}
        lines = {name: [line.split("| ", 1)[1] for line in result.out.splitlines()
                        if line.split("|")[0].strip() == name and "| " in line] for name in guests}
        return lines, guests

    def both_ways(self, config):
        """Each guest's file arrives at the other one."""
        lines, guests = self.boot(config, "--run", BOTH_WAYS)
        sums = {name: [line.split()[0] for line in lines[name] if line.endswith("-")] for name in lines}
        self.assertEqual(sums["alpha"], sums["beta"][::-1], lines)
        self.assertNotEqual(*sums["alpha"])
        for name, found in guests.items():
            self.assertIn("3 packets received", lines[name])
            card, = found["handles"]
            self.assertEqual((card["name"], card["kind"]), ("lan", "virtio-net"))
            self.assertGreater(min(card["sent_bytes"], card["received_bytes"]), BYTES)

    def test_two_cores(self):
        """The example as it stands."""
        self.both_ways(os.path.join(EXAMPLES, "two-linux-net.dts"))

    def test_one_core_and_the_other_layout(self):
        """The same on one core, patched at once, where kernel text is execute-only."""
        with open(os.path.join(EXAMPLES, "two-linux-net.dts"), encoding="utf-8") as handle:
            text = handle.read()
        path = self.path("one-core.dts")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text.replace("cpus = <1 1>;", 'cpus = <0 1>; options = "mapping=straight";'))
        self.both_ways(path)

    def test_a_bridge_to_the_outside(self):
        """A file from here into the guest that has no PCI."""
        data = os.urandom(BYTES)
        with open(self.path("file"), "wb") as handle:
            handle.write(data)
        serves = functools.partial(http.server.SimpleHTTPRequestHandler, directory=os.path.dirname(self.path("file")))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serves) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            # The bridge may come up later than who is behind it.
            fetch = (f"i=0; until wget -q -O /tmp/file http://10.0.2.2:{server.server_port}/file 2> /dev/null; "
                     "do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.5; done; md5sum < /tmp/file")
            lines, _ = self.boot(
                os.path.join(EXAMPLES, "bridged-linux.dts"), "--net", "--run",
                # The one that is the bridge goes last.
                f"case $(cat /proc/cmdline) in *net.bridge*) nc -l -p 5001 ;; "
                f"*) {fetch}; i=0; until echo done | nc 10.0.2.15 5001 2> /dev/null; do "
                "i=$((i + 1)); [ $i -lt 60 ] || exit 1; sleep 0.5; done ;; esac")
            server.shutdown()
        self.assertEqual(lines["inner"][0].split()[0], hashlib.md5(data).hexdigest())
        self.assertEqual(lines["gate"], ["done"])

    def test_who_is_restarted_comes_back(self):
        """In the middle of a transfer: the other one's link stays up, and the next transfer is whole."""
        config = os.path.join(EXAMPLES, "two-linux-net.dts")
        # Its first life takes the file over and over, until it is restarted; alpha knows that it was there.
        alpha = ("mkdir /tmp/www; echo > /tmp/www/first; (nc -l -p 5002 > /dev/null; rm /tmp/www/first) & "
                 "dd if=/dev/urandom of=/tmp/www/out bs=1M count=12 2> /dev/null; md5sum < /tmp/www/out; "
                 "httpd -p 5000 -h /tmp/www; echo > /tmp/www/ready; "
                 "until grep -q beta-has-it /tmp/www/said 2> /dev/null; do nc -l -p 5001 >> /tmp/www/said; done; "
                 "cat /sys/class/net/eth0/carrier")
        again = ("if wget -q -O /dev/null http://10.0.0.1:5000/first 2> /dev/null; then "
                 "until echo here | nc 10.0.0.1 5002; do sleep 0.3; done; echo starts; "
                 "while true; do wget -q -O /dev/null http://10.0.0.1:5000/out; done; fi; ")
        beta = ("echo starts; wget -q -O - http://10.0.0.1:5000/out > /tmp/in || exit 1; md5sum < /tmp/in; "
                "echo beta-has-it | nc 10.0.0.1 5001")
        tries = ("i=0; until wget -q -O /dev/null http://10.0.0.1:5000/ready 2> /dev/null; "
                 "do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.5; done; ")
        process = start("boot", "--config", config, "--timeout", "400", "--run",
                        f"case $(cat /proc/cmdline) in *net.lan=10.0.0.1*) {alpha} ;; *) {tries}{again}{beta} ;; esac")
        try:
            lines, restarted = [], False
            for line in process.stdout:
                lines.append(line.decode().rstrip())
                if lines[-1].endswith("| starts") and not restarted:
                    restarted = True
                    self.ends(trapeze("monitor", "restart", "beta"), 0)
            self.assertEqual(process.wait(60), 0, lines)
        finally:
            finish(process)
        said = {name: [line.split("| ", 1)[1] for line in lines if line.startswith(name) and "| " in line]
                for name in ("alpha", "beta")}
        self.assertEqual(said["beta"][:2], ["starts", "starts"])
        self.assertEqual(said["beta"][2], said["alpha"][0], lines)
        self.assertEqual(said["alpha"][-1], "1", "its link stays up")


if __name__ == "__main__":
    unittest.main()
