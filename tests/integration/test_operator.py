# SPDX-License-Identifier: Apache-2.0
"""What an operator does: certificates of other roles, revocation offline and over the wire, the lock, reload, an orderly
stop; and what the published CRL then says."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
import stranger
from office import wait_until
from taxpayer import FAILED, PASSWORD, REFUSED, USAGE, Taxpayer, guichet, households, program_of

KINDS = ["professional", "agent", "operator", "consumer", "courier"]
DIRECTORY_LOCKED = "a guichetd is using this directory"


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True)


@pytest.fixture
def office(offices):
    made = offices()
    made.crowd = households(made.people(6))
    return made


def come(office, place):
    taxpayer = Taxpayer(office, office.crowd.pop(), place)
    taxpayer.enrol()
    return taxpayer


def make_request(place, name, curve="P-256"):
    """-> paths of a new key and of its PKCS#10 request."""
    key, csr = place / f"{name}.key", place / f"{name}.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes", "-keyout", key, "-subj",
            f"/CN={name}", "-out", csr)
    return key, csr


class Staff:
    """Somebody of the office, with a certificate made by `guichetd issue`; speaks like a taxpayer."""

    def __init__(self, office, kind, place):
        place.mkdir(parents=True, exist_ok=True)
        self.person = office.crowd[0]
        self.cli = Taxpayer(office, self.person, place)
        key, csr = make_request(place, f"the {kind}")
        self.certificate = place / "certificate.pem"
        office.run("issue", office.directory, options=["--kind", kind, "--csr", csr, "--out", self.certificate])
        openssl("pkcs12", "-export", "-inkey", key, "-in", self.certificate, "-passout", f"pass:{PASSWORD}", "-out",
                self.cli.key_file)

    def serial(self):
        text = openssl("x509", "-in", self.certificate, "-noout", "-serial").stdout
        return text.strip().removeprefix("serial=").lower().zfill(32)


def crl_serials(office):
    text = openssl("crl", "-in", office.public / "crl.pem", "-noout", "-text").stdout
    return {serial.lower().zfill(32) for serial in re.findall(r"Serial Number: ([0-9A-F]+)", text)}


def check_crl(office, serial):
    assert serial in crl_serials(office)
    checked = openssl("crl", "-in", office.public / "crl.pem", "-noout", "-CAfile", office.public / "ca.pem")
    assert "verify OK" in checked.stderr


def revoke_many(office, count):
    """Certificates that nobody has, issued and revoked offline."""
    program = office.program.parents[1] / "tests" / "revoke_many"
    subprocess.run([program, office.directory, str(count)], check=True)


def crl_number(office):
    text = openssl("crl", "-in", office.public / "crl.pem", "-noout", "-crlnumber").stdout
    return int(text.strip().removeprefix("crlNumber="), 16)


# ---- offline ----

@pytest.mark.parametrize("kind", KINDS)
def test_first_certificates_of_every_kind(office, tmp_path, kind):
    staff = Staff(office, kind, tmp_path / "staff")
    openssl("verify", "-CAfile", office.public / "ca.pem", staff.certificate)
    office.start()
    # It logs in; what is a taxpayer's is not theirs.
    told = staff.cli.asked("filings", code=REFUSED)
    assert told["error"] == "role_refused"
    assert office.stop() == 0


def test_what_is_not_issued(office, tmp_path):
    _, csr = make_request(tmp_path, "somebody")
    _, weak = make_request(tmp_path, "curve", "P-384")
    for kind, file, code in (("taxpayer", csr, USAGE), ("king", csr, USAGE), ("operator", tmp_path / "none", FAILED),
                             ("operator", weak, REFUSED)):
        assert office.run("issue", office.directory, options=["--kind", kind, "--csr", file], code=code).stderr
    office.run("issue", office.directory, options=["--kind", "operator"], code=USAGE)
    assert "BEGIN CERTIFICATE" in office.run("issue", office.directory, options=["--kind", "operator", "--csr", csr]).stdout


