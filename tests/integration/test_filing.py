# SPDX-License-Identifier: Apache-2.0
"""Filing by the command line: check, annexes, attachments, uploads that are interrupted, the same again, rectifying,
and what a taxpayer can look at afterwards."""
import json
import os
import random
import signal
import subprocess
import threading

import pytest
from office import DEADLINE_S
from proxy import Proxy
from taxpayer import REFUSED, USAGE, Taxpayer, households, program_of

MIB = 1024 * 1024
PDF, JPEG = b"%PDF-1.4\n", bytes.fromhex("ffd8ffe000104a46494600")


def scan(size, head=PDF, seed=1):
    """Bytes that no compression makes smaller."""
    return head + random.Random(seed).randbytes(size - len(head))


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    people = made.people(30)
    made.crowd = households(people)
    # One household of two is kept for what spouses do.
    made.pair = next([one, other] for one, other in zip(people, people[1:]) if one.household == other.household)
    made.crowd.remove(made.pair[0])
    return made.start()


@pytest.fixture
def someone(office, tmp_path):
    """Somebody new, enrolled."""
    taxpayer = Taxpayer(office, office.crowd.pop(), tmp_path / "someone")
    taxpayer.enrol()
    return taxpayer


def put(taxpayer, name, content):
    path = taxpayer.place / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def year(taxpayer):
    return taxpayer.office.campaign()["income_year"]


# ---- check ----

