# SPDX-License-Identifier: Apache-2.0
#
# Every error that can go over the wire and every operation is named in some test: in C as ERROR_x or OPERATION_x, in Python as
# a word in quotes. Nothing shows that such a test is a good one; but what none names, none tests.
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocol"

# What no test names yet. May only become shorter.
ERRORS_TO_COME: set[str] = set()
OPERATIONS_TO_COME: set[str] = set()


def sources(*suffixes):
    return [path for path in (ROOT / "tests").rglob("*") if path.suffix in suffixes and path != pathlib.Path(__file__)]


def words(prefix):
    """All names that tests use, in C with that prefix."""
    found = set()
    for path in sources(".c", ".h"):
        found.update(re.findall(rf"\b{prefix}_(\w+)", path.read_text("utf-8")))
    for path in sources(".py", ".sh"):
        found.update(re.findall(r"""["'](\w+)["']""", path.read_text("utf-8")))
    return found


def table(name, pattern):
    return re.findall(pattern, (PROTOCOL / name).read_text("utf-8"), re.M)


def check(names, used, to_come):
    missing = set(names) - used
    assert missing - to_come == set(), "no test names these"
    assert to_come - missing == set(), "these have a test now: take them off the list"


def test_every_error_of_the_wire_is_tested():
    errors = [name for number, name in table("errors.def", r"^ERROR\((\d+), (\w+),") if int(number) < 900]
    assert len(errors) > 40
    check(errors, words("ERROR"), ERRORS_TO_COME)


def test_every_operation_is_tested():
    operations = table("messages.def", r"^OPERATION\(0x[0-9a-f]+, (\w+),")
    assert len(operations) >= 17
    check(operations, words("OPERATION"), OPERATIONS_TO_COME)