def test_what_is_issued_into_a_file_is_told(office, tmp_path):
    _, csr = make_request(tmp_path, "somebody")
    out = tmp_path / "operator.pem"
    told = office.run("issue", office.directory, options=["--kind", "operator", "--csr", csr, "--out", out]).stdout
    serial = stranger.openssl("x509", "-in", out, "-noout", "-serial").decode().strip().removeprefix("serial=").lower()
    assert re.fullmatch(rf"operator certificate {serial} is in {out}, valid until \d{{4}}-\d\d-\d\dT[\d:]+Z\.\n", told)


def test_revoked_while_the_server_is_stopped(office, tmp_path):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    serial = stranger_of(taxpayer).serial().hex()
    assert office.stop() == 0
    before = crl_number(office)
    assert serial not in crl_serials(office)
    office.run("revoke", office.directory, serial, options=["--reason", "superseded"])
    assert serial in crl_serials(office) and crl_number(office) > before
    office.run("revoke", office.directory, "0" * 32, code=REFUSED)
    office.run("revoke", office.directory, "xyz", code=USAGE)
    office.start()
    assert taxpayer.asked("filings", code=REFUSED)["error"] == "certificate_revoked"
    # Revoked is logged: certificate and revocation are a leaf each.
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        assert stranger.checkpoint_read(connection.checkpoint())[0] == 2
    assert office.stop() == 0


def test_more_are_revoked_than_are_read_at_a_step(office):
    revoke_many(office, 600)
    office.start()
    wait_until(lambda: len(crl_serials(office)) == 600, "the list")
    serial = max(crl_serials(office))
    check_crl(office, serial)
    assert office.stop() == 0
    audited = office.run("audit", office.directory).stdout
    assert re.search(r"600\s+revocations in the published list", audited)


def test_a_list_that_is_written_is_told_so_whatever_else_stays(office, tmp_path):
    revoke_many(office, 300)
    office.start()
    assert office.stop() == 0
    _, csr = make_request(tmp_path, "agent")
    issued = json.loads(office.run("issue", office.directory, options=["--kind", "agent", "--csr", csr, "--json"]).stdout)
    # Superfluous once the tile is full, and it cannot be removed: a directory is no tile.
    (office.public / "tile" / "0" / "000.p" / "1").mkdir(parents=True)
    told = json.loads(office.run("revoke", office.directory, issued["serial"], options=["--json"]).stdout)
    assert told["serial"] == issued["serial"] and not told["was_revoked"]
    check_crl(office, issued["serial"])
    # The list itself cannot be.
    (office.public / "crl.pem.new").mkdir()
    said = office.run("revoke", office.directory, issued["serial"], code=FAILED).stderr
    assert "public/crl.pem" in said and "File exists" in said


@pytest.mark.parametrize("command", [["revoke", "0" * 32], ["import"], ["issue"], ["audit"], ["serve"]],
                         ids=" ".join)
def test_offline_commands_refuse_while_a_server_runs(office, tmp_path, command):
    _, csr = make_request(tmp_path, "somebody")
    office.start()
    directory = office.directory
    words = {"revoke": [directory, *command[1:]], "import": ["taxpayers", directory, office.place / "register.csv"],
             "issue": [directory, "--kind", "operator", "--csr", csr], "audit": [directory],
             "serve": [directory, "--listen", "127.0.0.1:0"]}[command[0]]
    done = office.run(command[0], *words, code=REFUSED)
    assert DIRECTORY_LOCKED in done.stderr
    come(office, tmp_path / "someone").file()
    assert office.stop() == 0


def test_init_does_not_touch_what_is_there(office):
    before = sorted((path, path.stat().st_mtime_ns) for path in office.directory.rglob("*"))
    assert "empty" in office.run("init", office.directory, code=REFUSED).stderr
    assert sorted((path, path.stat().st_mtime_ns) for path in office.directory.rglob("*")) == before
    assert not [path for path in office.keys.rglob("*") if path.suffix == ".key" and path.stat().st_mode & 0o077]


