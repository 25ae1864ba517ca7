# SPDX-License-Identifier: Apache-2.0
"""What a start makes of files that are gone or are of an older copy: keys are never made anew where they were used, and
what the office itself can make again is no reason not to serve."""
import re
import resource
import shutil
import signal
import subprocess

import pytest
from office import Office, wait_until
from test_audit import audit, issue
from visit import Visit

FAILED, REFUSED = 1, 3


def refused(office, command, *words, options=(), code=FAILED):
    """The command fails; -> what it says."""
    return office.run(command, *words, options=options, code=code).stderr


def serve_refused(office, code=FAILED):
    return refused(office, "serve", office.directory, options=["--listen", "127.0.0.1:0"], code=code)


@pytest.fixture(scope="module")
def used(offices):
    """An office with a filing, stopped, and the visit that filed it."""
    office = offices()
    person = office.people(3)[0]
    office.start()
    visit = Visit(office, person, office.place / "holder").enrol()
    visit.filing = visit.sign([visit.own_return()])
    visit.receipt = visit.file(visit.filing, person.content)
    assert office.stop() == 0
    return office, visit


def data_keys(office):
    return sorted(path.name for path in (office.keys / "data").iterdir())


def test_a_lost_data_key_is_not_made_anew(used, tmp_path):
    office, visit = used
    names = data_keys(office)
    assert len(names) >= 4
    for name in names:
        kept = shutil.move(office.keys / "data" / name, tmp_path / name)
        for said in [serve_refused(office),
                     refused(office, "import", "taxpayers", office.directory, office.place / "register.csv")]:
            assert f"data/{name}" in said and "no such file" in said and "put it back" in said
        [told] = audit(office, code=1)["disagreements"]
        assert told["kind"] == "store" and told["which"] == f"data/{name}"
        assert name not in data_keys(office)
        shutil.move(kept, office.keys / "data" / name)
    office.start()
    assert visit.file(visit.filing, visit.person.content) == visit.receipt
    assert office.stop() == 0
    audit(office)


def test_keys_of_an_older_copy_are_refused(offices, tmp_path):
    office = offices()
    older = shutil.copytree(office.keys, tmp_path / "older")
    office.people(3)
    issue(office, "cabinet")
    newer = shutil.move(office.keys, tmp_path / "newer")
    shutil.copytree(older, office.keys)
    assert "data/" in serve_refused(office)
    shutil.rmtree(office.keys)
    shutil.move(newer, office.keys)
    audit(office)


def test_a_key_destroyed_on_purpose_does_not_stop_the_start(offices):
    office = offices()
    office.people(3)
    [key] = (office.keys / "data").glob("register-*.key")
    key.rename(key.with_suffix(".destroyed"))
    office.start()
    assert office.stop() == 0
    assert not key.exists()
    assert {told["expected"] for told in audit(office, code=1)["disagreements"]} >= {"a data key that opens it"}


# ---- what is published ----

def crl_number(office):
    words = ["openssl", "crl", "-in", office.public / "crl.pem", "-noout", "-crlnumber"]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip().split("=")[1], 16)


def test_a_lost_revocation_list_is_published_anew(offices):
    office = offices()
    path = office.public / "crl.pem"
    path.unlink()
    [told] = audit(office, code=1)["disagreements"]
    assert told["which"] == "crl.pem" and "guichetd serve makes it anew" in told["expected"]
    office.start()
    assert " warn publication_missing file=crl.pem " in office.log_text()
    assert office.stop() == 0
    audit(office)
    before = crl_number(office)
    office.start()
    assert office.stop() == 0
    assert office.log_text().count("publication_missing") == 1
    assert crl_number(office) > before


def test_a_damaged_revocation_list_is_replaced_and_told(offices):
    office = offices()
    path = office.public / "crl.pem"
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    office.start()
    wait_until(lambda: " warn publication_damaged file=crl.pem " in office.log_text(), "publication_damaged")
    assert office.stop() == 0
    audit(office)
    office.start()
    assert office.stop() == 0
    assert office.log_text().count("publication_damaged") == 1


