# SPDX-License-Identifier: Apache-2.0
"""`guichet` as people and programs use it: words, exit codes, files, what is said where."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
import stranger
from office import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUICHET = ROOT / os.environ.get("GUICHET_BUILD", "build") / "bin/guichet"
COMMANDS = ["enrol", "file", "filings", "receipt", "show", "verify", "convert", "export-signature", "revoke", "checkpoint"]
OK, FAILED, USAGE, REFUSED, UNREACHABLE = range(5)
PASSWORD = "mot de passe é"
PDF = b"%PDF-1.4 not really\n"
IRJ = b"#NOM\nONE\n#ENTREES-PRIMITIF\n1AJ/20000\n4BA/1200\n#CONTROLES-PRIMITIF\n#RESULTATS-PRIMITIF\n" + \
    b"#ENTREES-CORRECTIF\n#CONTROLES-CORRECTIF\n#RESULTATS-CORRECTIF\n##\n"


def guichet(*words, code=OK, **options):
    """Runs it, asserts the exit code and that nothing is said on the wrong channel; -> standard output."""
    done = subprocess.run([str(word) for word in (GUICHET, *words)], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=60, **options)
    assert done.returncode == code, f"{words[0]}: exit {done.returncode}, not {code}\n{done.stderr.decode()}{done.stdout.decode()}"
    if code != OK and "--json" not in words:
        return done.stderr.decode()
    return done.stdout.decode()


class Holder:
    """Somebody with a certificate, in a directory of their own."""

    def __init__(self, office, person, place, *options):
        self.office, self.person, self.place = office, person, place
        place.mkdir()
        (place / "password").write_text(PASSWORD + "\nsecond line\n", encoding="utf-8")
        (place / "return.json").write_bytes(person.content)
        self.p12 = place / "me.p12"
        self.enrol(*options)

    @property
    def online(self):
        return "--server", f"127.0.0.1:{self.office.port}", "--trust", self.office.public

    @property
    def me(self):
        return *self.online, "--as", self.p12, "--password-file", self.place / "password"

    def enrol_words(self, **changed):
        facts = {"spi": self.person.spi, "birth-name": self.person.birth_name, "filer-number": self.person.filer_number,
                 "reference-income": self.person.reference_income, "email": "moi@example.fr",
                 "key": "p256", **changed}  # an RSA key takes long to make
        words = [word for name, value in facts.items() for word in (f"--{name}", value)]
        return ["enrol", *self.online, *words, "--accept-contract", "--password-file", self.place / "password",
                "--out", self.p12]

    def enrol(self, *options, code=OK, **changed):
        return guichet(*self.enrol_words(**changed), *options, code=code)

    def file(self, *words, out="receipt.json", code=OK):
        return guichet("file", *self.me, "--out", self.place / out, *words, self.place / "return.json", code=code)

    def receipt(self, name="receipt.json"):
        return json.loads((self.place / name).read_bytes())


@pytest.fixture(scope="module")
def office(offices):
    return offices()


@pytest.fixture(scope="module")
def holders(office, tmp_path_factory):
    """A function that makes another holder each time, of a household of one."""
    people = office.people(90)
    office.start()
    alone = [person for person in people if [p.household for p in people].count(person.household) == 1]
    place = tmp_path_factory.mktemp("holders")

    def make(*options):
        person = alone.pop()
        return Holder(office, person, place / person.spi, *options)

    return make


# ---- without an office ----

@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_options_and_exit_codes(command):
    text = guichet(command, "--help")
    assert text.startswith(f"usage: guichet {command} ") and "--json" in text and "Exit codes: 0 done; 1 failed" in text
    # People read it at a terminal; the usage line itself may be longer.
    assert all(len(line) <= 110 for line in text.splitlines()[1:])


def test_version_is_the_librarys():
    header = (ROOT / "client/include/guichet/guichet.h").read_text()
    version = re.search(r'GUICHET_VERSION "(.*)"', header)[1]
    assert guichet("--version") == f"guichet {version}\n" and f"({version})" in guichet("--help")


def test_the_readme_shows_every_command():
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("## The commands")[1].split("```")[1]
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", shown)] == []


def test_every_command_that_calls_takes_the_same_words(office, holders):
    holder = holders()
    holder.file()
    for words in (["checkpoint"], ["verify", holder.place / "receipt.json"]):
        guichet(*words, *holder.me)
        assert re.search(r"\nOf no use here.*:\n\n  --as .*\n  --password-file .*\n\n", guichet(words[0], "--help"))
    assert "does not exist yet" in guichet(*holder.enrol_words(), "--as", holder.p12, code=USAGE)


def test_commands_are_listed():
    text = guichet("--help")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == COMMANDS
    assert re.search(r"where: +command\n +value: +fil\n", guichet("fil", code=USAGE))
    assert json.loads(guichet("fil", "--json", code=USAGE))["value"] == "fil"


@pytest.mark.parametrize("words,place", [
    (["file"], "--trust"),
    (["file", "--trust", "x"], "RETURN.json [ANNEX.json]..."),
    (["file", "--trust", "x", "r.json"], "--server"),
    (["verify", "--trust", "x", "--nonsense", "r.json"], "--nonsense"),
    (["verify", "--trust", "x", "--check", "r.json"], "--check"),
    (["verify", "r.json", "--trust"], "--trust"),
    (["verify", "--trust", "x", "--trust", "y", "r.json"], "--trust"),
    (["verify", "--trust", "x", "--json=yes", "r.json"], "--json=yes"),
    (["verify", "--trust", "x", ""], "arguments"),
    (["verify", "--trust", "", "r.json"], "--trust"),
    (["verify", "--trust=", "r.json"], "--trust="),
    (["verify", "-t", "x", "r.json"], "-t"),
    (["checkpoint", "--server", "h:1", "--trust", "x", "more"], "arguments"),
    (["convert", "csv", "x", "--out", "y"], "format"),
    (["convert", "irj", "x", "--out", "y", "--income-year", "19"], "--income-year"),
    (["revoke", "--server", "h:1", "--trust", "x", "--as", "y", "--reason", "whim"], "--reason"),
    (["revoke", "--server", "h:1", "--trust", "x", "--as", "y", "--serial", "12"], "--serial"),
    (["receipt", "--server", "h:1", "--trust", "x", "--as", "y", "1000"], "NUMBER-or-ID"),
    (["show", "--server", "h:1", "--trust", "x", "--as", "y", "0" * 63], "NUMBER-or-ID"),
    (["export-signature", "--server", "h:1", "--trust", "x", "--as", "y", "--out", "z", "1000-0000-0000-000Z"], "NUMBER-or-ID"),
])
def test_usage_errors_name_the_word(words, place):
    assert re.search(rf"where: +{re.escape(place)}\n", guichet(*words, code=USAGE))
    if "--json" not in " ".join(words):
        assert json.loads(guichet(*words, "--json", code=USAGE))["error"] == "usage"


@pytest.mark.parametrize("typed,why", [
    ("1000-0000-0000-000Z", "one is mistyped"), ("0100 0000 0000 000y", "one is mistyped"),
    ("1000-0000-0000-000", "four groups of four"), ("1000-0000-0000-000U", "64 hexadecimal digits"),
])
def test_a_mistyped_number_is_told_before_anything_is_asked(typed, why):
    """Neither the trust nor the key file is there, and nobody answers at that address."""
    for command in ("receipt", "show"):
        told = json.loads(guichet(command, "--server", "127.0.0.1:1", "--trust", "x", "--as", "y", typed, "--json", code=USAGE))
        assert told["value"] == typed and why in told["expected"]
    told = json.loads(guichet("file", "--server", "127.0.0.1:1", "--trust", "x", "--as", "y", "--replaces", typed, "r.json",
                              "--json", code=USAGE))
    assert (told["place"], told["value"]) == ("--replaces", typed) and why.replace("64 hexadecimal digits", "") in told["expected"]


def test_missing_file_is_a_failure_that_names_it(tmp_path):
    told = json.loads(guichet("verify", "--trust", tmp_path, "r.json", "--json", code=FAILED))
    assert told["number"] == 904 and told["place"] == f"{tmp_path}/log.vkey" and told["value"] == "No such file or directory"
    assert "DIR/public" in told["expected"]


# ---- with one ----

def test_checking_needs_no_certificate(office, holders, tmp_path):
    holder = holders()
    check = ["file", "--check", "--trust", office.public]
    assert "No rule refuses" in guichet(*check, holder.place / "return.json")
    document = json.loads(holder.person.content)
    document["boxes"]["ZZZ9"] = 1
    (tmp_path / "bad.json").write_text(json.dumps(document))
    told = json.loads(guichet(*check, "--json", tmp_path / "bad.json", code=REFUSED))
    assert told["error"] == "document_refused"
    # Errors come first; what the rules advise of somebody's return comes behind.
    assert [f["place"] for f in told["findings"] if f["severity"] == 1] == [told["findings"][0]["place"]] == ["ZZZ9"]
    assert "ZZZ9" in guichet(*check, tmp_path / "bad.json", code=REFUSED)


def test_advices_of_a_check_are_told_to_programs_too(office, holders, tmp_path):
    holder = holders()
    document = json.loads(holder.person.content)
    document["boxes"] = {"1AJ": 20000, "4BA": 1200}  # property income: annex 2044 is due
    document.pop("donations", None)
    (tmp_path / "r.json").write_text(json.dumps(document))
    check = ["file", "--check", "--trust", office.public, tmp_path / "r.json"]
    told = json.loads(guichet(*check, "--json"))
    assert told["errors"] == 0 and [(advice["rule"], advice["place"]) for advice in told["advices"]] == [(80, "4BA")]
    (tmp_path / "r.json").write_text(json.dumps({**document, "boxes": {"1AJ": 20000}}))
    assert json.loads(guichet(*check, "--json")) == {"errors": 0, "advices": []}


@pytest.mark.parametrize("name,content,place,value,expected", [
    ("campaign.json", b'{"type":\n', ", line 2, column 1 (byte 9)", "the end of the text", "a JSON value"),
    ("catalogue.json", b"[]", ", type", None, "guichet-catalogue"),
    ("log.vkey", b"not a key\n", ", verifier key", "not a key", "name+key id+base64"),
    ("ca.pem", b"-----BEGIN\n", "", "no certificate", "certificates in PEM"),
    ("tls.pem", b"", "", "no certificate", "certificates in PEM"),
])
def test_faulty_file_of_the_office_is_named(office, tmp_path, name, content, place, value, expected):
    office.copy_public(tmp_path / "public")
    (tmp_path / "public" / name).write_bytes(content)
    told = json.loads(guichet("verify", "--trust", tmp_path / "public", "x", "--json", code=FAILED))
    assert told["place"] == f"{tmp_path}/public/{name}{place}"
    assert told.get("value") == value and (expected is None or expected in told["expected"])


# A document that is none: bytes, rule, place, value, expected.
NO_RETURNS = {
    "text": (b"Bonjour", 1, "line 1, column 1 (byte 0)", "Bonjour", "a JSON value"),
    "cut short": (b'{"form":"2042",\n "boxes":{', 1, "line 2, column 11 (byte 26)", "the end of the text",
                  "the name of a member, or }"),
    "empty": (b"", 1, "line 1, column 1 (byte 0)", "the end of the text", "a JSON value"),
    "mark": (b"\xef\xbb\xbf{}", 1, "line 1, column 1 (byte 0)", "a byte order mark", "a JSON value"),
    "latin": ('{"form":"2042","é'.encode("latin-1"), 1, "line 1, column 17 (byte 16)", "byte 0xe9", "UTF-8"),
    "twice": (b'{"form":"2042","boxes":{"1AJ":1,"1AJ":2}}', 2, "boxes.1AJ",
              "line 1, column 25 (byte 24) and line 1, column 33 (byte 32)", "each member of an object once"),
    "list": (b"[1]", 5, None, "[...]", "an object"),
    "no form": (b'{"income_year":2025}', 4, "form", None, 'a form\'s code, "2042"'),
}


@pytest.mark.parametrize("fault", NO_RETURNS)
def test_what_is_no_return_is_said_by_file_rule_and_place(office, tmp_path, fault):
    content, *told = NO_RETURNS[fault]
    (tmp_path / "no return.json").write_bytes(content)
    check = ["file", "--check", "--trust", office.public, "no return.json"]
    found = json.loads(guichet(*check, "--json", code=REFUSED, cwd=tmp_path))
    assert found["error"] == "document_refused" and found["number"] == 91
    first = found["findings"][0]
    assert first["document"] == "no return.json"
    assert [first.get(name) for name in ("rule", "place", "value", "expected")] == told
    text = guichet(*check, code=REFUSED, cwd=tmp_path)
    assert re.search(rf"error, rule {told[0]} \([a-z_]+\)\n    document: no return.json\n", text)
    for name, word in zip(("place", "value", "expected"), told[1:]):
        assert word is None or re.search(rf"    {name}: +{re.escape(word)}\n", text)


def test_faults_of_all_documents_are_told(office, holders, tmp_path):
    holder = holders()
    (tmp_path / "one.json").write_bytes(b"{")
    (tmp_path / "other.json").write_bytes(b"}")
    document = json.loads(holder.person.content)
    document["boxes"]["ZZZ9"] = 1
    (tmp_path / "bad.json").write_text(json.dumps(document))
    words = ["file", *holder.me, "--json", "one.json", "bad.json", "other.json", "--out", holder.place / "receipt.json"]
    told = json.loads(guichet(*words, code=REFUSED, cwd=tmp_path))
    found = [(f["document"], f["rule"]) for f in told["findings"] if f["severity"] == 1]
    assert found == [("one.json", 1), ("2042", 40), ("other.json", 1)]
    assert not (holder.place / "receipt.filing").exists()
    # A name in another encoding than JSON's is shown as far as it can be.
    name = tmp_path / os.fsdecode(b"d\xe9claration.json")
    name.write_bytes(b"{")
    check = ["file", "--check", "--trust", office.public, "--json", name]
    assert json.loads(guichet(*check, code=REFUSED))["findings"][0]["document"] == f"{tmp_path}/d?claration.json"


@pytest.mark.parametrize("size", [128 * 1024 + 1, 30 << 20])
def test_return_that_is_too_long_is_refused_by_the_rule(office, holders, tmp_path, size):
    holder = holders()
    name = os.fsdecode(b"d\xe9claration.json")
    (tmp_path / name).write_bytes(b" " * (size - len(holder.person.content)) + holder.person.content)
    for words in (["--check", "--trust", office.public], [*holder.me, "--out", holder.place / "receipt.json"]):
        told = json.loads(guichet("file", *words, "--json", name, code=REFUSED, cwd=tmp_path))
        assert told["error"] == "document_refused"
        assert [(f["severity"], f["rule"], f["document"], f["value"], f["expected"]) for f in told["findings"]] == [
            (1, 1, "d?claration.json", "more than 131072 bytes", "at most 131072 bytes")]
        assert "at most 131072 bytes" in guichet("file", *words, name, code=REFUSED, cwd=tmp_path)
    assert list(holder.place.glob("receipt*")) == []
    # As long as one may be.
    (tmp_path / name).write_bytes(b" " * (128 * 1024 - len(holder.person.content)) + holder.person.content)
    guichet("file", "--check", "--trust", office.public, name, cwd=tmp_path)


@pytest.mark.parametrize("name,value", [("no.json", "No such file or directory"), (".", "Is a directory")])
def test_document_that_cannot_be_read_is_named(office, tmp_path, name, value):
    check = ["file", "--check", "--trust", office.public, name]
    told = json.loads(guichet(*check, "--json", code=FAILED, cwd=tmp_path))
    assert (told["number"], told["place"], told["value"]) == (904, name, value)
    assert re.search(rf"where: +{re.escape(name)}\n +value: +{value}\n", guichet(*check, code=FAILED, cwd=tmp_path))


def test_same_document_twice_is_named(office, holders):
    holder = holders()
    path = holder.place / "return.json"
    told = json.loads(guichet("file", "--check", "--trust", office.public, "--json", path, path, code=USAGE))
    assert (told["place"], told["value"], told["expected"]) == (str(path), "2042", "each document once")


def test_enrolment(office, holders):
    holder = holders("--json")
    assert holder.p12.stat().st_mode & 0o777 == 0o600
    # An existing key file is not overwritten, and nothing was asked of the office for it.
    assert "does not exist yet" in holder.enrol(code=USAGE)
    before = holder.p12.read_bytes()
    holder.p12.unlink()
    assert "identification_refused" in holder.enrol(code=REFUSED, spi="3023217600053")
    assert not holder.p12.exists() and list(holder.place.glob("me.p12*")) == []
    for changed, place in (({"email": "me"}, "--email"), ({"birth-name": "x" * 200}, "--birth-name"),
                           ({"key": "dsa"}, "--key")):
        told = json.loads(holder.enrol("--json", code=USAGE, **changed))
        assert (told["place"], told["value"]) == (place, *changed.values()) and told["expected"]
    holder.p12.write_bytes(before)
    words = ["enrol", *holder.online, "--spi", "1", "--birth-name", "x", "--filer-number", "1", "--reference-income", "1",
             "--email", "a@b", "--out", holder.place / "new.p12", "--password-file", holder.place / "password"]
    text = guichet(*words, code=USAGE)
    assert "--accept-contract" in text and "convention" in text.lower()


def test_wrong_password(holders):
    holder = holders()
    (holder.place / "password").write_text("falsch")
    told = json.loads(guichet("filings", *holder.me, "--json", code=FAILED))
    assert told["error"] == "password_wrong" and told["place"] == str(holder.p12)
    (holder.place / "password").write_text("\n")
    told = json.loads(guichet("filings", *holder.me, "--json", code=USAGE))
    assert (told["place"], told["value"]) == (str(holder.place / "password"), "empty")


def test_a_password_is_the_first_line_of_its_file_and_never_cut(holders):
    holder = holders()
    file = holder.place / "password"
    file.write_text(PASSWORD + "\n" + "n" * 100_000, encoding="utf-8")
    guichet("filings", *holder.me)
    for content, value, code in ((b"x" * 1023 + b"\n", "", FAILED), (b"x" * 1023, "", FAILED),
                                 (b"x" * 1024, "a longer line", USAGE), (b"x" * 1024 + b"\nmore", "a longer line", USAGE),
                                 (PASSWORD.encode() + b"\0x\n", "a NUL", USAGE), (b"\0\n", "a NUL", USAGE)):
        file.write_bytes(content)
        told = json.loads(guichet("filings", *holder.me, "--json", code=code))
        assert (told["error"], told.get("value", "")) == ("usage" if code == USAGE else "password_wrong", value), content
        assert told["place"] == str(file if code == USAGE else holder.p12)


def test_no_terminal_and_no_password_file_is_usage(holders):
    holder = holders()
    text = guichet("filings", *holder.online, "--as", holder.p12, code=USAGE, start_new_session=True)
    assert "--password-file" in text


def terminal_run(*words):
    """Runs it at a terminal of its own; -> process id, the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        # A run in the background may have been told to ignore it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(GUICHET, [str(word) for word in (GUICHET, *words)])
    return child, terminal