def test_origin_of_the_operators_choice(tmp_path, offices):
    office = offices()
    office.directory = tmp_path / "elsewhere"
    office.run("init", office.directory, options=["--origin", "impots.example/2031"])
    assert (office.directory / "public" / "log.vkey").read_text().startswith("impots.example/2031+")
    office.run("init", tmp_path / "third", options=["--origin", "two words"], code=USAGE)


# ---- over the wire ----

def stranger_of(taxpayer):
    """The key file's contents as the other client takes them."""
    holder = stranger.Holder(taxpayer.place)
    words = ["-in", taxpayer.key_file, "-passin", f"pass:{PASSWORD}", "-nodes"]
    holder.key.write_bytes(stranger.openssl("pkcs12", *words, "-nocerts"))
    pem = stranger.openssl("pkcs12", *words, "-clcerts", "-nokeys")
    holder.certificate.write_bytes(stranger.openssl("x509", "-outform", "DER", data=pem))
    serial = holder.serial()
    holder.serial = lambda: serial
    return holder


def sign(taxpayer, holder):
    with stranger.Connection("127.0.0.1", taxpayer.office.port, taxpayer.office.tls_pem) as connection:
        hello = connection.hello()
    document = "2042", "application/json", taxpayer.person.content
    manifest = stranger.manifest_text(hello[2], taxpayer.office.campaign()["name"], taxpayer.person.spi, [document])
    return stranger.filing_sign(holder, manifest, hello[3])


def test_operator_revokes_while_a_connection_is_open(office, tmp_path):
    operator = Staff(office, "operator", tmp_path / "operator")
    office.start()
    taxpayer, bystander = come(office, tmp_path / "someone"), come(office, tmp_path / "bystander")
    holder = stranger_of(taxpayer)
    filing, serial = sign(taxpayer, holder), holder.serial().hex()
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
        told = operator.cli.asked("revoke", "--serial", serial, "--reason", "key-compromise")
        assert (told["serial"], told["reason"], told["was_revoked"]) == (serial, "key-compromise", False)
        # The very next request on a connection that was there before.
        with pytest.raises(stranger.Refused) as refused:
            connection.file(filing, [stranger.document_sent(taxpayer.person.content)])
        assert refused.value.status == 66
    assert taxpayer.asked("filings", code=REFUSED)["error"] == "certificate_revoked"
    bystander.file()
    # Again changes nothing, and says so.
    assert operator.cli.asked("revoke", "--serial", serial) == {**told, "was_revoked": True}
    assert "was revoked already, on" in operator.cli.online("revoke", "--serial", serial).stdout
    assert operator.cli.asked("revoke", "--serial", "0" * 32, code=REFUSED)["error"] == "certificate_unknown"
    # The list appears at most once a minute; nobody who stops the server before that leaves an old one behind.
    assert office.stop() == 0
    check_crl(office, serial)
    office.start()
    wait_until(lambda: crl_published(office) == (office.public / "crl.pem").read_bytes(), "the list over the wire")
    check_crl(office, serial)
    assert office.stop() == 0


def crl_published(office):
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        return connection.publication("crl.pem")


def alike(one, other):
    """Two refusals that tell nobody which of them it is."""
    return {**one, "correlation": "", "value": ""} == {**other, "correlation": "", "value": ""}


def test_a_taxpayer_revokes_nobody_else(office, tmp_path):
    office.start()
    one, other = come(office, tmp_path / "one"), come(office, tmp_path / "other")
    serial = stranger_of(other).serial().hex()
    missing = one.asked("revoke", "--serial", "0" * 32, code=REFUSED)
    told = one.asked("revoke", "--serial", serial, code=REFUSED)
    assert alike(told, missing) and told["error"] == "certificate_not_own"
    other.online("filings")
    assert office.stop() == 0


