# SPDX-License-Identifier: Apache-2.0
"""The register imported while memory is short: the import ends and says why, and nobody is in two households or none."""
import os
import random
import re
import subprocess

import generate
from loaded import preloaded
from office import guichetd

PEOPLE = 60
TRIALS = 40
# A line that was read, and the end of a batch: where half of something could be left.
LATE = 3 / 4


def write_register(path, shift):
    """Everybody a household further than with another shift."""
    draw = random.Random(1)
    used = set()
    rows = [{**generate.person_make(draw, used), "reference_income": "30000", "department": "75",
             "household": f"H{(number + shift) % 20}", "family_change": "0"} for number in range(PEOPLE)]
    generate.register_write(path, rows)


def test_nth_allocation_of_an_import(offices, tmp_path):
    office = offices()
    registers = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for shift, register in enumerate(registers):
        write_register(register, shift)
        office.import_taxpayers(register)
    count = tmp_path / "count"
    command = [guichetd(), "import", "taxpayers", office.directory]
    subprocess.run([*command, registers[0]], check=True, capture_output=True,
                   env={**os.environ, **preloaded(""), "FAIL_COUNT": str(count)})
    allocations = int(re.search(r"malloc (\d+)", count.read_text(encoding="ascii"))[1])
    draw = random.Random(5)
    stopped = 0
    for trial in range(TRIALS):
        nth = draw.randrange(int(allocations * LATE), allocations)
        done = subprocess.run([*command, registers[(trial + 1) % 2]], capture_output=True, text=True, check=False,
                              env={**os.environ, **preloaded(f"malloc:{nth}")})
        # A keyed hash that cannot be made ends the process too: it would be a wrong key.
        assert done.returncode in (0, 1) or re.search(r"internal check failed: good .*keyring", done.stderr), done
        stopped += done.returncode != 0
        office.run("audit", office.directory)
        office.import_taxpayers(registers[(trial + 1) % 2])
    print(f"malloc: of {allocations} calls {TRIALS} failed, {stopped} stops")
    assert stopped
