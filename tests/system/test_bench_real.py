# SPDX-License-Identifier: Apache-2.0
"""./trapeze bench with the real guest, natively and under the VMM."""
import os
import unittest

from bench_case import report
from support import Case, trapeze


class Real(Case):
    """A small measurement, twice."""

    def measure(self, name):
        """{(arm, clock, workload): row} of two workloads; of gandalf_ignored the row of tlbsync,
        which a short measurement executes often enough to have it patched."""
        out = self.path(name)
        clocks = ["--clock", "icount"] if name == "again" else []
        self.ends(trapeze("bench", "--quick", "--runs", "1", "--workload", "null_syscall",
                          "--workload", "gandalf_ignored", *clocks, "--out", out), 0)
        document = report(os.path.join(out, "results.json"), "schema.json")
        return {(row["arm"], row["clock"], row["workload"]): row for row in document["rows"]
                if row["metric"] != "mtspr"}

    def test_rows(self):
        rows = self.measure("first")
        keys = {(arm, clock, work) for arm in ("native", "trap", "straight", "crossed")
                for clock in ("icount", "wall") for work in ("null_syscall", "gandalf_ignored")}
        self.assertEqual(set(rows), keys)
        for (arm, clock, work), row in rows.items():
            with self.subTest(arm=arm, clock=clock, work=work):
                self.assertGreaterEqual(row["n"], 3)
                self.assertLessEqual(row["min"], row["median"])
                self.assertLessEqual(row["median"], row["max"])
                if arm == "native":
                    self.assertEqual((row["exits"], row["kinds"]), ({}, {}))
                    self.assertEqual(row["ratio_to_native"], 1)
                elif arm == "trap":
                    self.assertGreaterEqual(row["exits"]["privileged"], 1)
                    self.assertGreater(row["ratio_to_native"], 1)
                else:
                    # It is hot from the first sample on.
                    self.assertLess(row["exits"].get("privileged", 0),
                                    rows["trap", clock, work]["exits"]["privileged"])
        for arm in ("straight", "crossed"):
            self.assertGreater(rows[arm, "icount", "null_syscall"]["gain"]["trap"], 1.5)
        crossed = rows["crossed", "icount", "null_syscall"]
        self.assertEqual(crossed["exits"].get("tracing", 0), 0)
        self.assertEqual(list(crossed["gain"]), ["trap", "straight"])
        # One system call, and one instruction that is not executed.
        call = rows["trap", "icount", "null_syscall"]["exits"]
        self.assertAlmostEqual(call["syscall"], 1, delta=0.05)
        ignored = rows["trap", "icount", "gandalf_ignored"]
        self.assertAlmostEqual(sum(ignored["exits"].values()), 1, delta=0.05)
        again = self.measure("again")
        for key in keys:
            if key[1] == "icount":
                one, two = rows[key]["median"], again[key]["median"]
                print(f"{' '.join(key)}: {one:.2f} and {two:.2f} instructions")
                self.assertLess(abs(one - two), 0.001 * one, key)


if __name__ == "__main__":
    unittest.main()