def terminal_read(terminal, until=None):
    """What is shown up to a text, or to the end; fails when nothing comes for a minute."""
    seen = b""
    while until is None or until not in seen:
        assert select.select([terminal], [], [], 60)[0], seen
        try:
            data = os.read(terminal, 1000)
        except OSError:  # how a terminal tells that nobody is there any more
            data = b""
        if not data:
            break
        seen += data
    return seen.decode()


def test_making_a_key_is_shown_at_a_terminal(holders):
    holder = holders()
    holder.p12.unlink()
    child, terminal = terminal_run(*holder.enrol_words(key="rsa3072"))
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == OK
    # Shown before it is made, and wiped before anything else is said.
    assert re.match(r"guichet: making a key pair \.\.\.\r +\r", seen) and "kept in" in seen, seen


def test_reading_and_writing_is_shown_at_a_terminal(holders, office, tmp_path):
    """What takes a second when the files are large is said before it is done, file by file."""
    holder = holders()
    for i in range(2):
        (tmp_path / f"{i}.pdf").write_bytes(b"%PDF-1.4 " + bytes([i]))
    attached = "--attach", tmp_path / "0.pdf", "--attach", tmp_path / "1.pdf"
    child, terminal = terminal_run("file", "--check", "--trust", office.public, *attached, holder.place / "return.json")
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == OK
    assert re.match(r"guichet: reading attachment 1 of 2 \.\.\.\rguichet: reading attachment 2 of 2 \.\.\.\r +\r", seen), seen
    holder.file()
    child, terminal = terminal_run("verify", "--trust", office.public, holder.place / "receipt.json",
                                   holder.place / "return.json")
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == OK
    assert re.match(r"guichet: reading document 1 of 1 \.\.\.\r +\r", seen) and "All checks hold." in seen, seen
    (tmp_path / "x.irj").write_text("no case of returns\n")
    child, terminal = terminal_run("convert", "irj", tmp_path / "x.irj", "--out", tmp_path / "out")
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == FAILED
    assert re.match(r"guichet: writing return documents \.\.\.\r +\r", seen), seen


