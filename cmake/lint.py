#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format and clang-tidy over the project's C++: ./trapeze lint, and CMake's target `lint`.

Flags come from the two compilation databases; clang reads the cross compiler's command line too,
given its target. A file that passed is not looked at again while it, what it includes and the
rules stay the same.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

FOLDERS = ("dbt", "tcache", "hv", "tools", "bench", "tests", "guest-linux")
# What GCC takes and clang does not, and what only matters for code.
DROPPED = ("-fno-tree-loop-distribute-patterns", "-mno-sdata", "-msoft-float", "-mcpu=8548",
           "-Werror", "-fsanitize=bounds-strict", "-Winvalid-pch", "-mno-strict-align")
TARGET = ["--target=powerpc-linux-gnu", "-mcpu=e500"]


def sources(root):
    """C++ and C files, relative to the root, in order."""
    for folder in FOLDERS:
        for place, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith((".cpp", ".hpp", ".c", ".h")):
                    yield os.path.relpath(os.path.join(place, name), root)


def command_of(entry, root):
    """A compilation's compiler with its flags, and those of them that clang understands."""
    words = shlex.split(entry["command"])
    flags = []
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MT", "-MQ", "-include"):
            # What is included so is GCC's precompiled header, of what the file includes itself.
            skip = True
        elif word not in ("-c", "-S") and not word.endswith((".cpp", ".o")):
            flags.append(word)
    clang = TARGET[:] if "powerpc" in os.path.basename(words[0]) else []
    clang += [word for word in flags if word not in DROPPED]
    return [words[0], *flags, "-I" + root], [*clang, "-I" + root]


def compilations(root, host, cross):
    """File to commands. What the host builds is checked as the host builds it, but hv/ for the
    target; what neither builds with the host's plain flags."""
    table = {}
    for folder in (cross, host):
        with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as handle:
            for entry in json.load(handle):
                name = os.path.relpath(entry["file"], root)
                if not (folder == host and name.startswith("hv/")):
                    table[name] = command_of(entry, root)
    plain = ["-std=c++20"] + ["-I" + os.path.join(root, folder)
                              for folder in (".", "dbt/include", "tools")]
    return {name: table.get(name, (["c++", *plain], plain))
            for name in sources(root) if name.endswith(".cpp")}


def digest(path):
    """Content hash, empty for a file that is gone."""
    try:
        with open(path, "rb") as handle:
            return hashlib.sha256(handle.read()).hexdigest()
    except OSError:
        return ""


def included(root, name, compiler):
    """The files outside the system's folders that `name` includes, and itself."""
    done = subprocess.run([*compiler, "-MM", name], cwd=root, capture_output=True,
                          text=True, check=False)
    words = done.stdout.replace("\\\n", " ").split()[1:]
    return sorted({os.path.relpath(os.path.join(root, word), root) for word in words} | {name})


def tidy(root, name, commands, cache, rules):
    """What clang-tidy says about one file, empty if it is clean."""
    compiler, flags = commands
    stamp = os.path.join(cache, name.replace("/", "_") + ".json")
    try:
        with open(stamp, encoding="utf-8") as handle:
            seen = json.load(handle)
        if seen["rules"] == rules and seen["flags"] == flags and all(
                digest(os.path.join(root, path)) == value
                for path, value in seen["files"].items()):
            return ""
    except (OSError, ValueError, KeyError):
        pass
    files = {path: digest(os.path.join(root, path)) for path in included(root, name, compiler)}
    # In a test the analyzer follows the failure of every assertion: most of the time, for nothing.
    checks = ["--checks=-clang-analyzer-*"] if name.endswith("_test.cpp") else []
    done = subprocess.run(["clang-tidy", "--quiet", *checks, name, "--", *flags], cwd=root,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stdout + done.stderr
    with open(stamp, "w", encoding="utf-8") as handle:
        json.dump({"rules": rules, "flags": flags, "files": files}, handle)
    return ""


def chosen_from(root, paths):
    """The sources that are one of `paths` or below one; all if there are none."""
    asked = [os.path.relpath(os.path.realpath(path), root) for path in paths]
    return [name for name in sources(root) if not asked or any(
        path in (".", name) or name.startswith(path + "/") for path in asked)]


def main():
    """Exit status: 0 clean, 1 findings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", required=True, help="the project's folder")
    parser.add_argument("--host", required=True, help="build folder of the preset host")
    parser.add_argument("--cross", required=True, help="build folder of the preset hv")
    parser.add_argument("--jobs", type=int, default=2, help="files at a time")
    parser.add_argument("paths", nargs="*", help="only files there (default: all)")
    options = parser.parse_args()
    root = os.path.realpath(options.root)
    if not os.path.exists(os.path.join(options.cross, "compile_commands.json")):
        subprocess.run(["cmake", "--preset", "hv"], cwd=root, check=True, capture_output=True)

    chosen = chosen_from(root, options.paths)
    if not chosen:
        print("lint: there is no C++ or C of the project's at", *options.paths)
        return 1
    formatted = subprocess.run(["clang-format", "--dry-run", "-Werror", *chosen], cwd=root,
                               capture_output=True, text=True, check=False)
    sys.stdout.write(formatted.stderr)
    clean = formatted.returncode == 0

    cache = os.path.join(options.host, "lint")
    os.makedirs(cache, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True,
                             check=True).stdout
    rules = digest(os.path.join(root, ".clang-tidy")) + digest(os.path.realpath(__file__)) + version
    work = [item for item in sorted(compilations(
        root, os.path.realpath(options.host), os.path.realpath(options.cross)).items())
        if item[0] in chosen]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda item: tidy(root, *item, cache, rules), work)
        for number, text in enumerate(results):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\x1b[K==> lint {number} of {len(work)} {work[number][0]}")
            print(text, end="", flush=True)
            clean = clean and not text
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    print("lint:", len(chosen), "files,", "clean" if clean else "with findings")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
