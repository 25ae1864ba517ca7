# SPDX-License-Identifier: Apache-2.0
"""A refusal names a field of a request, a line of the manifest or a document by its form; `guichet` tells which word of
the command line that is, to people instead of it and to programs beside it."""
import hashlib
import json
import pathlib
import re
import subprocess

import pytest
import stranger
from liar import Liar
from taxpayer import REFUSED, USAGE, Taxpayer, households, program_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELD_INVALID, BIG = 7, 2 << 20
TYPED = (ROOT / "client/cli/typed.def").read_text("utf-8")
MESSAGES = (ROOT / "protocol/messages.def").read_text("utf-8")
OPERATIONS = {name: (int(number, 16), request) for number, name, request in
              re.findall(r"^OPERATION\((0x[0-9a-f]+), (\w+), (\w+),", MESSAGES, re.M)}
SENDS = re.findall(r'^SENDS\("([a-z-]+)", (\w+)\)', TYPED, re.M)
# What people are told, of words that are made in typed.def with the option's own name.
WORDS = {(record, field): word for record, field, word in re.findall(r"^FIELD\((\w+), (\w+), (.*)\)$", TYPED, re.M)}


def fields_of(record):
    body = re.search(rf"^RECORD\({record},.*?^END\({record}\)", MESSAGES, re.M | re.S)[0]
    return ["deadline_ms", *re.findall(r"^\t(?:UINT|BOOL|BYTES|TEXT|LIST)\s*\(\d+, (\w+),", body, re.M)]


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    made.crowd = households(made.people(20))
    return made.start()


@pytest.fixture(scope="module")
def holder(office, tmp_path_factory):
    """Somebody with a receipt, a checkpoint from before it, and papers that fit no frame."""
    made = Taxpayer(office, office.crowd.pop(), tmp_path_factory.mktemp("holder"))
    made.enrol()
    made.run("checkpoint", *made.office_words(), "--out", made.place / "old")
    made.file()
    (made.place / "big.pdf").write_bytes(bytes(BIG))
    (made.place / "small.pdf").write_bytes(b"small")
    return made


def commands(holder, at):
    """How each is run at that address, so that it comes to asking."""
    office = "--server", at, "--trust", holder.office.public
    me = *office, "--as", holder.key_file, *holder.password_words()
    number = holder.receipt()["number"]
    return {
        "enrol": ["enrol", *office, *holder.enrol_words(out=holder.place / "new.p12")[5:]],
        "file": ["file", *me, "--out", "new.json", holder.return_file, "--attach", "big.pdf", "--attach", "small.pdf"],
        "filings": ["filings", *me], "receipt": ["receipt", *me, number], "show": ["show", *me, number, "--out", "shown"],
        "verify": ["verify", *office, "--checkpoint", "old", "receipt.json"],
        "export-signature": ["export-signature", *me, number, "--out", "new.p7s"],
        "revoke": ["revoke", *me], "checkpoint": ["checkpoint", *office],
    }


def refusal(place, number=FIELD_INVALID):
    return number, {1: "no", 2: "non", 3: place, 4: "what was found", 5: "something else"}


def opened(request):
    """What an upload is answered with."""
    return {1: hashlib.sha256(request[1]).digest(), 2: [], 3: bytes(16)}


def whole(holder):
    """What the office has of the receipt, for what is asked for before a document."""
    receipt, proof = holder.evidence()
    told = holder.asked("show", holder.receipt()["number"])
    rows = [{1: row["type"], 2: row["media_type"], 3: row["size"], 4: bytes.fromhex(row["digest"])} for row in told["documents"]]
    return {OPERATIONS["receipt"][0]: {1: receipt, 2: proof},
            OPERATIONS["filing"][0]: {1: told["number"], 2: bytes.fromhex(told["manifest"]), 3: told["signing_time"],
                                      4: bytes.fromhex(told["signature"]), 5: bytes.fromhex(told["certificate"]), 6: rows}}


def told(holder, command, answers, *words):
    """-> what people and what programs are told."""
    with Liar(holder.office, answers) as liar:
        line = [str(word) for word in (program_of(holder.office), *commands(holder, f"127.0.0.1:{liar.port}")[command], *words)]
        done = [subprocess.run(line + more, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                               cwd=holder.place) for more in ([], ["--json"])]
    assert [one.returncode for one in done] == [REFUSED] * 2, done[0].stderr
    return done[0].stderr, json.loads(done[1].stdout)


def expected_word(command, record, field):
    word = WORDS.get((record, field)) or WORDS["nothing", field]
    if word == "EITHER(SERIAL, AS)":
        return "--as"
    kind, text = re.fullmatch(r'(\w+)(?:\((.*)\))?', word).groups()
    if kind == "OPTION":
        return "--" + text.lower().replace("_", "-")
    return None if kind in ("MADE", "DOCUMENT") else text.strip('"')


@pytest.fixture(scope="module")
def evidence(holder):
    return whole(holder)


@pytest.mark.parametrize("command,operation", SENDS, ids=[" ".join(one) for one in SENDS])
def test_every_field_is_told_by_its_word(holder, evidence, command, operation):
    number, record = OPERATIONS[operation]
    before = {**evidence, OPERATIONS["upload"][0]: opened, OPERATIONS["part"][0]: lambda part: {1: part[5] + len(part[7])}}
    for field in fields_of(record):
        place = f"{record}.{field}"
        plain, program = told(holder, command, {**before, number: refusal(place)})
        assert program["place"] == place and program["value"] == "what was found"
        where = re.search(r"^  where: +(.*)$", plain, re.M)[1]
        assert "_" not in where and where != field, plain
        word = expected_word(command, record, field)
        assert program.get("option") == word and word in (None, where), plain


