# SPDX-License-Identifier: Apache-2.0
"""`guichet` before an office that lies, and before one that writes to terminals: what differs from what was asked for or
is not proven is an error that names it, and no byte of an answer steers the terminal it is shown on."""
import json
import subprocess
import unicodedata

import pytest
from liar import DOCUMENT, FILING, FILINGS, RECEIPT, REVOKE, Liar
from taxpayer import FAILED, OK, REFUSED, Taxpayer, households, program_of

PDF = b"%PDF-1.4 not really\n"


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    made.crowd = households(made.people(20))
    return made.start()


class Evidence:
    """What the office has of a taxpayer's filings, as it goes over the wire."""

    def __init__(self, taxpayer, out):
        self.number, self.id = taxpayer.receipt(out)["number"], taxpayer.receipt(out)["filing_id"]
        receipt, proof = taxpayer.evidence(out)
        self.receipt = {1: receipt, 2: proof}
        told = taxpayer.asked("show", self.number)
        self.filing = {1: told["number"], 2: bytes.fromhex(told["manifest"]), 3: told["signing_time"],
                       4: bytes.fromhex(told["signature"]), 5: bytes.fromhex(told["certificate"]),
                       6: [{1: row["type"], 2: row["media_type"], 3: row["size"], 4: bytes.fromhex(row["digest"])}
                           for row in told["documents"]]}


@pytest.fixture(scope="module")
def two(office, tmp_path_factory):
    """A holder, with two filings of their own, the second rectifying the first; and another holder's filing."""
    holder = Taxpayer(office, office.crowd.pop(), tmp_path_factory.mktemp("holder"))
    other = Taxpayer(office, office.crowd.pop(), tmp_path_factory.mktemp("other"))
    for taxpayer in (holder, other):
        taxpayer.enrol()
        taxpayer.file()
    (holder.place / "letter.pdf").write_bytes(PDF)
    first = Evidence(holder, "receipt.json")
    holder.file("--replaces", first.number, "--attach", "letter.pdf", holder.return_file, out="second.json")
    return holder, Evidence(holder, "second.json"), first, Evidence(other, "receipt.json")