def test_password_is_asked_for_unseen(holders):
    holder = holders()
    child, terminal = terminal_run("filings", *holder.online, "--as", holder.p12)
    terminal_read(terminal, b"Password of the key file: ")
    os.write(terminal, PASSWORD.encode() + b"\n")
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == OK
    assert "Nothing filed yet." in seen and PASSWORD not in seen


@pytest.mark.parametrize("size, said", [(1023, "password_wrong"), (1024, "at most 1023 bytes"), (3000, "at most 1023 bytes")])
def test_a_password_that_is_too_long_is_refused_at_the_terminal(holders, size, said):
    holder = holders()
    child, terminal = terminal_run("filings", *holder.online, "--as", holder.p12)
    terminal_read(terminal, b"Password of the key file: ")
    os.write(terminal, b"x" * size + b"\n")
    seen = terminal_read(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (FAILED if size < 1024 else USAGE)
    assert said in seen and "xxx" not in seen


def test_interrupted_prompt_ends_by_the_signal_with_the_echo_back(holders):
    holder = holders()
    child, terminal = terminal_run("filings", *holder.online, "--as", holder.p12)
    terminal_read(terminal, b"Password of the key file: ")
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGINT
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    os.close(terminal)


def test_file_then_everything_about_it(office, holders):
    holder = holders()
    printed = holder.file()
    number = holder.receipt()["number"]
    assert number in printed and "ACCUSÉ DE RÉCEPTION" in printed
    assert not (holder.place / "receipt.filing").exists()
    evidence = [(holder.place / name).read_bytes() for name in ("receipt.json", "receipt.tlog-proof")]

    # The same again, by command, by number however typed, by id.
    assert json.loads(holder.file("--json"))["receipt"] == holder.receipt()
    for reference in (number, number.lower().replace("-", " "), holder.receipt()["filing_id"]):
        guichet("receipt", reference, *holder.me, "--out", holder.place / "again.json")
        assert [(holder.place / name).read_bytes() for name in ("again.json", "again.tlog-proof")] == evidence

    listed = json.loads(guichet("filings", *holder.me, "--json"))["filings"]
    assert [row["number"] for row in listed] == [number]
    assert "in force" in guichet("filings", *holder.me)

    shown = guichet("show", number, *holder.me, "--out", holder.place / "documents")
    assert shown.splitlines()[2] == "guichet-filing 1"
    assert [path.read_bytes() for path in sorted((holder.place / "documents").iterdir())] == [holder.person.content]
    assert json.loads(guichet("show", number, *holder.me, "--json"))["documents"][0]["type"] == "2042"

    guichet("export-signature", number, *holder.me, "--out", holder.place / "filing.p7s")
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", holder.place / "filing.p7s", "-content",
                    holder.place / "filing.manifest", "-binary", "-CAfile", office.public / "ca.pem", "-purpose", "any",
                    "-out", os.devnull], check=True, capture_output=True)