def test_an_argument_is_named_as_in_the_usage(holder):
    for text in re.findall(r'ARGUMENT\("([^"]+)"\)', TYPED):
        usages = [holder.run(command, "--help").stdout.splitlines()[0] for command in ("receipt", "show", "verify")]
        assert any(text in usage for usage in usages)


@pytest.mark.parametrize("place,word,words", [
    ("line 2", "--trust", ()), ("line 3", "--trust", ()), ("line 4", "--as", ()), ("line 5", "--replaces", ()),
    ("line 6", "--offline", ()), ("line 7", "{return}", ()), ("line 9", "small.pdf", ()), ("line 10", None, ()),
    ("2042", "{return}", ()), ("attachment/document", "big.pdf", ()), ("attachment/document#2", "small.pdf", ()),
    ("2042#2", None, ()), ("file_request.documents[0].content", "{return}", ()), ("serial", "--as", ()),
    ("documents", None, ())])
def test_lines_and_documents_of_a_filing(holder, place, word, words):
    word = word and word.format(**{"return": holder.return_file})
    plain, program = told(holder, "file", {OPERATIONS["upload"][0]: refusal(place)}, *words)
    assert (program["place"], program.get("option")) == (place, word)
    assert re.search(rf"^  where: +{re.escape(word or place.replace('documents', 'the documents of the filing'))}$", plain, re.M)


def test_every_reason_and_every_finding_names_what_was_typed(holder):
    reasons = [{1: 87, 2: "line 5", 5: "no", 6: "non"}, {1: 90, 2: "attachment/document#2", 5: "no", 6: "non"}]
    findings = [{1: 1, 2: 43, 3: "2042", 4: "0AC", 7: "no", 8: "non"}]
    refused = 87, {1: "no", 2: "non", 3: "line 5", 7: findings, 8: reasons}
    plain, program = told(holder, "file", {OPERATIONS["upload"][0]: refused})
    assert [row.get("option") for row in program["reasons"]] == ["--replaces", "small.pdf"]
    assert [row["place"] for row in program["reasons"]] == ["line 5", "attachment/document#2"]
    assert [(row["document"], row["option"]) for row in program["findings"]] == [("2042", str(holder.return_file))]
    assert re.findall(r"where: +(.*)$", plain, re.M) == ["--replaces", "small.pdf"]
    assert re.findall(r"document: +(.*)$", plain, re.M) == [str(holder.return_file)]


def test_what_is_asked_again_later_is_named_alike(holder):
    """A line of its own for what is tried again: the first answer is busy with a place."""
    answers = iter([(40, {1: "no", 2: "non", 3: "revoke_request.serial", 6: 1}), refusal("revoke_request.serial")])
    with Liar(holder.office, {OPERATIONS["revoke"][0]: lambda _: next(answers)}) as liar:
        words = commands(holder, f"127.0.0.1:{liar.port}")["revoke"]
        said = holder.run(*words, "--serial", "0" * 32, code=REFUSED).stderr
    assert "(--serial); trying again" in said and re.search(r"where: +--serial$", said, re.M)


def test_what_is_asked_again_later_may_have_no_place(holder):
    answers = iter([(43, {1: "nothing was accepted", 2: "non", 6: 1}), refusal("revoke_request.serial")])
    with Liar(holder.office, {OPERATIONS["revoke"][0]: lambda _: next(answers)}) as liar:
        said = holder.run(*commands(holder, f"127.0.0.1:{liar.port}")["revoke"], "--serial", "0" * 32, code=REFUSED).stderr
    assert re.search(r"^guichet: nothing was accepted; trying again in [0-9.]+ s$", said, re.M)


# ---- by a real office ----

def test_a_real_office(office, holder, tmp_path):
    someone = Taxpayer(office, office.crowd.pop(), tmp_path / "someone", email="nobody")
    told_json = someone.enrol(code=REFUSED)
    assert (told_json["place"], told_json["option"]) == ("enrol_request.email", "--email")
    assert re.search(r"where: +--email$", someone.run(*someone.enrol_words(), code=REFUSED).stderr, re.M)
    again = holder.online("file", holder.return_file, "--attach", "small.pdf", "--out", "again.json", code=REFUSED).stderr
    assert re.search(r"where: +--replaces$", again, re.M) and holder.receipt()["number"] in again
    assert holder.asked("file", holder.return_file, "--attach", "small.pdf", "--out", "again.json",
                        code=REFUSED)["option"] == "--replaces"
    serial = "0123456789abcdef" * 2
    refused = holder.asked("revoke", "--serial", serial, code=REFUSED)
    assert (refused["place"], refused["option"], refused["value"]) == ("revoke_request.serial", "--serial", serial)
    refused = holder.asked("receipt", "0" * 64, code=REFUSED)
    assert (refused["place"], refused["option"]) == ("reference", "NUMBER-or-ID")
    # What only the library finds is named by the option in either.
    assert someone.enrol(code=USAGE, **{"birth-name": "x" * 200})["place"] == "--birth-name"


def test_hello_is_what_every_command_sends_first(holder):
    assert {command for command, operation in SENDS if operation == "hello"} == \
        {command for command, operation in SENDS} - {"convert"}
    assert stranger.HELLO == OPERATIONS["hello"][0]
