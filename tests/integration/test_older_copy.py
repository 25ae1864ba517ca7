# SPDX-License-Identifier: Apache-2.0
"""What was signed and published is never taken back: a store put back from an older copy is not served, nor an office
under another name than its log's."""
import shutil

from visit import Visit

STORED = ("db", "segments", "journal", "committed")


def test_an_older_copy_is_not_served(offices, tmp_path):
    office = offices()
    people = office.people(3)
    office.start()
    visit = Visit(office, people[0], tmp_path / "holder").enrol()
    assert office.stop() == 0
    kept = tmp_path / "kept"
    for name in STORED:
        source = office.directory / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, kept / name if source.is_dir() else kept)
    office.start()
    given = visit.file(visit.sign([visit.own_return()]), visit.person.content)
    visit.verify(*given)
    assert office.stop() == 0
    newest = tmp_path / "newest"
    newest.mkdir()
    for name in STORED:
        shutil.move(office.directory / name, newest / name)
        source = kept / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, office.directory / name)

    refused = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=1)
    assert "an older copy must not be served" in refused.stderr
    # With the newest again it goes on, and the receipt is there.
    for name in STORED:
        stale = office.directory / name
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
        shutil.move(newest / name, office.directory / name)
    office.start()
    assert office.stop() == 0


def test_an_office_keeps_its_name(offices):
    office = offices()
    settings = office.directory / "guichet.json"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("guichet.example/", "guichet.example/x"), encoding="utf-8")
    refused = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=1)
    assert "origin" in refused.stderr and "guichet.example/" in refused.stderr