def test_lost_tiles_are_put_back_from_the_store(used, tmp_path):
    office = Office(tmp_path)
    shutil.copytree(used[0].directory, office.directory)
    tiles = [path for path in office.public.glob("tile/**/*") if path.is_file()]
    kept = {path: path.read_bytes() for path in tiles}
    assert kept
    [newest] = [path for path in tiles if path.name == (office.public / "checkpoint").read_text().splitlines()[1]]
    newest.unlink()
    office.start()
    name = newest.relative_to(office.public).as_posix()
    wait_until(lambda: f" warn publication_missing file={name} tiles=1 " in office.log_text(), "publication_missing")
    assert newest.read_bytes() == kept[newest]
    assert office.stop() == 0
    audit(office)


def test_what_a_killed_server_was_writing_is_removed(used, tmp_path):
    office = Office(tmp_path)
    shutil.copytree(used[0].directory, office.directory)
    [partial] = office.public.glob("tile/0/000.p")
    left = [office.public / "checkpoint.new", office.public / "crl.pem.new", partial / "1.new",
            office.keys / "data" / "filing-2026.key.new", office.directory / "committed.new"]
    operators = office.public / "campaign.json.new"
    for path in [*left, operators]:
        path.write_bytes(b"half")
    office.start()
    assert " info leftovers_removed files=5\n" in office.log_text()
    assert office.stop() == 0
    assert not any(path.exists() for path in left) and operators.exists()


def test_publishing_that_fails_is_told_with_its_reason_and_its_end(used, tmp_path):
    office = Office(tmp_path)
    shutil.copytree(used[0].directory, office.directory)
    # Not to be replaced by a file.
    hindrance = office.public / "checkpoint.new"
    hindrance.mkdir()
    office.start()
    wait_until(lambda: " publish_failed " in office.log_text(), "publish_failed")
    hindrance.rmdir()
    wait_until(lambda: " info publish_resumed work=log " in office.log_text(), "publish_resumed")
    assert office.stop() == 0
    told = re.findall(r" error publish_failed work=log file=checkpoint step=write reason=(\w+) ", office.log_text())
    assert told == ["EEXIST"]


@pytest.mark.parametrize("name", ["ca.pem", "log.vkey", "tls.pem"])
def test_what_is_published_once_is_put_back_from_the_keys(offices, name):
    office = offices()
    path = office.public / name
    content = path.read_bytes()
    path.unlink()
    assert name in {told["which"] for told in audit(office, code=1)["disagreements"]}
    office.start()
    assert f" warn publication_missing file={name} " in office.log_text()
    assert path.read_bytes() == content
    assert office.stop() == 0
    audit(office)
    # Without the copy the office says what it misses.
    path.unlink()
    (office.keys / f"{name}.copy").unlink()
    assert name in serve_refused(office)