def test_receipt_of_something_else_is_not_overwritten(holders):
    holder = holders()
    (holder.place / "receipt.json").write_text("precious")
    assert "something else" in holder.file(code=USAGE)
    assert (holder.place / "receipt.json").read_text() == "precious"
    # Nothing was sent, nor is anything left of it.
    assert not (holder.place / "receipt.filing").exists() and "Nothing filed yet." in guichet("filings", *holder.me)
    holder.file(out="first.json")
    words = ["receipt", holder.receipt("first.json")["number"], *holder.me, "--out"]
    assert "something else" in guichet(*words, holder.place / "receipt.json", code=USAGE)
    assert (holder.place / "receipt.json").read_text() == "precious"
    guichet(*words, holder.place / "first.json")


def test_no_command_overwrites_what_is_there(office, holders):
    """One rule for all: a file that holds something else stays; one that holds the same already is no fault."""
    holder = holders()
    holder.file()
    number, out = holder.receipt()["number"], holder.place / "out"
    out.mkdir()
    (out / "in.irj").write_bytes(IRJ)
    commands = {
        "checkpoint": (["checkpoint", *holder.online, "--out", out / "checkpoint"], [out / "checkpoint"]),
        "show": (["show", number, *holder.me, "--out", out / "documents"], [out / "documents/01-2042.json"]),
        "export-signature": (["export-signature", number, *holder.me, "--out", out / "filing.p7s"],
                             [out / "filing.p7s", out / "filing.manifest"]),
        "receipt": (["receipt", number, *holder.me, "--out", out / "receipt.json"],
                    [out / "receipt.json", out / "receipt.tlog-proof"]),
        "convert": (["convert", "irj", out / "in.irj", "--out", out / "returns"], [out / "returns/0001.json"]),
    }
    for command, (words, files) in commands.items():
        guichet(*words)
        made = [file.read_bytes() for file in files]
        guichet(*words)
        assert [file.read_bytes() for file in files] == made
        for file in files:
            original = file.read_bytes()
            file.write_text("precious")
            told = json.loads(guichet(*words, "--json", code=USAGE))
            assert (told["place"], told["value"]) == ("--out", str(file)), command
            assert told["expected"].startswith("a file that does not exist yet") and file.read_text() == "precious"
            file.write_bytes(original)


