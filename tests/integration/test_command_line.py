# SPDX-License-Identifier: Apache-2.0
"""The command line as a person and as a program meets it: the words that others rely on, exit codes, JSON. (The prompt for
a password is tested beside the library.)"""
import json
import pathlib
import re
import socket
import subprocess
import time

import pytest
from proxy import Proxy
from taxpayer import FAILED, PASSWORD, REFUSED, UNREACHABLE, USAGE, Taxpayer, guichet, households, program_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The words that others rely on.
GUICHET = {
    "enrol": "--server --trust --key --spi --birth-name --filer-number --reference-income --email --accept-contract --out "
             "--password-file",
    "file": "--server --trust --as --attach --check --replaces --out --password-file",
    "filings": "--server --trust --as --password-file",
    "receipt": "--server --trust --as --password-file",
    "show": "--server --trust --as --password-file",
    "verify": "--trust --checkpoint",
    "convert": "--out --income-year",
    "export-signature": "--server --trust --as --password-file --out",
    "revoke": "--server --trust --as --password-file",
}
GUICHETD = {
    "init": "--origin", "import": "taxpayers", "serve": "--listen --port-file", "issue": "--kind --csr", "revoke": "SERIAL",
    "renew-tls": "--host", "audit": "DIR --checkpoint", "address": "ADDRESS",
}


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    made.crowd = households(made.people(40))
    return made.start()


@pytest.fixture
def someone(office, tmp_path):
    """Somebody from the register who has not come yet."""
    return Taxpayer(office, office.crowd.pop(), tmp_path / "someone")


@pytest.fixture(scope="module")
def holder(office, tmp_path_factory):
    """Somebody with a certificate and a receipt."""
    taxpayer = Taxpayer(office, office.crowd.pop(), tmp_path_factory.mktemp("holder"))
    taxpayer.enrol()
    taxpayer.file()
    return taxpayer


# ---- words and help ----

@pytest.mark.parametrize("command", GUICHET)
def test_help(office, command):
    told = guichet(program_of(office), command, "--help")
    assert told.stdout.startswith(f"usage: guichet {command}") and not told.stderr
    for word in [*GUICHET[command].split(), "--json", "--help"]:
        assert re.search(rf"^  {word}\b", told.stdout, re.M), word


@pytest.mark.parametrize("command", GUICHETD)
def test_help_of_guichetd(office, command):
    told = office.run(command, "--help")
    for word in GUICHETD[command].split():
        assert word in told.stdout
    office.run(command, code=USAGE)
    office.run(command, office.directory, "--no-such-option", code=USAGE)


def options_of(source, pattern):
    """The names of all options that a program knows, out of its tables."""
    return sorted({name for path in sorted((ROOT / source).glob("*.c"))
                   for name in re.findall(pattern, path.read_text(encoding="utf-8"), re.M)})


def help_lists(text):
    return set(re.findall(r"^  --([a-z-]+)", text, re.M))


@pytest.mark.parametrize("command", GUICHET)
def test_help_lists_exactly_what_is_accepted(office, command):
    program = program_of(office)
    known = options_of("client/cli", r'^\t\[OPTION_\w+\] = \{ "--([a-z-]+)"')
    assert len(known) > 20
    accepted = {name for name in known if "an option of this command" not in
                subprocess.run([program, command, f"--{name}=x"], capture_output=True, text=True, check=False).stderr}
    assert help_lists(guichet(program, command, "--help").stdout) == accepted


@pytest.mark.parametrize("command", GUICHETD)
def test_help_of_guichetd_lists_exactly_what_is_accepted(office, command):
    # What is for tests alone is accepted and not told.
    known = [name for name in options_of("server/admin", r'"--([a-z-]+)"') if not name.startswith("test-")]
    assert len(known) > 8
    accepted = {name for name in known if name == "help" or "unknown option" not in
                subprocess.run([office.program, command, f"--{name}"], capture_output=True, text=True, check=False).stderr}
    assert help_lists(office.run(command, "--help").stdout) == accepted


@pytest.mark.parametrize("command", GUICHETD)
def test_a_word_too_long_is_told(office, command):
    """In the place of each word, and first: nothing is made of the others."""
    names = re.match(rf"usage: guichetd {command} ([A-Za-z. ]*[A-Za-z])", office.run(command, "--help").stdout)[1].split()
    for nth, name in enumerate(names):
        words = names[:nth] + ["x" * 3073] + names[nth + 1:]
        done = office.run(command, *words, code=USAGE)
        for told in name, "x" * 40 + "... (3073 bytes)", "at most 3072 bytes":
            assert told in done.stderr
        assert len(done.stderr) < 500
        if command not in ("serve", "address"):
            assert json.loads(office.run(command, *words, "--json", code=USAGE).stdout)["place"] == name


