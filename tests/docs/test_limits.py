# SPDX-License-Identifier: Apache-2.0
"""The limits that PROTOCOL.md tells in prose are those of protocol/limits.h: each sentence here with its limit's value put
in must stand in the document."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = " ".join((ROOT / "protocol/PROTOCOL.md").read_text().split())

# {0} is the limit in bytes, with commas; {1} in KiB; {2} in MiB.
SENTENCES = [
    ("LIMIT_RETURN_SIZE", "1 to {0} for a return document"),
    ("LIMIT_RETURN_SIZE", "more than {1} KiB; more than 2,112 values"),
    ("LIMIT_RETURN_SIZE", "return_size_max {3}"),
    ("LIMIT_RETURNS_TOTAL", "return documents have {1} KiB at most together"),
    ("LIMIT_ATTACHMENT_SIZE", "1 to {0} for an"),
    ("LIMIT_ATTACHMENT_SIZE", "attachment_size_max {3}"),
    ("LIMIT_RETURNS_TOTAL", "a filing whose documents come in {1} KiB is never refused for that"),
    ("LIMIT_RETURNS_TOTAL", "returns_total_max {3}"),
    ("LIMIT_PART_MIN", "part_size_min {3}"),
    ("LIMIT_MANIFEST_SIZE", "manifest_size_max {3}"),
    ("LIMIT_FILINGS_HOUR", "may file {0} times in an hour"),
    ("LIMIT_FILINGS_DAY", "and {0} times in a day"),
    ("LIMIT_FILING_SHARES", "and a household {0} times as often"),
    ("LIMIT_FILING_SHARES", "from a household {0} times as many"),
    ("LIMIT_FILINGS_HOUR", "filings_hour_max {3}"),
    ("LIMIT_FILINGS_DAY", "filings_day_max {3}"),
    ("LIMIT_PART_SIZE", "part_size_max {3}"),
    ("LIMIT_PART_SIZE", "serves the files that the office publishes, from an offset, at most {1} KiB at a time"),
    ("LIMIT_PART_MIN", "{1} KiB. Attachments may be sent in any order"),
    ("LIMIT_DOCUMENTS", "At most {0} documents"),
    ("LIMIT_ATTACHMENTS", "at most {0} of them attachments"),
    ("LIMIT_MANIFEST_SIZE", "at most {0} bytes in all"),
    ("LIMIT_PROOF_SIZE", "The whole has at most {0} bytes"),
    ("LIMIT_CONTRACT_TEXT", "Its paragraphs have at most {1} KiB together"),
    ("LIMIT_JSON_FILE", "up to {2} MiB"),
    ("LIMIT_JSON_DEPTH", "nesting deeper than {0}"),
]


def limits():
    """Every limit that is a product of numbers."""
    found = {}
    for name, value in re.findall(r"^#define (\w+) (.+)$", (ROOT / "protocol/limits.h").read_text(), re.M):
        if re.fullmatch(r"[\d ()*]+", value):
            found[name] = eval(value)  # digits, brackets and stars only
    return found


@pytest.mark.parametrize("name, sentence", SENTENCES)
def test_what_is_told_is_what_holds(name, sentence):
    value = limits()[name]
    assert sentence.format(f"{value:,}", value // 1024, value // 1024**2, value) in TEXT


def test_when_time_ends():
    [latest] = re.findall(r"^#define TIME_MAX \(\(uint64_t\)(\d+)\)$", (ROOT / "protocol/time.h").read_text(), re.M)
    assert f"at most {latest}, the last second of the year 9999" in TEXT


def test_when_connections_are_evicted():
    header = (ROOT / "server/evict.h").read_text()
    numbers = {name: int(value) for name, value in re.findall(r"^#define (EVICT_\w+) (\d+)$", header, re.M)}
    assert f"more than a {numbers['EVICT_PART']}th of all" in TEXT
    kib, = re.findall(r"^#define EVICT_PROGRESS \(\(size_t\)(\d+) \* 1024\)$", header, re.M)
    assert f"quiet for {numbers['EVICT_QUIET_MS'] // 1000} s: idle" in TEXT
    assert f"less than {kib} KiB sent and taken in that time" in TEXT


def test_when_attempts_have_to_wait():
    header = (ROOT / "server/services/attempts.h").read_text()
    numbers = {name: int(value) for name, value in re.findall(r"^#define ATTEMPTS_(\w+) (\d+)U$", header, re.M)}
    assert f"begins at {numbers['WAIT_FIRST_S']} seconds and doubles up to an hour" in TEXT
    assert (numbers["WAIT_MAX_S"], numbers["WAIT_SHARED_MAX_S"], numbers["FORGET_S"]) == (3600, 60, 86400)
    assert f"after {numbers['FREE_PAIR']} failures of one address against one person" in TEXT
    assert f"after {numbers['FREE_PERSON']} against one person from anywhere" in TEXT
    assert f"after {numbers['FREE_ADDRESS']} of one address, and after {numbers['FREE_NETWORK']:,} of one network" in TEXT
    assert numbers["PACE_MAX_S"] == 10 and "nobody from there, growing to ten" in TEXT