def test_only_a_filing_gives_way_to_another(holders):
    """receipt.filing is the command's own; a file of that name that is something else is not."""
    holder = holders()
    (holder.place / "receipt.filing").write_text("precious")
    told = json.loads(holder.file("--json", code=USAGE))
    assert (told["place"], told["value"]) == ("--out", str(holder.place / "receipt.filing"))
    assert (holder.place / "receipt.filing").read_text() == "precious"
    assert "Nothing filed yet." in guichet("filings", *holder.me)


def test_paths_in_any_encoding_are_told_as_json(office, holders):
    holder = holders()
    out = holder.place / os.fsdecode(b"re\xe7u.json")
    document = holder.place / os.fsdecode(b"d\xe9claration.json")
    document.write_bytes(holder.person.content)
    told = json.loads(guichet("file", *holder.me, "--json", "--out", out, document))
    assert told["out"] == f"{holder.place}/re?u.json" and out.exists()
    told = json.loads(guichet("verify", "--trust", office.public, "--json", out, document))
    assert told["holds"] and f"{holder.place}/d?claration.json is the 2042" in told["checks"][-1]["text"]
    told = json.loads(guichet("export-signature", json.loads(out.read_bytes())["number"], *holder.me, "--json", "--out",
                              holder.place / os.fsdecode(b"\xe9.p7s")))
    assert told["signature"].endswith("/?.p7s") and told["manifest"].endswith("/?.manifest")
    told = json.loads(guichet("verify", "--trust", holder.place / os.fsdecode(b"\xe9"), "x", "--json", code=FAILED))
    assert told["place"] == f"{holder.place}/?/log.vkey"