def test_the_longest_name_of_a_directory_will_do(offices, tmp_path):
    name = f"{tmp_path}/"
    name += "./" * ((3071 - len(name)) // 2) + "x" * (1 + (3071 - len(name)) % 2)
    assert len(name) == 3072
    office = offices()
    office.run("init", name)
    office.run("audit", name)
    office.run("renew-tls", name)
    office.run("revoke", name, "0" * 32, code=REFUSED)


def test_settings_are_documented_as_they_are(office):
    """README, --help and the file that init wrote: one table."""
    told = office.run("serve", "--help").stdout
    rows = re.findall(r"^  (\w+) +(.*); (.*)\n      (.*)$", told, re.M)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## Settings"):readme.index("## Linking the library")]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [
        f"| `{name}` | {default} | {allowed} | {about} |" for name, default, allowed, about in rows]
    written = json.loads((office.directory / "guichet.json").read_text(encoding="utf-8"))
    assert set(written) == {name for name, *_ in rows} | {"type"}


def test_every_command_is_in_the_list(office):
    told = guichet(program_of(office), "--help").stdout
    assert set(re.findall(r"^  ([a-z-]+) ", told, re.M)) >= set(GUICHET)
    told = office.run("--help").stdout
    assert set(re.findall(r"^  ([a-z-]+) ", told, re.M)) >= set(GUICHETD)


# ---- exit codes, and what a program is told ----

def failed(taxpayer, code, number, *words):
    """The command with and without --json; asserts exit code and number. -> what the JSON says"""
    told = json.loads(taxpayer.run(*words, "--json", code=code).stdout)
    assert told["number"] == number, told
    assert told["error"] and told["text"] and told["text_fr"]
    plain = taxpayer.run(*words, code=code)
    assert f"error {number} ({told['error']})" in plain.stderr and not plain.stdout
    return told


USAGE_FAULTS = [
    ["file"], ["file", "--trust", "x", "--no-such", "a.json"], ["file", "--trust", "x", "a.json"], ["filings", "more"],
    ["verify", "--trust", "x"], ["verify", "--trust", "x", "--trust", "y", "a.json"], ["convert", "csv", "x", "--out", "y"],
    ["convert", "irj", "x", "--out", "y", "--income-year", "soon"], ["revoke", "--serial"], ["filings", "--json=1"],
    ["receipt", "-x"], ["enrol", "--spi"],
]


@pytest.mark.parametrize("words", USAGE_FAULTS, ids=" ".join)
def test_usage(someone, words):
    someone.run(*words, code=USAGE)
    told = json.loads(someone.run(words[0], "--json", *words[1:], code=USAGE).stdout)
    assert told["error"] == "usage" and told["place"]


def test_what_only_the_library_finds_wrong_with_an_option_is_told_by_its_name(holder):
    words = "--trust", holder.office.public, "--as", holder.key_file, *holder.password_words()
    told = json.loads(holder.run("filings", "--server", "nowhere", *words, "--json", code=USAGE).stdout)
    assert (told["place"], told["value"]) == ("--server", "nowhere")
    told = holder.asked("file", "--replaces", "1000-0000-0000-000Z", holder.return_file, code=USAGE)
    assert told["place"] == "--replaces" and "mistyped" in told["expected"]