def test_revoked_when_the_disk_is_at_its_reserve(office, tmp_path):
    operator = Staff(office, "operator", tmp_path / "operator")
    office.start()
    one, other = come(office, tmp_path / "one"), come(office, tmp_path / "other")
    holder = stranger_of(one)
    filing, serial = sign(one, holder), stranger_of(other).serial().hex()
    assert office.stop() == 0
    office.set_settings(disk_reserve=1 << 50)
    office.start()
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
        with pytest.raises(stranger.Refused) as refused:
            connection.file(filing, [stranger.document_sent(one.person.content)])
        assert refused.value.status == 43
    assert operator.cli.asked("revoke", "--serial", serial, "--reason", "key-compromise")["revoked_at"]
    assert one.asked("revoke")["revoked_at"]
    assert other.asked("filings", code=REFUSED)["error"] == "certificate_revoked"
    assert office.stop() == 0
    for revoked in (serial, holder.serial().hex()):
        check_crl(office, revoked)


# ---- reload ----

def change_campaign(office, **changes):
    path = office.public / "campaign.json"
    path.write_text(json.dumps({**office.campaign(), **changes}))


def reload(office, event):
    before = office.log_text().count(event)
    office.signal(signal.SIGHUP)
    wait_until(lambda: office.log_text().count(event) > before, event)


def test_reload_takes_a_new_campaign_and_keeps_the_old_one_when_the_new_is_faulty(office, tmp_path):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    good = (office.public / "campaign.json").read_bytes()
    year = office.campaign()["income_year"]
    change_campaign(office, opens=f"{year - 3}-01-01", closes=f"{year - 3}-12-31",
                    deadlines={zone: f"{year - 3}-06-01" for zone in "ABC"})
    reload(office, " reloaded")
    assert f" campaign campaign=ir-{year} income_year={year} opens={year}-12-31T23:00:00Z closes=" in office.log_text()
    assert f" reloaded campaign=ir-{year} income_year={year} opens={year - 4}-12-31T23:00:00Z " \
        f"closes={year - 3}-12-31T23:00:00Z\n" in office.log_text()
    assert taxpayer.refused()["error"] == "campaign_closed"
    for faulty in (b"{", b'{"type":"guichet-campaign"}', good.replace(b"guichet-campaign", b"guichet-catalogue"), b""):
        (office.public / "campaign.json").write_bytes(faulty)
        reload(office, "reload_refused")
        # The closed campaign is still in force, in what is decided and in what is published.
        with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
            assert json.loads(connection.publication("campaign.json"))["opens"] == f"{year - 3}-01-01"
    (office.public / "campaign.json").write_bytes(good)
    reload(office, " reloaded")
    taxpayer.file()
    catalogue = (office.public / "catalogue.json").read_bytes()
    (office.public / "catalogue.json").write_bytes(catalogue[:-100])
    reload(office, "reload_refused")
    assert "catalogue.json" in office.log_text().splitlines()[-1]
    (office.public / "catalogue.json").write_bytes(catalogue)
    taxpayer.file(out="again.json")
    assert taxpayer.evidence("again.json") == taxpayer.evidence()
    assert office.stop() == 0
    assert not office.sanitizer_text()


def test_reload_keeps_a_campaign_to_its_year_and_the_office_to_its_log(office, tmp_path):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    good = (office.public / "campaign.json").read_bytes()
    year, key = office.campaign()["income_year"], office.verifier_key.read_bytes()
    change_campaign(office, income_year=year - 1)
    reload(office, "reload_refused")
    assert f'place="campaign.json, income_year" found={year - 1} expected="{year} while' in office.log_text()
    (office.public / "campaign.json").write_bytes(good)
    office.verifier_key.write_bytes(key.replace(b"guichet.example", b"other.example"))
    reload(office, "reload_refused")
    assert "place=log.vkey" in office.log_text().splitlines()[-1]
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        assert connection.publication("log.vkey") == key
    office.verifier_key.write_bytes(key)
    taxpayer.file()
    change_campaign(office, name=f"ir-{year - 1}", income_year=year - 1)
    reload(office, f" reloaded campaign=ir-{year - 1} income_year={year - 1}")
    assert office.stop() == 0