def test_receipt_that_cannot_be_written_comes_again(holders):
    holder = holders()
    (holder.place / "receipt.tlog-proof").mkdir()
    told = json.loads(holder.file("--json", code=FAILED))
    assert told["place"].endswith("receipt.tlog-proof") and "The return is filed: the same command again" in told["expected"]
    filed = json.loads(guichet("filings", *holder.me, "--json"))["filings"]
    (holder.place / "receipt.tlog-proof").rmdir()
    holder.file()
    assert [row["number"] for row in filed] == [holder.receipt()["number"]]
    assert filed == json.loads(guichet("filings", *holder.me, "--json"))["filings"]


def test_rectifying_and_attachments(holders):
    holder = holders()
    holder.file(out="first.json")
    number = holder.receipt("first.json")["number"]
    (holder.place / "paper.pdf").write_bytes(PDF)
    (holder.place / "large.PDF").write_bytes(os.urandom(1 << 20) * 3)
    attached = "--attach", holder.place / "paper.pdf", f"--attach={holder.place}/large.PDF"
    told = json.loads(holder.file("--json", *attached, out="second.json", code=REFUSED))
    assert told["error"] == "replaces_mismatch" and told["expected"] == number
    assert "--replaces" in holder.file(*attached, out="second.json", code=REFUSED)
    holder.file(*attached, "--replaces", number.lower(), out="second.json")
    assert [d["type"] for d in holder.receipt("second.json")["documents"]] == ["2042", *["attachment/document"] * 2]
    rows = {row["number"]: row for row in json.loads(guichet("filings", *holder.me, "--json"))["filings"]}
    second = holder.receipt("second.json")["number"]
    assert rows[number]["superseded_by"] == second and "superseded_by" not in rows[second]
    guichet("verify", "--trust", holder.office.public, holder.place / "second.json", holder.place / "paper.pdf",
            holder.place / "large.PDF", holder.place / "return.json")
    (holder.place / "program.exe").write_bytes(b"MZ")
    assert "media_type_refused" in holder.file("--attach", holder.place / "program.exe", out="x.json", code=REFUSED)


