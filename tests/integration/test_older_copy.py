# SPDX-License-Identifier: Apache-2.0
"""What was signed and published is never taken back: a store put back from an older copy is not served, nor an office
under another name than its log's."""
import json
import shutil
import subprocess

import generate
import pytest
from office import Office, wait_until
from taxpayer import households
from test_audit import audit
from visit import Visit

STORED = ("db", "segments", "journal")
COMMITTED = "committed"
ALL = (*STORED, COMMITTED, "public")


def put(source, target, names):
    """Copies these parts of an office, into the place of what is there."""
    target.mkdir(exist_ok=True)
    for name in names:
        if (source / name).is_file():
            shutil.copy(source / name, target / name)
            continue
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(source / name, target / name)


def serve_refused(office):
    return office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=1).stderr


def log_size(office):
    return int((office.public / "checkpoint").read_text(encoding="utf-8").splitlines()[1])


def committed(office):
    return int((office.directory / COMMITTED).read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def lives(offices, tmp_path_factory):
    """An office as it was copied after a first life, and as a kill left it in a second: the directories of both."""
    office, place = offices(), tmp_path_factory.mktemp("lives")
    people = households(office.people(6))
    office.start()
    Visit(office, people[0], place / "first").enrol()
    assert office.stop() == 0
    older = shutil.copytree(office.directory, place / "older")
    # A journal so small that it turns every few batches, as it does in an office every few thousand.
    office.start("--test-journal-size", 4 * 4096)
    for person in people[1:]:
        visit = Visit(office, person, place / person.spi).enrol()
        visit.verify(*visit.file(visit.sign([visit.own_return()]), visit.person.content))
    wait_until(lambda: log_size(office) == 2 * len(people) - 1, "the checkpoint")
    office.kill()
    return older, shutil.copytree(office.directory, place / "newest")


@pytest.fixture
def office(lives, tmp_path):
    """As it was killed, with what else is put into it."""
    made = Office(tmp_path)
    shutil.copytree(lives[1], made.directory)
    return made


OLDER = r"an older copy must not be served as the present"


@pytest.mark.parametrize("parts,where", [
    # What the store notes tells, also when it could note nothing at the end; it needs nothing of what is published.
    ([*STORED, "public"], "db: the last batch is "),
    # The checkpoint tells.
    ([*STORED, COMMITTED], "public/checkpoint"),
], ids=["committed", "published"])
def test_an_older_copy_is_not_served(office, lives, parts, where):
    put(lives[0], office.directory, parts)
    said = serve_refused(office)
    assert f"\n  where:    {where}" in said and OLDER in said
    told = office.run("audit", office.directory, code=1)
    assert where.removeprefix("public/") in told.stdout + told.stderr
    # With the newest again it goes on, and notes what the journal had besides.
    noted = int((lives[1] / COMMITTED).read_text(encoding="ascii"))
    put(lives[1], office.directory, ALL)
    office.start()
    assert committed(office) > noted
    assert office.stop() == 0
    audit(office)


@pytest.mark.parametrize("leave", ["partial", "full"])
@pytest.mark.parametrize("checkpoint", [None, "x\n"], ids=["gone", "damaged"])
def test_a_tile_of_a_longer_log_tells_too(office, lives, checkpoint, leave):
    put(lives[0], office.directory, [*STORED, COMMITTED])
    path = office.public / "checkpoint"
    path.unlink()
    if checkpoint is not None:
        path.write_text(checkpoint, encoding="ascii")
    tiles = office.public / "tile" / "0"
    if leave == "full":
        # Of a log that has gone on, what was partial is gone.
        shutil.rmtree(tiles / "000.p")
        (tiles / "000").write_bytes(bytes(256 * 32))
        where, leaves = "000", 256
    else:
        leaves = max(int(tile.name) for tile in (tiles / "000.p").iterdir())
        where = "000.p"
    said = serve_refused(office)
    assert f"\n  where:    public/tile/0/{where}\n  found:    a tile of a log of at least {leaves} leaves\n" in said and OLDER in said
    assert "the log in the store, of 1 leaves" in said
    shutil.rmtree(office.public)
    put(lives[0], office.directory, ["public"])
    office.start()
    assert office.stop() == 0


def test_what_is_gone_of_what_would_tell_is_said(office):
    (office.directory / COMMITTED).unlink()
    (office.public / "checkpoint").unlink()
    office.start()
    assert " warn publication_missing file=checkpoint " in office.log_text()
    assert " warn committed_missing file=committed " in office.log_text()
    assert office.stop() == 0
    (office.directory / COMMITTED).unlink()
    [told] = audit(office, code=1)["disagreements"]
    assert (told["kind"], told["which"]) == ("store", COMMITTED)
    audit(office)
    size = log_size(office)
    (office.public / "checkpoint").write_text("x\n", encoding="ascii")
    office.start()
    assert " warn publication_damaged file=checkpoint " in office.log_text()
    assert office.stop() == 0
    assert log_size(office) == size and office.log_text().count(" warn publication_") == 2
    assert office.log_text().count("committed_missing") == 1


def test_whoever_notes_committed_anew_says_so(office, tmp_path):
    office.start()
    assert office.stop() == 0
    csr, missing = tmp_path / "csr", "guichetd: committed was missing and is noted anew"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    tmp_path / "key", "-subj", "/CN=agent", "-out", csr], check=True, capture_output=True)
    register = tmp_path / "register.csv"
    generate.register_write(register, generate.generate(1, 5, office.campaign()["income_year"])[0])

    def told(command, *words, options=()):
        (office.directory / COMMITTED).unlink()
        first, again = (office.run(command, *words, options=[*options, "--json"]) for _ in range(2))
        assert first.stderr.startswith(missing) and first.stderr.count("\n") == 1 and not again.stderr
        return json.loads(first.stdout)

    told("import", "taxpayers", office.directory, register)
    serial = told("issue", office.directory, options=["--kind", "agent", "--csr", csr])["serial"]
    assert told("revoke", office.directory, serial)["serial"] == serial


def test_a_new_office_lacks_nothing(offices):
    office = offices()
    office.start()
    assert office.stop() == 0
    assert "_missing" not in office.log_text() and "_damaged" not in office.log_text()


def test_an_office_keeps_its_name(offices):
    office = offices()
    settings = office.directory / "guichet.json"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("guichet.example/", "guichet.example/x"), encoding="utf-8")
    refused = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=1)
    assert "origin" in refused.stderr and "guichet.example/" in refused.stderr