def test_a_campaign_keeps_its_year_over_a_start(office, tmp_path):
    good, year = (office.public / "campaign.json").read_bytes(), office.campaign()["income_year"]
    # Nothing was filed: the year may be corrected.
    change_campaign(office, income_year=year - 1)
    office.start()
    assert office.stop() == 0
    (office.public / "campaign.json").write_bytes(good)
    office.start()
    come(office, tmp_path / "someone").file()
    assert office.stop() == 0
    change_campaign(office, income_year=year - 1)
    told = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=FAILED).stderr
    assert "campaign.json, income_year" in told and str(year - 1) in told and f"{year}, of which" in told
    # Nor has the year another name, as which everybody would file a first return once more.
    change_campaign(office, name=f"ir-{year}b", income_year=year)
    told = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=FAILED).stderr
    assert "campaign.json, name" in told and f"ir-{year}b" in told and f"ir-{year}, as which" in told
    # Nor by way of another campaign.
    change_campaign(office, name="ir-next", income_year=year + 1)
    office.start()
    change_campaign(office, name=f"ir-{year}", income_year=year - 1)
    reload(office, "reload_refused")
    change_campaign(office, name=f"ir-{year}b", income_year=year)
    reload(office, "reload_refused")
    (office.public / "campaign.json").write_bytes(good)
    reload(office, " reloaded")
    assert office.stop() == 0


def put_fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["campaign.json", "catalogue.json", "ca.pem", "log.vkey"])
def test_reload_does_not_wait_for_the_other_end_of_a_fifo(office, tmp_path, name):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    content = (office.public / name).read_bytes()
    put_fifo(office.public / name)
    reload(office, "reload_refused")
    assert name in office.log_text().splitlines()[-1]
    (office.public / name).unlink()
    (office.public / name).write_bytes(content)
    taxpayer.file()
    assert office.stop() == 0


@pytest.mark.parametrize("name", ["guichet.json", "public/campaign.json", "public/crl.pem", "keys/store-master.key"])
def test_start_does_not_wait_for_it_either(office, name):
    put_fifo(office.directory / name)
    done = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=FAILED)
    assert name in done.stderr


def test_a_checkpoint_that_is_no_file_is_published_anew(office, tmp_path):
    put_fifo(office.public / "checkpoint")
    office.start()
    come(office, tmp_path / "someone")
    assert office.stop() == 0
    assert stranger.checkpoint_read((office.public / "checkpoint").read_bytes())[0] == 1


def test_a_faulty_campaign_stops_the_start_with_its_name(office):
    (office.public / "campaign.json").write_text("{")
    done = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=FAILED)
    assert "campaign.json, line 1, column 2 (byte 1)" in done.stderr


def test_campaign_deadline_passed_makes_the_receipt_late(office, tmp_path):
    """A12, A17: filed after the deadline of the zone and before the campaign closes: accepted, and said to be late."""
    year = office.campaign()["income_year"]
    change_campaign(office, deadlines={zone: f"{year + 1}-01-02" for zone in "ABC"})
    office.start()
    assert come(office, tmp_path / "someone").file()["in_time"] is False
    assert office.stop() == 0


# ---- stopping ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_orderly_stop(office, tmp_path, number):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    holder = stranger_of(taxpayer)
    filing = sign(taxpayer, holder)
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
        # Sent, then the signal: what was accepted is answered before the end.
        connection.send(stranger.FILE, {**filing, 9: [stranger.document_sent(taxpayer.person.content)]})
        _, _, status, body = connection.receive()
        assert status == 0
        office.signal(number)
        with pytest.raises(stranger.Closed):
            connection.receive()
    assert office.wait() == 0
    lines = office.log_text().splitlines()
    assert " stopping" in lines[-2] and " stopped" in lines[-1]
    office.start()
    taxpayer.file()
    assert taxpayer.evidence()[0] == body[1]
    assert office.stop() == 0


def test_a_stop_that_leaves_something_unpublished_says_so_last(office, tmp_path):
    before = (office.public / "crl.pem").read_bytes()
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    serial = stranger_of(taxpayer).serial().hex()
    # The next list comes in a minute, or at the stop.
    wait_until(lambda: (office.public / "crl.pem").read_bytes() != before, "the list of this start")
    hindrance = office.public / "crl.pem.new"
    hindrance.mkdir()
    taxpayer.asked("revoke")
    assert office.stop() == 0
    lines = office.log_text().splitlines()
    assert " warn stopped error=file_unreadable answer=" in lines[-1]
    assert any(" error publish_failed work=file file=crl.pem step=write reason=EEXIST " in line for line in lines[:-1])
    hindrance.rmdir()
    office.start()
    assert office.stop() == 0
    assert office.log_text().endswith(" info stopped error=none\n")
    check_crl(office, serial)