def test_verify_says_every_check(office, holders):
    holder = holders()
    checkpoint = holder.place / "checkpoint"
    holder.file(out="first.json")
    guichet("checkpoint", *holder.online, "--out", checkpoint)
    (holder.place / "paper.pdf").write_bytes(PDF)
    holder.file("--attach", holder.place / "paper.pdf", "--replaces", holder.receipt("first.json")["number"])
    verify = ["verify", "--trust", office.public, holder.place / "receipt.json"]
    told = guichet(*verify, holder.place / "return.json")
    assert told.count("ok  ") == 6
    # What was not given is named.
    left = {"type": "attachment/document", "size": len(PDF)}
    assert told.endswith(f"\nNot compared, since no such file was given: {left['type']} ({left['size']} bytes).\n")
    assert json.loads(guichet(*verify, holder.place / "return.json", "--json"))["not_compared"] == [left]
    whole = guichet(*verify, holder.place / "return.json", holder.place / "paper.pdf")
    assert whole.endswith("All checks hold.\n")
    # Once by the published tiles, offline, once by asking.
    for source in ([], ["--server", f"127.0.0.1:{office.port}"]):
        told = json.loads(guichet(*verify, "--checkpoint", checkpoint, *source, "--json"))
        assert told["holds"] and told["checks"][-1]["text"].startswith("consistency: one log of ")
    assert "FAILED  document" in subprocess.run([GUICHET, *verify, holder.p12], capture_output=True, text=True,
                                                check=False).stdout
    guichet(*verify, holder.p12, code=FAILED)


@pytest.mark.parametrize("name", ["receipt.json", "receipt.tlog-proof"])
def test_no_changed_byte_verifies(office, holders, name):
    holder = holders()
    holder.file()
    original = (holder.place / name).read_bytes()
    for at in range(0, len(original), 13):
        changed = bytearray(original)
        changed[at] ^= 0x04
        (holder.place / name).write_bytes(changed)
        guichet("verify", "--trust", office.public, holder.place / "receipt.json", code=FAILED)
    (holder.place / name).write_bytes(original[:-1])
    guichet("verify", "--trust", office.public, holder.place / "receipt.json", code=FAILED)
    (holder.place / name).write_bytes(original)
    guichet("verify", "--trust", office.public, holder.place / "receipt.json")


def test_one_key_is_enough_to_verify(office, holders, tmp_path):
    holder = holders()
    holder.file()
    (tmp_path / "log.vkey").write_bytes((office.public / "log.vkey").read_bytes())
    guichet("verify", "--trust", tmp_path, holder.place / "receipt.json", holder.place / "return.json")
    assert "tls.pem" in guichet("filings", "--trust", tmp_path, *holder.me[:2], *holder.me[4:], code=FAILED)


def test_revoked_is_refused(holders):
    holder = holders()
    told = json.loads(guichet("revoke", *holder.me, "--serial", "A" * 32, "--json", code=REFUSED))
    assert told["error"] == "certificate_not_own"
    revoked = json.loads(guichet("revoke", *holder.me, "--reason", "key-compromise", "--json"))
    told = json.loads(guichet("filings", *holder.me, "--json", code=REFUSED))
    assert told["error"] == "certificate_revoked" and len(told["correlation"]) == 16 and len(revoked["serial"]) == 32
    # Whoever lost the answer asks again, and what was asked for is done.
    for words in ([], ["--serial", revoked["serial"]], ["--reason", "cessation"]):
        assert json.loads(guichet("revoke", *holder.me, *words, "--json")) == {"serial": revoked["serial"], "was_revoked": True}
    assert guichet("revoke", *holder.me) == f"Certificate {revoked['serial']} was revoked already; nothing was changed.\n"
    told = json.loads(guichet("revoke", *holder.me, "--serial", "A" * 32, "--json", code=REFUSED))
    assert told["error"] == "certificate_revoked"


def test_someone_elses_filing_is_not_found(holders):
    one, other = holders(), holders()
    one.file()
    for command in ("receipt", "show"):
        assert "not_found" in guichet(command, one.receipt()["number"], *other.me, code=REFUSED)


def channels_of(process):
    """What its descriptors are, by number; those that go meanwhile are left out."""
    place, found = pathlib.Path(f"/proc/{process.pid}/fd"), {}
    for number in os.listdir(place):
        try:
            found[int(number)] = os.readlink(place / number)
        except FileNotFoundError:
            continue
    return found


def test_closed_channel_is_no_connection(office, holders):
    holder = holders()
    office.signal(signal.SIGSTOP)
    words = [str(word) for word in (GUICHET, "filings", *holder.me)]
    with subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words]) as process:
        wait_until(lambda: any("socket:" in name for name in channels_of(process).values()), "a connection")
        channels = channels_of(process)
        office.signal(signal.SIGCONT)
        # And that nothing could be said is no success.
        assert [channels.get(number) for number in range(3)] == ["/dev/null"] * 3 and process.wait(60) == FAILED