def ask(office, holder, answers, command, *words, code=OK, hello=None):
    """Runs a command of the holder's at a liar; -> the process."""
    with Liar(office, answers, hello) as liar:
        online = "--server", f"127.0.0.1:{liar.port}", "--trust", office.public, "--as", holder.key_file
        done = subprocess.run([str(word) for word in (program_of(office), command, *online, *holder.password_words(), *words)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, cwd=holder.place)
    assert done.returncode == code, done.stderr.decode()
    return done


def refused(office, holder, answers, command, *words, code=FAILED, **options):
    return json.loads(ask(office, holder, answers, command, "--json", *words, code=code, **options).stdout)


def test_what_is_true_is_believed(office, two):
    holder, second, _, _ = two
    answers = {RECEIPT: second.receipt, FILING: second.filing}
    for reference in (second.number, second.number.lower().replace("-", ""), second.id, second.id.upper()):
        ask(office, holder, answers, "receipt", reference)
        ask(office, holder, answers, "show", reference)


def test_another_receipt_than_the_one_asked_for_is_noticed(office, two):
    holder, second, first, other = two
    for lie in (first, other):
        told = refused(office, holder, {RECEIPT: lie.receipt}, "receipt", second.number)
        assert (told["error"], told["place"]) == ("proof_invalid", "receipt, number")
        assert (told["value"], told["expected"]) == (lie.number, second.number)
        told = refused(office, holder, {RECEIPT: lie.receipt}, "receipt", second.id)
        assert (told["place"], told["value"], told["expected"]) == ("receipt, filing id", lie.id, second.id)


def test_a_receipt_that_is_not_in_the_log_is_noticed(office, two):
    holder, second, first, _ = two
    changed = second.receipt[1].replace(b'"in_time":true', b'"in_time":false')
    assert changed != second.receipt[1]
    for lie in ({1: changed, 2: second.receipt[2]}, {1: second.receipt[1], 2: first.receipt[2]}):
        assert refused(office, holder, {RECEIPT: lie}, "receipt", second.number)["error"] == "proof_invalid"


def lies_about(second, first, other):
    """What the office may change in a filing's evidence -> the place that has to be named."""
    rows = second.filing[6]
    return {
        "number": ({1: first.number}, "filing, number"),
        "manifest": ({2: first.filing[2]}, "filing, SHA-256 of the manifest"),
        "signing time": ({3: second.filing[3] + 1}, "filing, signing time"),
        "signature": ({4: first.filing[4]}, "signature"),
        "certificate": ({5: other.filing[5]}, "filing, certificate"),
        "no certificate": ({5: b"\x30\x03abc"}, "filing, certificate"),
        "fewer documents": ({6: rows[:1]}, "filing, documents"),
        "type": ({6: [{**rows[0], 1: "2044"}, rows[1]]}, "filing, document 1"),
        "media type": ({6: [rows[0], {**rows[1], 2: "image/png"}]}, "filing, document 2"),
        "size": ({6: [rows[0], {**rows[1], 3: 1}]}, "filing, document 2"),
        "digest": ({6: [rows[0], {**rows[1], 4: bytes(32)}]}, "filing, document 2"),
    }


@pytest.mark.parametrize("command", ["show", "export-signature"])
def test_every_lie_about_a_filing_is_named(office, two, command):
    holder, second, first, other = two
    for name, (lie, place) in lies_about(second, first, other).items():
        answers = {RECEIPT: second.receipt, FILING: {**second.filing, **lie}}
        code = REFUSED if name == "signature" else FAILED  # signature_invalid is an error of the wire's
        told = refused(office, holder, answers, command, second.number, "--out", "lie.p7s", code=code)
        assert told["place"] == place, name
        assert not (holder.place / "lie.p7s").exists()
    whole = {RECEIPT: first.receipt, FILING: first.filing}
    assert refused(office, holder, whole, command, second.number, "--out", "lie.p7s")["place"] == "receipt, number"


def test_another_document_than_the_one_signed_is_noticed(office, two):
    holder, second, _, _ = two
    answers = {RECEIPT: second.receipt, FILING: second.filing, DOCUMENT: {1: b"{}", 2: 2}}
    told = refused(office, holder, answers, "show", second.number, "--out", "lie", code=REFUSED)
    assert told["error"] == "document_corrupt"


# ---- limits and lists ----

def test_limits_that_nobody_can_keep_to_are_named(office, two):
    holder, second, _, _ = two
    for field, name in ((4, "frame_body_max"), (5, "streams_max"), (6, "documents_max"), (8, "return_size_max"),
                        (10, "part_size_max")):
        told = refused(office, holder, {}, "receipt", second.number, hello={field: 0})
        assert (told["error"], told["place"], told["value"]) == ("answer_malformed", f"hello_answer.{name}", "0")
        assert told["expected"].startswith("at least ")


def test_a_list_without_end_has_one(office, two):
    holder, *_ = two
    told = refused(office, holder, {FILINGS: {1: [], 2: b"again"}}, "filings")
    assert told["place"] == "filings_answer.cursor"


def test_a_time_that_no_calendar_has_is_named(office, two):
    holder, *_ = two
    row = {1: "0000-0000-0000-0000", 2: bytes(32), 3: "ir-2025"}
    latest = 253402300799  # the last second of the year 9999
    assert "9999-12-31" in ask(office, holder, {FILINGS: {1: [{**row, 4: latest}]}}, "filings").stdout.decode()
    for time in (latest + 1, 2**64 - 1):
        told = refused(office, holder, {FILINGS: {1: [{**row, 4: time}]}}, "filings")
        assert (told["error"], told["place"]) == ("answer_malformed", "filings_answer.filings[0].received_at"), told
        assert (told["value"], told["expected"]) == (str(time), f"a number from 0 to {latest}")


# ---- older offices ----

def test_an_office_that_does_not_tell_every_limit_is_used(office, two):
    holder, second, *_ = two
    later = {key: None for key in range(12, 18)}
    answers = {RECEIPT: second.receipt, FILING: second.filing, FILINGS: {1: []}}
    for command, *words in (("receipt", second.number), ("show", second.number), ("filings",)):
        ask(office, holder, answers, command, *words, hello=later)
    # What it told from the beginning it has to tell.
    told = refused(office, holder, answers, "filings", hello={11: None})
    assert (told["error"], told["place"]) == ("answer_malformed", "hello_answer.upload_quota")


def test_an_office_that_says_less_of_a_revocation_is_understood(office, two):
    holder, *_ = two
    since = {1: 1_800_000_000}
    told = json.loads(ask(office, holder, {REVOKE: since}, "revoke", "--json").stdout)
    assert set(told) == {"serial", "revoked_at"} and told["revoked_at"] == 1_800_000_000
    assert ask(office, holder, {REVOKE: since}, "revoke").stdout.endswith(b" is revoked since 2027-01-15T09:00:00+01:00.\n")
    told = json.loads(ask(office, holder, {REVOKE: {**since, 2: 4, 3: True}}, "revoke", "--json").stdout)
    assert (told["reason"], told["was_revoked"]) == ("superseded", True)


# ---- terminals ----

# Clears the screen (C0, C1), erases (DEL), turns the direction of writing.
HOSTILE = "a\x1b[2Jb\x07c\x7fd\x9b2Je\u202ef\u2066g\u2069h\ri\nj"
SHOWN = r"a\u001b[2Jb\u0007c\u007fd\u009b2Je\u202ef\u2066g\u2069h\u000di\u000aj"


def assert_harmless(data):
    for character in data.decode():
        assert character == "\n" or unicodedata.category(character) != "Cc", repr(character)
        assert not "\u202a" <= character <= "\u202e" and not "\u2066" <= character <= "\u2069", repr(character)


def test_no_answer_steers_the_terminal(office, two):
    holder, second, _, _ = two
    row = {1: HOSTILE, 2: bytes(32), 3: HOSTILE, 4: 1_800_000_000, 5: HOSTILE, 6: HOSTILE}
    refusal = {1: HOSTILE, 2: HOSTILE, 3: HOSTILE, 4: HOSTILE, 5: HOSTILE}
    superseded = {**second.receipt, 3: HOSTILE}
    for answers, command, words, code in (
            ({FILINGS: {1: [row]}}, "filings", (), OK),
            ({RECEIPT: (120, refusal)}, "receipt", (second.number,), REFUSED),
            ({RECEIPT: superseded}, "receipt", (second.number,), OK),
            ({RECEIPT: second.receipt, FILING: {**second.filing, 7: HOSTILE}}, "show", (second.number,), OK),
            ({RECEIPT: second.receipt, FILING: {**second.filing, 1: HOSTILE}}, "show", (second.number,), FAILED)):
        done = ask(office, holder, answers, command, *words, code=code)
        assert_harmless(done.stdout + done.stderr)
        assert SHOWN.replace(r"\u000a", "\n") in done.stdout.decode() or SHOWN in done.stderr.decode()
        done = ask(office, holder, answers, command, "--json", *words, code=code)
        assert_harmless(done.stdout + done.stderr)
        assert json.dumps(HOSTILE)[1:-1] in json.dumps(json.loads(done.stdout))
