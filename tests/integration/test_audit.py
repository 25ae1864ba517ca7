# SPDX-License-Identifier: Apache-2.0
"""guichetd audit as a program: over an office that has only issued certificates, over one where people filed until the
server was killed, and over what is left when bytes on the disk are changed. (tests/unit/test_audit.c changes one record
at a time.)"""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

import pytest
import stranger
from office import wait_until
from taxpayer import USAGE
from visit import Visit


def audit(office, directory=None, code=0, checkpoints=()):
    """-> the report as JSON, the exit code asserted."""
    words = ["audit", "--json", directory or office.directory, *(word for path in checkpoints for word in ("--checkpoint", path))]
    done = subprocess.run([office.program, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["type"] == "guichet-audit"
    assert report["agrees"] == (code == 0) == (report["disagreements"] == [])
    assert report["disagreements_count"] == len(report["disagreements"])
    return report


def issue(office, name):
    """Makes a key, has a certificate issued offline; -> its serial number in hexadecimal."""
    key, csr, certificate = (office.place / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    f"/CN={name}", "-keyout", key, "-out", csr], check=True, capture_output=True)
    office.run("issue", office.directory, "--kind", "professional", "--csr", csr, "--out", certificate)
    said = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", certificate], check=True, capture_output=True, text=True)
    return said.stdout.strip().split("=")[1].lower()


def said_at_a_terminal(office, *words, code=0):
    """Standard error is a terminal -> what is shown there, and standard output."""
    terminal, end = pty.openpty()
    done = subprocess.run([str(word) for word in (office.program, *words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=end, timeout=120, check=False)
    assert done.returncode == code
    os.write(end, b"#")
    seen = b""
    while not seen.endswith(b"#"):
        seen += os.read(terminal, 1000)
    os.close(end)
    os.close(terminal)
    return seen[:-1].decode(), done.stdout.decode()


# ---- an office that works ----

def test_who_waits_at_a_terminal_is_told_what_is_being_done(offices, tmp_path):
    """The line is there at once, and wiped before anything else is said."""
    office = offices()
    shown, told = said_at_a_terminal(office, "audit", office.directory)
    assert re.fullmatch(rf"guichetd: {re.escape(f'auditing {office.directory}')[:60]}\S* \.\.\.\r {{79}}\r", shown), shown
    assert "Everything agrees." in told
    assert said_at_a_terminal(office, "audit", "--json", office.directory)[0] == ""
    assert office.run("audit", office.directory).stderr == ""
    (office.public / "catalogue.json").write_text("{}")
    shown, told = said_at_a_terminal(office, "audit", office.directory, code=1)
    assert shown.endswith("\r") and shown.count("auditing") == 1 and "1 disagreements" in told
    assert said_at_a_terminal(office, "init", tmp_path / "new")[0].startswith("guichetd: making keys, certificates")



def test_a_new_office_agrees(offices):
    office = offices()
    checked = audit(office)["checked"]
    assert {name: count for name, count in checked.items() if count} == {"records": 2, "published_files": 2}
    said = office.run("audit", office.directory).stdout
    assert "Everything agrees." in said
    assert "usage: guichetd audit DIR" in office.run("audit", "--help").stdout
    office.run("audit", code=2)
    office.run("audit", office.directory, "--jsonn", code=2)
    office.run("audit", office.place / "nowhere", code=1)


def test_certificates_issued_and_revoked_offline(offices):
    office = offices()
    office.people(20)
    serials = [issue(office, f"cabinet-{i}") for i in range(3)]
    office.run("revoke", office.directory, serials[1], "--reason", "key-compromise")
    checked = audit(office)["checked"]
    assert [checked[name] for name in ("leaves", "certificates", "certificate_leaves", "revocations", "revocation_leaves",
                                       "published_revocations")] == [4, 3, 3, 1, 1, 1]
    assert checked["taxpayers"] > 20 and checked["blobs"] == 4 and checked["blobs_unmentioned"] == 0


@pytest.fixture(scope="module")
def used(offices):
    """An office where people filed, rectified and uploaded, killed in the middle and stopped at the end."""
    office = offices()
    people = office.people(12)
    people = list({person.household: person for person in people}.values())
    office.kept = []
    office.start()
    for i, person in enumerate(people[:8]):
        visit = Visit(office, person, office.place / f"holder-{i}").enrol()
        receipt, proof = visit.file(visit.sign([visit.own_return()]), person.content)
        kept = office.place / f"checkpoint-{i}"
        kept.write_bytes(proof[proof.index(b"\n\n") + 2:])
        office.kept.append(kept)
        if i == 3:
            office.restart()
        if i % 2 == 0:
            scan = b"%PDF-1.4\n" + bytes(range(256)) * 3000
            filing = visit.sign([visit.own_return(), ("attachment/rib", "application/pdf", scan)], json.loads(receipt)["number"])
            with visit.connect() as connection:
                opened = connection.upload(filing, [scan], connection.hello()[10])
                if i % 4 == 0:
                    connection.file(filing, [stranger.document_sent(person.content)])
                else:
                    # Begun anew, and never completed: its first two parts are nobody's.
                    connection.request(stranger.PART, {1: opened[1], 3: stranger.sha256(scan), 5: 0, 7: scan[:100000],
                                                       9: opened[3]})
    audit_refuses(office)
    assert office.stop() == 0
    return office


def audit_refuses(office):
    done = subprocess.run([office.program, "audit", office.directory], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3 and "is using this directory" in done.stderr and done.stdout == ""


def test_filings_agree(used):
    checked = audit(used)["checked"]
    assert [checked[name] for name in ("filings", "receipts", "documents", "dossiers", "certificates", "uploads", "leaves",
                                       "blobs", "blobs_unmentioned")] == [10, 10, 12, 8, 8, 2, 18, 28, 4]
    # An orderly stop leaves nothing unpublished.
    assert (used.public / "checkpoint").read_text(encoding="utf-8").splitlines()[1] == "18"
    assert checked["published_checkpoints"] == 1 and checked["published_tiles"] > 0


def test_every_checkpoint_that_came_with_a_receipt_is_of_the_log(used, offices):
    assert audit(used, checkpoints=used.kept)["checked"]["kept_checkpoints"] == len(used.kept) == 8
    # Another log has none of these trees, and another key.
    found = audit(offices(), code=1, checkpoints=used.kept[:2])["disagreements"]
    assert [(one["kind"], one["which"]) for one in found if one["kind"] == "kept checkpoint"] == [
        ("kept checkpoint", str(path)) for path in used.kept[:2]]
    used.run("audit", used.directory, *["--checkpoint", used.kept[0]] * 33, code=USAGE)


def test_nothing_personal_is_said(used, tmp_path):
    directory = copy(used, tmp_path)
    for segment in (directory / "segments").iterdir():
        data = bytearray(segment.read_bytes())
        for at in range(0, len(data), 997):
            data[at] ^= 1
        segment.write_bytes(data)
    done = subprocess.run([used.program, "audit", directory], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    with open(used.place / "register.csv", encoding="utf-8") as register:
        rows = [line.strip().split(",") for line in register][1:]
    said = done.stdout + done.stderr
    # Four letters can stand in a receipt number by chance.
    assert not [word for row in rows for word in row[:2] if len(word) > 4 and word in said]


# ---- bytes on the disk ----

def copy(office, place):
    return pathlib.Path(shutil.copytree(office.directory, place / "hurt"))


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def test_a_changed_byte_anywhere_in_a_segment_is_found(used, tmp_path):
    directory = copy(used, tmp_path)
    [segment] = (directory / "segments").iterdir()
    whole = segment.read_bytes()
    for at in [0, 5, 9, 17, 25, 40, 61, *range(100, len(whole), len(whole) // 12), len(whole) - 1]:
        flip(segment, at)
        assert audit(used, directory, 1)["disagreements"], f"byte {at}"
        flip(segment, at)
    assert segment.read_bytes() == whole
    audit(used, directory)


def test_a_segment_cut_or_gone_is_found(used, tmp_path):
    directory = copy(used, tmp_path)
    [segment] = (directory / "segments").iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-1])
    assert audit(used, directory, 1)["disagreements"][0]["kind"] == "store"
    segment.unlink()
    assert audit(used, directory, 1)["disagreements"][0]["kind"] == "store"


def test_a_changed_byte_in_the_records_is_found(used, tmp_path):
    directory = copy(used, tmp_path / "first")
    # What the engine was making when it was closed, and does not need, it removes as it opens.
    audit(used, directory)
    # A store that is closed has all of them in tables; the log is not read. The first table has nothing but a record of
    # the engine's own, from when the store was made, in whose place a newer one stands.
    files = [path for path in (directory / "db").glob("*.ldb") if path.stat().st_size > 1000]
    assert files
    for number, path in enumerate(files):
        size = path.stat().st_size
        for part in range(8):
            hurt = copy(type("Copied", (), {"directory": directory}), tmp_path / f"{number}-{part}")
            flip(hurt / "db" / path.name, size * part // 8 + 11 if size > 100 else size // 2)
            assert audit(used, hurt, 1)["disagreements"], f"{path.name}, part {part}"
            shutil.rmtree(hurt)


@pytest.mark.parametrize("name", ["checkpoint", "crl.pem", "log.vkey", "ca.pem", "tls.pem", "campaign.json", "catalogue.json"])
def test_a_changed_publication_is_found(used, tmp_path, name):
    directory = copy(used, tmp_path)
    flip(directory / "public" / name, 60)
    audit(used, directory, 1)


def test_what_the_operator_changes_agrees_once_it_is_taken(offices):
    office = offices()
    path = office.public / "campaign.json"
    first = path.read_text(encoding="utf-8")
    office.start()
    # Ever another one, as fast as they are taken: the last one counts.
    for count in range(10):
        before = office.log_text().count(" reloaded ")
        path.write_text(first + " " * (count + 1), encoding="utf-8")
        office.signal(signal.SIGHUP)
        wait_until(lambda: office.log_text().count(" reloaded ") > before, "reloaded")
    assert office.stop() == 0
    assert audit(office)["checked"]["published_files"] == 2
    # Changed while no server ran it is nobody's yet; the next start takes it.
    path.write_text(first, encoding="utf-8")
    [told] = audit(office, code=1)["disagreements"]
    assert told["which"] == "campaign.json" and told["expected"].startswith("what the office took last")
    before = office.log_text().count(" info publication_changed file=campaign.json ")
    assert office.start().stop() == 0
    assert office.log_text().count(" info publication_changed file=campaign.json ") == before + 1
    audit(office)
    # What is refused is not taken.
    office.start()
    path.write_text("{", encoding="utf-8")
    office.signal(signal.SIGHUP)
    wait_until(lambda: "reload_refused" in office.log_text(), "refused")
    assert office.stop() == 0
    assert audit(office, code=1)["disagreements"][0]["which"] == "campaign.json"


def test_another_offices_checkpoint_is_found(used, offices, tmp_path):
    other = offices()
    issue(other, "cabinet")
    other.start()
    other.stop()
    directory = copy(used, tmp_path)
    shutil.copy(other.public / "log.vkey", directory / "public" / "log.vkey")
    assert audit(used, directory, 1)["disagreements"][0]["kind"] == "authority"


def test_a_lost_data_key_is_found(used, tmp_path):
    directory = copy(used, tmp_path)
    keys = sorted((directory / "keys" / "data").iterdir())
    assert keys
    for key in keys:
        kept = key.read_bytes()
        key.unlink()
        assert audit(used, directory, 1)["disagreements"], key.name
        key.write_bytes(kept)
        key.chmod(0o600)
    audit(used, directory)