def test_the_same_filing_goes_out_again_after_the_office_was_away(office, holders):
    """What was signed is kept while the office cannot be reached, and is what is sent when it can."""
    holder = holders()
    office.kill()
    assert "unreachable" in holder.file(code=UNREACHABLE)
    kept = (holder.place / "receipt.filing").read_bytes()
    assert holder.person.spi.encode() in kept
    assert "unreachable" in holder.file(code=UNREACHABLE)
    assert (holder.place / "receipt.filing").read_bytes() == kept
    office.start()
    holder.file()
    assert not (holder.place / "receipt.filing").exists()
    guichet("verify", "--trust", office.public, holder.place / "receipt.json", holder.place / "return.json")


def test_what_a_wrong_clock_signed_is_signed_anew(office, holders):
    """A17: kept with a signature that the office refuses for its time; the same command with the clock put right."""
    holder = holders()
    keys = stranger.Holder(holder.place)
    words = ["-in", holder.p12, "-passin", f"pass:{PASSWORD}", "-nodes"]
    keys.key.write_bytes(stranger.openssl("pkcs12", *words, "-nocerts"))
    pem = stranger.openssl("pkcs12", *words, "-clcerts", "-nokeys")
    keys.certificate.write_bytes(stranger.openssl("x509", "-outform", "DER", data=pem))
    nowhere = ["file", "--server", "127.0.0.1:1", *holder.me[2:], "--out", holder.place / "receipt.json"]
    guichet(*nowhere, holder.place / "return.json", code=UNREACHABLE)
    kept = holder.place / "receipt.filing"
    right = stranger.cbor_decode(kept.read_bytes())
    wrong = stranger.filing_sign(keys, right[1], right[5] + 86400)
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        with pytest.raises(stranger.Refused) as refused:
            connection.file(wrong, [stranger.document_sent(holder.person.content)])
    assert refused.value.status == 84
    kept.write_bytes(stranger.cbor_encode(wrong))
    holder.file()
    assert not kept.exists()
    assert holder.receipt()["signers"][0]["signing_time"]["utc"] < time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(right[5] + 3600))


def test_changed_rules_do_not_block_a_lost_receipt(office, holders, tmp_path):
    """What was kept goes out without asking the rules again; what is new is held to them."""
    holder = holders()
    changed = tmp_path / "public"
    office.copy_public(changed)
    words = ["file", "--server", f"127.0.0.1:{office.port}", "--trust", changed, *holder.me[4:], "--json"]
    receipt = ["--out", holder.place / "receipt.json", holder.place / "return.json"]
    catalogue = json.loads((office.public / "catalogue.json").read_bytes())
    used = json.loads(holder.person.content)["boxes"]
    catalogue["boxes"] = [box for box in catalogue["boxes"] if box["code"] not in used]
    (changed / "catalogue.json").write_text(json.dumps(catalogue), encoding="utf-8")
    assert json.loads(guichet(*words, *receipt, code=REFUSED))["error"] == "document_refused"
    assert not (holder.place / "receipt.filing").exists()

    office.kill()
    holder.file(code=UNREACHABLE)
    office.start()
    words[2] = f"127.0.0.1:{office.port}"
    assert json.loads(guichet(*words, *receipt))["receipt"] == holder.receipt()


def test_offline_filing_binds_its_rectifications(holders):
    holder = holders()
    holder.file("--offline", out="first.json")
    number = holder.receipt("first.json")["number"]
    assert "\nmode offline\n" in guichet("show", number, *holder.me)
    (holder.place / "paper.pdf").write_bytes(PDF)
    rectify = "--replaces", number, "--attach", holder.place / "paper.pdf"
    told = json.loads(holder.file("--json", *rectify, out="second.json", code=REFUSED))
    assert told["error"] == "offline_binding" and "reasons" not in told
    # Online, and without a word of what it rectifies: both are told at once, to a program and to a person.
    told = json.loads(holder.file("--json", *rectify[2:], out="second.json", code=REFUSED))
    assert [reason["error"] for reason in told["reasons"]] == [87, 88] and told["error"] == "replaces_mismatch"
    said = holder.file(*rectify[2:], out="second.json", code=REFUSED)
    assert "error 87 (replaces_mismatch)" in said and "and error 88 (offline_binding)" in said
    assert said.count("to do:") == 2 and "--offline" in said
    # What was kept of the refused one is another filing: the mode is part of what is signed.
    holder.file("--offline", *rectify, out="second.json")
    assert "\nmode offline\n" in guichet("show", holder.receipt("second.json")["number"], *holder.me)


def test_another_office_on_that_address_is_not_trusted(office, holders, offices):
    holder, stranger = holders(), offices()
    stranger.start()
    words = ["--server", f"127.0.0.1:{stranger.port}", "--trust", office.public]
    assert "tls_failed" in guichet("checkpoint", *words, code=FAILED)
