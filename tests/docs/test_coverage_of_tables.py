# SPDX-License-Identifier: Apache-2.0
#
# Every operation was carried out by its handler, every error that can go over the wire refused something, and every one
# that never travels came up, while the unit suites ran: each leaves beside its program what it came to
# (tests/unit/answered.h). That says nothing of what a test makes of it; but what never happened, none tests. Judged when
# the suites that are built have all been run.
import os
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocol"
ERROR = r"^ERROR\((\d+), (\w+),"
# Errors from here on are made on the side that meets them.
LOCAL_MIN = 900
SUITES = ROOT / os.environ.get("GUICHET_BUILD", "build") / "tests"


def record_of(program):
    return program.with_name(program.name + ".answered")


@pytest.fixture(scope="module")
def answered():
    """{(operation, error)}, as the suites left it."""
    programs = [SUITES / path.stem for path in (ROOT / "tests/unit").glob("test_*.c")]
    if not all(program.exists() for program in programs):
        pytest.skip("not all unit suites are built: make unit")
    # Those that keep a record name its file.
    keepers = [program for program in programs if b".answered\0" in program.read_bytes()]
    assert len(keepers) > 5
    for program in keepers:
        record = record_of(program)
        if not record.exists() or record.stat().st_mtime_ns < program.stat().st_mtime_ns:
            pytest.skip(f"{program.name} has not been run since it was built: make unit")
    return {tuple(line.split()) for program in keepers for line in record_of(program).read_text("ascii").splitlines()}


def table(name, pattern):
    return re.findall(pattern, (PROTOCOL / name).read_text("utf-8"), re.M)


def test_every_error_of_the_wire_was_sent(answered):
    errors = {name for number, name in table("errors.def", ERROR) if int(number) < LOCAL_MIN}
    assert len(errors) > 40
    assert errors - {error for _, error in answered} == set(), "nothing was refused with these"


def test_every_error_that_never_travels_came_up(answered):
    errors = {name for number, name in table("errors.def", ERROR) if int(number) >= LOCAL_MIN}
    assert len(errors) >= 14
    assert errors - {error for _, error in answered} == set(), "nothing failed with these"


def test_every_operation_was_carried_out(answered):
    operations = set(table("messages.def", r"^OPERATION\(0x[0-9a-f]+, (\w+),"))
    assert len(operations) >= 17
    assert operations - {operation for operation, error in answered if error == "none"} == set(), "no handler did these"