@pytest.mark.parametrize("name", ["ca.pem", "log.vkey", "tls.pem"])
def test_a_damaged_copy_is_not_published(offices, name):
    office = offices()
    path, copy = office.public / name, office.keys / f"{name}.copy"
    content = path.read_bytes()
    copy.unlink()
    [told] = audit(office, code=1)["disagreements"]
    assert told["which"] == copy.name and "a copy of what is published" in told["expected"]
    path.unlink()
    copy.write_bytes(content[:len(content) // 2])
    for _ in range(2):
        assert f"\n  where:    {copy.name}\n" in serve_refused(office)
        assert not path.exists()
    assert copy.name in {told["which"] for told in audit(office, code=1)["disagreements"]}
    copy.write_bytes(content)
    office.start()
    assert office.stop() == 0 and path.read_bytes() == content
    audit(office)


def test_all_that_was_published_is_gone(used, tmp_path):
    """What the office makes or has copies of is there again; what only the operator has is named, all of it."""
    office = Office(tmp_path)
    shutil.copytree(used[0].directory, office.directory)
    kept = shutil.move(office.public, tmp_path / "kept")
    own = ["campaign.json", "catalogue.json"]
    said = serve_refused(office)
    assert re.search(rf"\n  where:    {office.public}/campaign.json and {office.public}/catalogue.json\n"
                     r"  found:    No such file or directory\n  expected: the operator's own, put back from a copy; .*init", said)
    assert " warn publication_missing file=public " in said and " warn publication_missing file=tls.pem " in said
    shutil.copy(kept / own[0], office.public)
    assert f"\n  where:    {office.public}/catalogue.json\n" in serve_refused(office)
    shutil.copy(kept / own[1], office.public)
    office.start()
    assert office.stop() == 0
    there, before = ({path.relative_to(place).as_posix() for path in place.rglob("*")} for place in (office.public, kept))
    assert there == before
    audit(office)


# ---- the directory ----

def allow(size):
    """The process is killed by its first write beyond so many bytes of a file."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [500, 4096])
def test_an_init_that_was_killed_is_told(offices, tmp_path, size):
    """Among the keys, or among what is published."""
    program, directory = offices().program, tmp_path / "killed"
    done = subprocess.run([program, "init", directory], capture_output=True, timeout=60, preexec_fn=allow(size), check=False)
    assert done.returncode == -signal.SIGXFSZ and list(directory.iterdir())
    for code, words in ((REFUSED, ["init", directory]), (FAILED, ["serve", directory, "--listen", "127.0.0.1:0"]),
                        (FAILED, ["audit", directory])):
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code and "that guichetd init has finished; remove" in done.stderr, words
    shutil.rmtree(directory)
    made = Office(tmp_path / "made").make()
    assert not (made.directory / "init-unfinished").exists()


def test_a_second_server_is_told_that_the_directory_is_locked(offices):
    office = offices()
    office.start()
    (office.directory / "lock").unlink()
    assert "a guichetd is using this directory" in serve_refused(office, REFUSED)
    assert "a guichetd is using this directory" in refused(office, "audit", office.directory, code=REFUSED)
    assert office.stop() == 0
    audit(office)


def test_a_second_server_changes_nothing(offices, tmp_path):
    office = offices()
    office.start()
    tls = shutil.move(office.tls_pem, tmp_path / "tls.pem")
    serve_refused(office, REFUSED)
    assert not office.tls_pem.exists()
    public = shutil.move(office.public, tmp_path / "public")
    serve_refused(office, REFUSED)
    assert not office.public.exists()
    shutil.move(public, office.public)
    shutil.move(tls, office.tls_pem)
    assert office.stop() == 0
    audit(office)


# ---- damage ----

def test_every_key_file_is_tried_by_the_audit(offices):
    office = offices()
    names = sorted(path.name for path in office.keys.iterdir() if path.is_file())
    assert {"root.key", "tls-root.key", "tls-server.key", "tls-server.pem", "issuing.key", "log.key", "store-master.key",
            "ca.pem.copy", "log.vkey.copy", "tls.pem.copy"} == set(names)
    for name in names:
        path = office.keys / name
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:])
        done = subprocess.run([office.program, "audit", office.directory], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == FAILED and (not name.endswith(".copy") or f"authority {name}: expected " in done.stdout), name
        path.write_bytes(content)
    (office.keys / "tls-server.pem").unlink()
    assert "tls-server.pem" in {told["which"] for told in audit(office, code=1)["disagreements"]}


def test_roots_keys_may_be_kept_elsewhere(offices):
    office = offices()
    for name in ("root.key", "tls-root.key"):
        (office.keys / name).unlink()
    audit(office)


def test_damage_in_any_table_is_told_first(used, tmp_path):
    """Also where only records are that newer ones stand in front of: a start may come across it."""
    office = Office(tmp_path)
    shutil.copytree(used[0].directory, office.directory)
    tables = sorted((office.directory / "db").glob("*.ldb"))
    assert len(tables) >= 2
    places = [(table, 30) for table in tables] + [(tables[-1], tables[-1].stat().st_size // 2)]
    for table, at in places:
        content = table.read_bytes()
        table.write_bytes(content[:at] + bytes([content[at] ^ 2]) + content[at + 1:])
        told = audit(office, code=1)["disagreements"]
        assert told[0]["kind"] == "store" and "Corruption" in told[0]["which"] + told[0]["expected"], table.name
        assert all(one["may_follow_from_damage"] for one in told[1:])
        done = office.run("audit", office.directory, code=FAILED)
        assert "What follows may come of the damage above:" in done.stdout or len(told) == 1
        table.write_bytes(content)
    audit(office)