def test_check_is_offline(someone):
    """No server, no certificate, and the server's own verdict."""
    words = "file", "--check", "--trust", someone.office.public
    assert "No rule refuses" in someone.run(*words, someone.return_file).stdout
    bad = put(someone, "bad.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 7, "7UF": 10}})
    told = json.loads(someone.run(*words, "--json", bad, code=REFUSED).stdout)
    assert [(one["rule"], one["place"]) for one in told["findings"] if one["severity"] == 1] == [(43, "0AC"), (60, "7UF")]
    plain = someone.run(*words, bad, code=REFUSED).stderr
    assert "0AC" in plain and "rule 60" in plain
    assert not list(someone.place.glob("receipt*"))


# ---- documents ----

def test_annexes_and_attachments(someone):
    main = put(someone, "main.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 1, "1AJ": 20000}})
    annex = put(someone, "annex.json", {"form": "2044", "income_year": year(someone), "boxes": {"4BA": 1234}})
    paper, photo = put(someone, "rib.pdf", scan(3000)), put(someone, "photo.jpg", scan(5000, JPEG))
    receipt = someone.file("--attach", paper, "--attach", photo, main, annex)
    assert [one["media_type"] for one in receipt["documents"]] == [
        "application/json", "application/json", "application/pdf", "image/jpeg"]
    someone.verify(main, annex, paper, photo)
    # The annex is here, so it is not asked for.
    assert "2044" not in [one["paper"] for one in receipt["pending"]]
    # What was filed comes back, to the byte.
    someone.online("show", receipt["number"], "--out", someone.place / "shown")
    shown = sorted((someone.place / "shown").iterdir())
    assert [path.read_bytes() for path in shown] == [path.read_bytes() for path in (main, annex, paper, photo)]


def test_annex_alone_is_no_return(someone):
    annex = put(someone, "annex.json", {"form": "2044", "income_year": year(someone), "boxes": {"4BA": 1234}})
    assert [one["rule"] for one in someone.refused(annex)["findings"] if one["severity"] == 1] == [22]


def test_unknown_kind_of_attachment(someone):
    program = put(someone, "program.exe", b"MZ")
    told = someone.refused("--attach", program, someone.return_file)
    assert told["error"] == "media_type_refused" and told["place"].endswith("program.exe")


def test_documents_of_every_accepted_kind(someone):
    kinds = {"a.pdf": PDF, "b.jpg": JPEG, "c.png": b"\x89PNG\r\n\x1a\n", "d.tif": b"II*\0", "e.txt": b"mot\n", "f.csv": b"a,b\n"}
    papers = [put(someone, name, content) for name, content in kinds.items()]
    receipt = someone.file(*(word for paper in papers for word in ("--attach", paper)), someone.return_file)
    assert len(receipt["documents"]) == 1 + len(kinds)
    someone.verify(someone.return_file, *papers)


# ---- uploads ----

def through(taxpayer, wire, *words):
    """The words of a filing over another wire."""
    return ["file", "--server", f"127.0.0.1:{wire.port}", "--trust", taxpayer.office.public, "--as", taxpayer.key_file,
            *taxpayer.password_words(), "--out", "receipt.json", *words]


def test_upload_goes_on_after_the_server_was_killed(someone):
    paper = put(someone, "scan.pdf", scan(3 * MIB))
    office = someone.office
    with Proxy(lambda: office.port) as wire:
        wire.at(3 * MIB // 2, office.restart)
        someone.run(*through(someone, wire, "--attach", paper, someone.return_file))
        assert wire.connections == 2
        # What had arrived whole was not sent again: less than one part twice.
        assert 3 * MIB < wire.sent < 3 * MIB + MIB
    someone.verify(paper, someone.return_file)


def test_upload_goes_on_after_the_client_was_killed(someone):
    paper = put(someone, "scan.pdf", scan(3 * MIB, seed=2))
    with Proxy(lambda: someone.office.port) as wire:
        words = list(map(str, through(someone, wire, "--attach", paper, someone.return_file)))
        client = subprocess.Popen([str(program_of(someone.office)), *words], cwd=someone.place, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wire.at(2 * MIB, lambda: client.send_signal(signal.SIGKILL))
        assert client.wait(DEADLINE_S) == -signal.SIGKILL
        assert not (someone.place / "receipt.json").exists()
        first = wire.sent
        someone.run(*words)
        assert wire.sent - first < 2 * MIB
    someone.verify(paper, someone.return_file)
    assert len(someone.asked("filings")["filings"]) == 1
    assert not list(someone.place.glob("*.filing"))


def test_progress_is_told_when_it_takes_over_a_second(someone):
    """The wire stands still for a while: whoever waits is told for what."""
    paper = put(someone, "scan.pdf", scan(3 * MIB, seed=3))
    office = someone.office
    with Proxy(lambda: office.port) as wire:
        stopped = threading.Event()
        wire.at(MIB, lambda: (office.signal(signal.SIGSTOP), stopped.set()))
        client = subprocess.Popen([str(program_of(office)), *map(str, through(someone, wire, "--attach", paper,
                                  someone.return_file))], cwd=someone.place, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert stopped.wait(DEADLINE_S)
        told = client.stderr.readline()
        office.signal(signal.SIGCONT)
        client.communicate(timeout=DEADLINE_S)
        assert told.startswith("guichet: filing")
        assert client.returncode == 0


def test_attachment_beyond_its_limit(someone):
    paper = someone.place / "huge.pdf"
    with open(paper, "wb") as file:
        file.truncate(20 * MIB + 1)
    told = someone.refused("--attach", paper, someone.return_file, code=USAGE)
    assert "huge.pdf" in told["value"] or "huge.pdf" in told["place"]


# ---- the same again ----

def test_the_same_command_again(someone):
    someone.file()
    evidence = someone.evidence()
    someone.file()
    assert someone.evidence() == evidence
    someone.office.restart()
    someone.file()
    assert someone.evidence() == evidence
    someone.file(someone.return_file, out="again.json")
    assert someone.evidence("again.json") == evidence
    assert len(someone.asked("filings")["filings"]) == 1


def test_another_return_does_not_overwrite_a_receipt(someone):
    someone.file()
    evidence = someone.evidence()
    other = put(someone, "other.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 1, "1AJ": 1}})
    someone.asked("file", "--out", "receipt.json", other, code=USAGE)
    assert someone.evidence() == evidence


# ---- rectifying ----

def test_rectifying(someone):
    first = someone.file()
    other = put(someone, "other.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 1, "1AJ": 1}})
    told = someone.refused(other, out="second.json")
    assert (told["error"], told["expected"]) == ("replaces_mismatch", first["number"])
    told = someone.refused("--replaces", "AAAA-BBBB-CCCC-DDDD", other, out="second.json", code=USAGE)
    assert told["place"]
    second = someone.file("--replaces", first["number"], other, out="second.json")
    assert second["replaces"] == first["number"]
    # The first one is kept, says the same, and tells who came after it.
    someone.file()
    assert someone.receipt() == first
    assert someone.asked("receipt", first["number"])["superseded_by"] == second["number"]
    assert "rectifiée" in someone.online("receipt", first["number"]).stdout
    told = someone.asked("filings")["filings"]
    # Newest first, but nothing is newer within one second.
    assert {(one["number"], one.get("superseded_by"), one.get("replaces")) for one in told} == {
        (second["number"], None, first["number"]), (first["number"], second["number"], None)}
    listed = someone.online("filings").stdout
    assert "in force" in listed and f"rectified by {second['number']}" in listed


def test_many_rectifications_are_listed_over_pages(someone):
    numbers = []
    for n in range(60):
        document = put(someone, "n.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 1, "1AJ": n}})
        options = ["--replaces", numbers[-1]] if numbers else []
        numbers.append(someone.file(*options, document, out=f"{n}.json")["number"])
    listed = someone.asked("filings")["filings"]
    assert {one["number"] for one in listed} == set(numbers) and len(listed) == 60
    times = [one["received_at"] for one in listed]
    assert times == sorted(times, reverse=True)


# ---- looking at it ----

def test_receipt_by_number_and_by_id(someone):
    receipt = someone.file()
    for reference in (receipt["number"], receipt["number"].replace("-", "").lower(), receipt["filing_id"]):
        someone.online("receipt", reference, "--out", "fetched.json")
        assert someone.evidence("fetched.json") == someone.evidence()
    printed = someone.online("receipt", receipt["number"]).stdout
    assert "ACCUSÉ DE RÉCEPTION" in printed.upper() and receipt["number"] in printed
    # How the lines break depends on the time.
    assert someone.person.birth_name in printed and "heure de Paris" in " ".join(printed.split())


def test_nobody_sees_anothers_filing(someone, office, tmp_path):
    receipt = someone.file()
    other = Taxpayer(office, office.crowd.pop(), tmp_path / "other")
    other.enrol()
    missing = other.asked("receipt", "0" * 64, code=REFUSED)
    for command in ("receipt", "show"):
        told = other.asked(command, receipt["number"], code=REFUSED)
        assert told["error"] == "not_found"
        assert {**told, "correlation": "", "value": ""} == {**missing, "correlation": "", "value": ""}
    assert other.asked("filings")["filings"] == []


def test_spouses_see_and_rectify_the_same(office, tmp_path):
    """A7: each has a certificate; one files, the other sees it and rectifies it."""
    one, other = (Taxpayer(office, person, tmp_path / person.spi) for person in office.pair)
    one.enrol()
    other.enrol()
    first = one.file()
    assert {person["spi"] for person in first["persons"]} >= {one.person.spi, other.person.spi}
    other.online("receipt", first["number"], "--out", "receipt.json")
    assert other.evidence() == one.evidence()
    changed = put(other, "changed.json", one.return_file.read_bytes() + b"\n")
    second = other.file("--replaces", first["number"], changed, out="second.json")
    assert one.asked("receipt", first["number"])["superseded_by"] == second["number"]


# ---- certificates ----

def test_revoked_by_its_holder(someone):
    someone.file()
    other = put(someone, "other.json", {"form": "2042", "income_year": year(someone), "boxes": {"0AC": 1, "1AJ": 1}})
    assert someone.asked("revoke", "--reason", "key-compromise")["revoked_at"]
    assert someone.asked("filings", code=REFUSED)["error"] == "certificate_revoked"
    told = someone.refused("--replaces", someone.receipt()["number"], other, out="second.json")
    assert told["error"] == "certificate_revoked"
    # What was accepted before stays accepted, and is answered with the same receipt.
    evidence = someone.evidence()
    someone.file()
    assert someone.evidence() == evidence


def test_enrolling_again_ends_the_old_certificate(someone):
    old = someone.key_file.rename(someone.place / "old.p12")
    someone.enrol()
    someone.online("filings")
    told = json.loads(someone.run("filings", *someone.office_words(), "--as", old, *someone.password_words(), "--json",
                                  code=REFUSED).stdout)
    assert told["error"] == "certificate_revoked"


@pytest.mark.parametrize("key, name", [(None, "rsaEncryption"), ("rsa3072", "rsaEncryption"), ("p256", "id-ecPublicKey")])
def test_kinds_of_keys(office, tmp_path, key, name):
    taxpayer = Taxpayer(office, office.crowd.pop(), tmp_path)
    taxpayer.enrol(key=key)
    told = subprocess.run(["openssl", "pkcs12", "-in", taxpayer.key_file, "-passin", f"file:{taxpayer.password_file}",
                           "-nokeys", "-clcerts"], capture_output=True, check=True).stdout
    told = subprocess.run(["openssl", "x509", "-noout", "-text"], input=told, capture_output=True, check=True).stdout.decode()
    assert name in told and taxpayer.person.spi in told
    taxpayer.file()
    assert oct(os.stat(taxpayer.key_file).st_mode & 0o777) == "0o600"