# ---- what the log has of it ----

def test_the_log_has_what_was_stored_and_the_names_of_answers(office, tmp_path):
    office.start()
    taxpayer = come(office, tmp_path / "someone")
    refused = taxpayer.asked("revoke", "--serial", "0" * 32, code=REFUSED)
    taxpayer.file()
    assert re.search(rf" info refusal op=revoke error=\w+ correlation={refused['correlation']} ", office.log_text())
    assert office.log_text().count(" info answer op=file error=none correlation=") == 1
    # Sent again it is only read.
    taxpayer.file(out="again.json")
    assert office.log_text().count(" info answer op=file ") == 1
    assert office.log_text().count(" info read op=file ") == 1
    assert office.stop() == 0
    office.set_settings(log_level="error")
    office.start()
    before = office.log_text().count(" op=")
    taxpayer.asked("revoke", "--serial", "0" * 32, code=REFUSED)
    assert office.log_text().count(" op=") == before
    assert office.stop() == 0
    office.set_settings(log_level="loud")
    assert "guichet.json, log_level" in office.run("serve", office.directory, code=FAILED).stderr


# ---- key files that others made ----

def test_a_key_file_is_made_as_the_readme_says(office, tmp_path):
    readme = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(openssl req .*?)```", readme, re.S)[1]
    taken = (tmp_path / "password", PASSWORD + "\n"), (tmp_path / "phrase", "a phrase\n")
    for path, text in taken:
        path.write_text(text, encoding="utf-8")
    # What is asked for at a terminal comes from files here.
    block = block.replace("openssl req", "openssl req -passout file:phrase").replace(
        "-export", "-export -passin file:phrase -passout file:password").replace(" office ", f" {office.directory} ")
    assert block.count(str(office.directory)) == 1 and block.count("file:") == 3
    programs = {**os.environ, "PATH": f"{office.program.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, env=programs, check=True, capture_output=True)
    office.start()
    told = guichet(program_of(office), "revoke", "--server", f"127.0.0.1:{office.port}", "--trust", office.public, "--as",
                   tmp_path / "op.p12", "--password-file", tmp_path / "password", "--json")
    assert len(json.loads(told.stdout)["serial"]) == 32


def test_encryption_of_the_past_is_told_from_a_wrong_password(office, tmp_path):
    taxpayer = come(office.start(), tmp_path)
    (tmp_path / "wrong").write_text("another\n", encoding="utf-8")
    password = f"pass:{PASSWORD}"
    openssl("pkcs12", "-in", taxpayer.key_file, "-passin", password, "-nodes", "-out", tmp_path / "plain.pem")
    old, new = tmp_path / "OLD.p12", tmp_path / "NEW.p12"
    openssl("pkcs12", "-export", "-legacy", "-in", tmp_path / "plain.pem", "-passout", password, "-out", old)
    words = "filings", *taxpayer.office_words(), "--as", old, "--json", "--password-file"
    told = json.loads(taxpayer.run(*words, taxpayer.password_file, code=FAILED).stdout)
    assert (told["error"], told["value"], told["place"]) == ("key_failed", "encryption not supported: RC2-40-CBC", str(old))
    wrong = json.loads(taxpayer.run(*words, tmp_path / "wrong", code=FAILED).stdout)
    assert wrong["error"] == "password_wrong" and "value" not in wrong
    # What is said to do about it does.
    mend = told["expected"].split(": ", 1)[1].replace(" && ", f" -passin {password} -passout {password} && ", 1)
    subprocess.run(["sh", "-e", "-c", f"{mend} -passin {password} -passout {password}"], cwd=tmp_path, check=True,
                   capture_output=True)
    taxpayer.run("filings", *taxpayer.office_words(), "--as", new, *taxpayer.password_words())
