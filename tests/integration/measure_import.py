#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast and in how much memory a register of millions is imported. Not part of the test run.

    measure_import.py [LINES] [DIRECTORY]       (5,000,000 lines; a temporary directory)

Prints lines, seconds, lines per second, and the greatest RssAnon seen while it ran (what LevelDB maps from its files is
not counted: the system takes that back when it needs it)."""
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import generate
from office import Office


def write_register(path, lines):
    """A line each; two in three households have two persons."""
    draw, household = random.Random(1), 0
    names, firsts, departments = generate.FAMILY_NAMES, generate.FIRST_NAMES, generate.DEPARTMENTS
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(generate.COLUMNS) + "\n")
        for n in range(lines):
            household += n % 5 in (0, 2, 4)
            ten = (n * 799_999_999 + 12_345) % (4 * 10**9) or 1
            pick = draw.getrandbits(60)
            file.write(f"{ten:010}{ten % 511:03},{names[pick % len(names)]},{firsts[pick // 128 % len(firsts)]},"
                       f"{pick // 16384 % 10**7:07},{pick % 90_000},{departments[pick % len(departments)]},H{household},\n")


def rss_anon_kb(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", text)
    return int(found[1]) if found else 0


def main(lines, place):
    office = Office(place).make()
    register = pathlib.Path(place) / "register.csv"
    write_register(register, lines)
    begun, most = time.monotonic(), 0
    process = subprocess.Popen([office.program, "import", "taxpayers", office.directory, register], stdout=subprocess.PIPE,
                               text=True)
    while process.poll() is None:
        most = max(most, rss_anon_kb(process.pid))
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    print(process.stdout.read().strip())
    disk = sum(path.stat().st_size for path in office.directory.rglob("*") if path.is_file())
    print(f"{lines} lines, {seconds:.1f} s, {lines / seconds:.0f} lines/s, RssAnon at most {most / 1024:.1f} MiB, "
          f"{disk / 2**20:.0f} MiB on disk, exit {process.returncode}")
    begun = time.monotonic()
    office.start()
    print(f"server started in {time.monotonic() - begun:.2f} s")
    return office.stop()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    if len(sys.argv) > 2:
        sys.exit(main(count, sys.argv[2]))
    with tempfile.TemporaryDirectory() as directory:
        sys.exit(main(count, directory))