@pytest.mark.parametrize("words,where,value,expected", [
    (["receipt"], "NUMBER-or-ID", "missing", "this argument"),
    (["filings", "more"], "arguments", "more", "none"),
    (["receipt", "one", "two"], "arguments", "two", "NUMBER-or-ID"),
    (["convert", "irj"], "irj FILE", "missing", "this argument"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_an_argument_too_few_or_too_many_is_named(someone, words, where, value, expected):
    needed = [*someone.office_words(), "--as", "x"] if words[0] != "convert" else ["--out", "x"]
    said = someone.run(*words, *needed, code=USAGE).stderr
    assert f"  where:    {where}\n  value:    {value}\n  expected: {expected}\n" in said


@pytest.mark.parametrize("option,value", [
    ("spi", "12"), ("spi", "24 44 712 010 118"), ("spi", "3023217600054"), ("reference-income", "51 689"),
    ("reference-income", "-1"), ("reference-income", "51689.00")])
def test_what_is_no_number_costs_no_attempt(someone, option, value):
    """Not asked of the office, and no key is made for it."""
    told = someone.enrol(code=USAGE, **{option: value})
    assert (told["place"], told["value"]) == (f"--{option}", value) and "digits" in told["expected"]
    assert list(someone.place.glob("me.p12*")) == []


@pytest.mark.parametrize("words,missing", [
    (["revoke", "DIR"], "SERIAL"), (["import", "taxpayers"], "DIR FILE.csv"), (["audit"], "DIR"),
    (["address", "DIR"], "ADDRESS")], ids=["revoke", "import", "audit", "address"])
def test_a_word_that_is_missing_is_named(office, words, missing):
    assert office.run(*words, code=USAGE).stderr.startswith(f"guichetd: words are missing: {missing}\nusage: guichetd {words[0]} ")


@pytest.mark.parametrize("words,option", [
    (["serve", "DIR", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"], "--listen"),
    (["init", "DIR", "--origin", "a", "--origin", "a"], "--origin"), (["audit", "DIR", "--json", "--json"], "--json"),
    (["revoke", "DIR", "0", "--reason", "superseded", "--reason", "key-compromise"], "--reason")], ids=["serve", "init", "audit", "revoke"])
def test_an_option_of_guichetd_is_there_once(office, words, option):
    if "--json" in words:
        told = json.loads(office.run(*words, code=USAGE).stdout)
        assert (told["error"], told["place"], told["expected"]) == ("usage", option, "each option once")
    else:
        assert office.run(*words, code=USAGE).stderr.startswith(f"guichetd: each option once: {option}\nusage: guichetd {words[0]} ")


def hosts_of(certificate):
    said = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"], check=True,
                          capture_output=True, text=True).stdout
    return {name.strip() for name in said.splitlines()[1].split(",")}


def test_an_office_may_have_several_hosts(office, tmp_path):
    named = [word for host in ("counter.example", "192.0.2.7", "2001:db8::7") for word in ("--host", host)]
    office.run("init", tmp_path / "named", *named)
    hosts = hosts_of(tmp_path / "named" / "keys" / "tls-server.pem")
    assert hosts >= {"DNS:counter.example", "IP Address:192.0.2.7", "IP Address:2001:DB8:0:0:0:0:0:7", "DNS:localhost"}
    many = [word for number in range(33) for word in ("--host", f"h{number}.example")]
    told = json.loads(office.run("init", tmp_path / "many", "--json", *many, code=USAGE).stdout)
    assert (told["place"], told["expected"]) == ("--host", "at most 32 of them") and not (tmp_path / "many").exists()
    office.run("init", tmp_path / "many", *many[2:])
    assert hosts_of(tmp_path / "many" / "keys" / "tls-server.pem") >= {f"DNS:h{number}.example" for number in range(1, 33)}


def test_version_of_guichetd(office):
    header = (ROOT / "client/include/guichet/guichet.h").read_text(encoding="utf-8")
    version = re.search(r'GUICHET_VERSION "(.*)"', header)[1]
    assert office.run("--version").stdout == f"guichetd {version}\n"
    assert f"guichetd {version};" in office.run("--help").stdout


def test_what_to_do_is_said(holder, offices, tmp_path):
    me = "--as", holder.key_file, *holder.password_words()
    other = offices()
    said = holder.run("filings", "--server", f"127.0.0.1:{holder.office.port}", "--trust", other.public, *me, code=FAILED).stderr
    assert re.search(r"to do: +check that --server and --trust are of the same office", said)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = holder.run("filings", "--server", f"127.0.0.1:{port}", "--trust", holder.office.public, *me, code=UNREACHABLE).stderr
    assert re.search(r"value: +Connection refused\n  to do: +check --server, or run the same command again later", said)
    alone = tmp_path / "alone.json"
    alone.write_bytes((holder.place / "receipt.json").read_bytes())
    said = holder.run("verify", "--trust", holder.office.public, alone, code=FAILED).stderr
    assert f"where:    {tmp_path}/alone.tlog-proof\n" in said and "guichet receipt NUMBER --out writes both" in said


def test_a_certificate_that_has_ended_or_is_anothers_is_told_with_what_to_do(office, someone, offices):
    someone.enrol()
    someone.online("revoke")
    said = someone.online("filings", code=REFUSED).stderr
    assert re.search(r"where: +--as$", said, re.M) and re.search(r"to do: +guichet enrol, with another --out", said)
    # A holder of one office at another.
    other = offices()
    other.people(1)
    other.start()
    said = someone.run("filings", "--server", f"127.0.0.1:{other.port}", "--trust", other.public, "--as", someone.key_file,
                       *someone.password_words(), code=REFUSED).stderr
    assert re.search(r"to do: +check that --as is of the office of --server", said), said


def test_no_such_command(someone):
    assert "filings" in guichet(program_of(someone.office), "files", code=USAGE).stderr
    done = subprocess.run([program_of(someone.office)], capture_output=True, check=False)
    assert done.returncode == USAGE and b"filings" in done.stderr


def test_failed_here(holder, tmp_path):
    online = holder.office_words()
    wrong = tmp_path / "wrong"
    wrong.write_text("another password\n")
    failed(holder, FAILED, 905, "filings", *online, "--as", holder.key_file, "--password-file", wrong)
    failed(holder, FAILED, 904, "filings", *online, "--as", tmp_path / "none.p12", *holder.password_words())
    failed(holder, FAILED, 904, "file", *online, "--as", holder.key_file, *holder.password_words(), tmp_path / "none.json")
    failed(holder, FAILED, 904, "verify", "--trust", holder.office.public, tmp_path / "none.json")


def test_an_old_key_file_is_not_overwritten(holder):
    kept = holder.key_file.read_bytes()
    told = json.loads(holder.run(*holder.enrol_words(), "--json", code=USAGE).stdout)
    assert told["place"] == "--out" and holder.key_file.read_bytes() == kept


def public_key(taxpayer, path):
    """As openssl reads it out of a key file."""
    private = subprocess.run(["openssl", "pkcs12", "-in", path, "-nodes", "-nocerts", "-passin",
                              f"file:{taxpayer.password_file}"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout"], input=private, capture_output=True, check=True).stdout


def test_key_outlives_a_lost_certificate(office, someone, tmp_path):
    """The office has made the certificate, the answer is on the way, the machine goes down: the key is on disk, and the
    same command gets the certificate that there is."""
    other = Taxpayer(office, office.crowd.pop(), tmp_path / "other")
    waiting = someone.place / "me.p12.new"
    with Proxy(lambda: office.port) as wire:
        through = "--server", f"127.0.0.1:{wire.port}"
        other.run("enrol", *through, *other.enrol_words()[3:])
        wire.withhold(wire.received - 300)  # within the answer, whose certificate alone is longer than that
        words = [program_of(office), "enrol", *through, *someone.enrol_words()[3:]]
        with subprocess.Popen(list(map(str, words)), cwd=someone.place, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 20
            while wire.received < wire.held_from:
                assert time.monotonic() < until and process.poll() is None
                time.sleep(0.01)
            process.kill()
    assert waiting.stat().st_mode & 0o777 == 0o600 and not someone.key_file.exists()
    key = public_key(someone, waiting)
    assert "no certificate yet" in someone.run("filings", *someone.office_words(), "--as", waiting, *someone.password_words(),
                                               code=USAGE).stderr

    # Neither a wrong fact nor a wrong password costs the key.
    someone.enrol(code=REFUSED, **{"birth-name": "Personne"})
    someone.password_file.write_text("another\n", encoding="utf-8")
    told = someone.enrol(code=FAILED)
    assert told["error"] == "password_wrong" and told["place"] == str(waiting)
    someone.password_file.write_text(PASSWORD + "\n", encoding="utf-8")
    assert public_key(someone, waiting) == key
    kept = waiting.read_bytes()
    serial = someone.enrol()["serial"]
    assert public_key(someone, someone.key_file) == key and not waiting.exists()
    someone.file()

    # Asked once more it is that one certificate; once it has ended, one is told how to get another.
    someone.key_file.unlink()
    waiting.write_bytes(kept)
    assert someone.enrol()["serial"] == serial
    someone.enrol(out=someone.place / "second.p12")
    someone.key_file.unlink()
    waiting.write_bytes(kept)
    told = someone.enrol(code=REFUSED)
    assert told["error"] == "key_in_use" and "another --out" in told["expected"] and waiting.exists()


def test_refused(holder, tmp_path):
    password = holder.password_words()
    failed(holder, REFUSED, 120, "receipt", *holder.office_words(), "--as", holder.key_file, *password, "0" * 64)
    bad = tmp_path / "bad.json"
    bad.write_text('{"form":"2042","income_year":1999,"boxes":{"0AC":2,"1AJ":-1,"4ZZ":1}}')
    told = failed(holder, REFUSED, 91, "file", *holder.office_words(), "--as", holder.key_file, *password, bad)
    assert sorted(finding["rule"] for finding in told["findings"]) == [24, 40, 42, 43]
    assert all(finding["text"] and finding["text_fr"] for finding in told["findings"])


@pytest.mark.parametrize("wrong", ["spi", "birth-name", "filer-number", "reference-income"])
def test_one_refusal_for_every_wrong_fact(someone, wrong):
    """A1: the answer is the same whichever field was wrong, and nothing is left of the key."""
    values = {"spi": "3023217600053", "birth-name": someone.person.birth_name + " ", "filer-number": "0000000",
              "reference-income": someone.person.reference_income + "0"}
    told = someone.enrol(code=REFUSED, **{wrong: values[wrong]})
    told.pop("correlation")
    assert told == {"error": "identification_refused", "number": 60, "text": told["text"],
                    "text_fr": told["text_fr"]}
    assert not someone.key_file.exists()


def test_attempts_are_counted_for_who_fails_and_for_nobody_else(office, someone, tmp_path):
    wrong = {"reference-income": "1"}
    for _ in range(5):
        assert someone.enrol(code=REFUSED, **wrong)["number"] == 60
    # From now on waiting is asked for, also of who gives the right facts; the tool does not wait minutes.
    told = someone.enrol(code=REFUSED)
    assert told["number"] == 61 and told["retry_after_ms"] > 0
    Taxpayer(office, office.crowd.pop(), tmp_path / "other").enrol()


def test_unreachable(holder):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = time.monotonic()
    told = json.loads(holder.run("filings", "--server", f"127.0.0.1:{port}", "--trust", holder.office.public, "--as",
                                 holder.key_file, *holder.password_words(), "--json", code=UNREACHABLE).stdout)
    assert told["error"] == "unreachable" and told["place"] == f"127.0.0.1:{port}" and time.monotonic() - begun < 30


def test_another_office_is_not_trusted(holder, offices):
    other = offices()
    told = json.loads(holder.run("filings", "--server", f"127.0.0.1:{holder.office.port}", "--trust", other.public, "--as",
                                 holder.key_file, *holder.password_words(), "--json", code=FAILED).stdout)
    assert told["error"] == "tls_failed"


def test_json_of_every_command(holder, tmp_path):
    number = holder.receipt()["number"]
    assert holder.asked("filings")["filings"][0]["number"] == number
    assert holder.asked("receipt", number)["receipt"] == holder.receipt()
    assert holder.asked("show", number)["number"] == number
    assert holder.asked("export-signature", number, "--out", tmp_path / "filing.p7s")["signature"]
    told = json.loads(holder.verify(holder.return_file, options=["--json"]).stdout)
    assert told["holds"] is True and all(check["passed"] for check in told["checks"])
    told = json.loads(holder.run("checkpoint", "--server", f"127.0.0.1:{holder.office.port}", "--trust",
                                 holder.office.public, "--json").stdout)
    assert told["size"] >= 2
    told = json.loads(holder.run("file", "--check", "--trust", holder.office.public, "--json", holder.return_file).stdout)
    assert told["errors"] == 0


# ---- convert ----

IRJ = """#NOM
ONE
#ENTREES-PRIMITIF
0AX/11072018
1AJ/15000.0
7UF/500
8TU/12.50
ANREV/2019
REGCO/2
#CONTROLES-PRIMITIF
#RESULTATS-PRIMITIF
#ENTREES-CORRECTIF
#CONTROLES-CORRECTIF
#RESULTATS-CORRECTIF
##
"""


def test_convert(office, tmp_path):
    source = tmp_path / "one.irj"
    source.write_text(IRJ)
    guichet(program_of(office), "convert", "irj", source, "--out", tmp_path / "out")
    made = json.loads((tmp_path / "out" / "0001.json").read_text())
    year = office.campaign()["income_year"]
    assert made["income_year"] == year
    assert made["boxes"] == {"0AX": f"1107{year - 1}", "1AJ": 15000, "7UF": 500, "8TU": "12.50"}
    assert [(gift["box"], gift["amount"]) for gift in made["donations"]] == [("7UF", 500)]
    guichet(program_of(office), "convert", "irj", source, "--out", tmp_path / "other", "--income-year", 2019)
    made = json.loads((tmp_path / "other" / "0001.json").read_text())
    assert made["income_year"] == 2019 and made["boxes"]["0AX"] == "11072018"
    source.write_text(IRJ.replace("15000.0", "many"))
    told = guichet(program_of(office), "convert", "irj", source, "--out", tmp_path / "out", "--json", code=FAILED)
    assert json.loads(told.stdout)["place"] == f"{source}, line 5, column 5"
