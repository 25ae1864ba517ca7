# SPDX-License-Identifier: Apache-2.0
"""Two commands with one --out, and one that was killed: a name has one winner, nothing that came meanwhile is overwritten,
and the next run leaves nothing behind of the one that was killed."""
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import subprocess

import pytest
from office import wait_until
from taxpayer import FAILED, USAGE, Taxpayer, households, program_of

SOURCE = pathlib.Path(__file__).with_name("at_name.c")
SANITIZED = "san-" in os.environ.get("GUICHET_BUILD", "")
OURS = ".guichet-tmp", ".guichet-lock"
# Of someone who has enrolled and filed.
EVERYTHING = ["2042.json", "me.p12", "password", "receipt.json", "receipt.tlog-proof"]


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    made.crowd = households(made.people(60))
    return made.start()


@pytest.fixture
def someone(office, tmp_path):
    return Taxpayer(office, office.crowd.pop(), tmp_path / "someone")


@pytest.fixture
def holder(someone):
    someone.enrol()
    return someone


@pytest.fixture(scope="module")
def at_name(tmp_path_factory):
    """A function of what is to happen at which name; -> the environment for it."""
    if SANITIZED:
        pytest.skip("a sanitizer has to be loaded first")
    library = tmp_path_factory.mktemp("at_name") / "at_name.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-Wall", "-Werror", SOURCE, "-o", library, "-ldl"], check=True)
    return lambda what, ending: {**os.environ, "LD_PRELOAD": str(library), "AT_NAME": f"{what}:{ending}"}


def left_in(place):
    """What no run may leave."""
    return [path.name for path in place.iterdir() if path.name.endswith(OURS)]


def begin(someone, *words):
    words = program_of(someone.office), *words
    return subprocess.Popen(list(map(str, words)), cwd=someone.place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def killed(someone, environment, *words):
    done = subprocess.run(list(map(str, (program_of(someone.office), *words))), cwd=someone.place, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done


def file_words(holder, document=None, out="receipt.json"):
    return ["file", *holder.office_words(), "--as", holder.key_file, *holder.password_words(), "--out", out,
            document or holder.return_file]


def changed_return(holder):
    document = json.loads(holder.person.content)
    document["boxes"]["1AJ"] = 12345
    path = holder.place / "changed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def filings(holder):
    return [row["number"] for row in holder.asked("filings")["filings"]]


def held(path):
    """The lock of a file, had by this test."""
    file = open(f"{path}.guichet-lock", "w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@contextlib.contextmanager
def silent(office):
    """Its server takes connections and says nothing."""
    office.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        office.signal(signal.SIGCONT)


# ---- two at once ----

def test_of_two_enrolments_into_one_file_one_is_refused(office, someone):
    waiting = someone.place / "me.p12.new"
    with begin(someone, *someone.enrol_words(), "--json") as first:
        with silent(office):
            wait_until(waiting.exists, "a key that waits for its certificate")
            key = waiting.read_bytes()
            told = someone.enrol(code=USAGE)
            said = someone.run(*someone.enrol_words(), code=USAGE).stderr
        serial = json.loads(first.communicate(timeout=60)[0])["serial"]
        assert first.returncode == 0
    assert (told["place"], told["value"]) == ("--out", str(someone.key_file))
    assert "another guichet is enrolling into this file" in told["expected"] and told["expected"] in said
    assert key and not waiting.exists() and left_in(someone.place) == []
    # The one certificate is the one in force, and in the file.
    assert someone.asked("filings")["filings"] == []
    assert json.loads(someone.online("revoke", "--json").stdout)["serial"] == serial


def test_of_two_filings_under_one_name_one_is_refused(office, holder):
    changed = changed_return(holder)
    kept = holder.place / "receipt.filing"
    with begin(holder, *file_words(holder)) as first:
        with silent(office):
            wait_until(kept.exists, "a filing that was signed")
            signed = kept.read_bytes()
            # The names that go with it are the same when .json is left off.
            tolds = [json.loads(holder.run(*file_words(holder, *words), "--json", code=USAGE).stdout)
                     for words in ((changed,), (changed, "receipt"), ())]
            assert kept.read_bytes() == signed
        first.communicate(timeout=60)
        assert first.returncode == 0
    for told in tolds:
        assert told["place"] == "--out" and "another guichet is filing into this file" in told["expected"]
    assert filings(holder) == [holder.receipt()["number"]] and left_in(holder.place) == []
    holder.verify(holder.return_file)


def test_who_finds_a_name_taken_sends_nothing(holder):
    with held(holder.place / "second.p12"), held(holder.place / "receipt.filing"):
        holder.enrol(code=USAGE, out=holder.place / "second.p12")
        holder.refused(code=USAGE)
        assert sorted(path.name for path in holder.place.glob("second*")) == ["second.p12.guichet-lock"]
        assert sorted(path.name for path in holder.place.glob("receipt*")) == ["receipt.filing.guichet-lock"]
        # Checking needs no name; another name is free; and the first certificate is in force still.
        holder.run("file", "--check", "--trust", holder.office.public, holder.return_file)
        assert filings(holder) == []
    # What is left of a lock, nobody having it, is none.
    holder.file()
    assert filings(holder) == [holder.receipt()["number"]]
    holder.enrol(out=holder.place / "second.p12")
    assert left_in(holder.place) == []


# ---- a name that is taken in the last moment ----

def test_what_came_at_the_last_moment_is_not_overwritten(someone, at_name):
    done = someone.run(*someone.enrol_words(), "--json", code=USAGE, environment=at_name("taken", "/me.p12"))
    told = json.loads(done.stdout)
    assert (told["place"], told["value"]) == ("--out", str(someone.key_file)) and "moved away" in told["expected"]
    assert someone.key_file.read_text() == "precious"
    someone.key_file.rename(someone.place / "mine")
    someone.enrol()
    number = someone.file(out="first.json")["number"]
    done = someone.run(*file_words(someone), "--json", code=USAGE, environment=at_name("taken", "receipt.filing"))
    kept = someone.place / "receipt.filing"
    assert json.loads(done.stdout)["value"] == kept.name and kept.read_text() == "precious"
    kept.unlink()
    for name in "receipt.tlog-proof", "receipt.json":
        for words in (file_words(someone), ["receipt", *file_words(someone)[1:-1], number]):
            done = someone.run(*words, "--json", code=USAGE, environment=at_name("taken", name))
            assert json.loads(done.stdout)["value"] == name
            assert (someone.place / name).read_text() == "precious"
            # Without its proof there is no receipt.
            assert (someone.place / "receipt.json").exists() == (name == "receipt.json")
            for path in someone.place.glob("receipt*"):
                assert path.name == "receipt.filing" or path.unlink() is None
    someone.file()
    # The same receipt, written otherwise, is something else too: it was not looked for before the office answered.
    receipt = someone.place / "receipt.json"
    content = receipt.read_bytes()
    receipt.write_bytes(content + b"\n")
    for words in (file_words(someone), ["receipt", *file_words(someone)[1:-1], someone.receipt()["number"]]):
        assert json.loads(someone.run(*words, "--json", code=USAGE).stdout)["value"] == "receipt.json"
        assert receipt.read_bytes() == content + b"\n"
    receipt.write_bytes(content)
    checkpoint = "checkpoint", *someone.office_words(), "--out", "checkpoint", "--json"
    told = json.loads(someone.run(*checkpoint, code=USAGE, environment=at_name("taken", "checkpoint")).stdout)
    assert told["value"] == "checkpoint" and (someone.place / "checkpoint").read_text() == "precious"
    assert left_in(someone.place) == []


def test_a_disk_without_links(someone, at_name):
    """A key may lie on one that knows one name for a file only."""
    environment = at_name("unlinked", "")
    someone.run(*someone.enrol_words(), environment=environment)
    assert someone.key_file.stat().st_mode & 0o777 == 0o600
    someone.run(*file_words(someone), environment=environment)
    someone.verify(someone.return_file)
    assert sorted(path.name for path in someone.place.iterdir()) == EVERYTHING


def test_a_disk_without_locks(someone, at_name):
    """Nobody waits there, and what cannot be told from what is in use stays; all else is as anywhere."""
    environment = at_name("unlocked", "")
    someone.run(*someone.enrol_words(), environment=environment)
    assert sorted(path.name for path in someone.place.iterdir()) == ["2042.json", "me.p12", "password"]
    left = someone.place / "receipt.filing.guichet-tmp"
    left.write_text("left")
    someone.run(*file_words(someone), environment=environment)
    someone.run(*file_words(someone), environment=environment)
    assert left.read_text() == "left"
    left.unlink()
    someone.verify(someone.return_file)
    assert sorted(path.name for path in someone.place.iterdir()) == EVERYTHING
    assert filings(someone) == [someone.receipt()["number"]]


# ---- one that was killed ----

@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["me.p12.new", "me.p12"])
def test_enrolment_that_was_killed_leaves_nothing_to_the_next(someone, at_name, moment, name):
    killed(someone, at_name(moment, f"/{name}"), *someone.enrol_words())
    assert set(left_in(someone.place)) >= {"me.p12.guichet-lock", f"{name}.guichet-tmp"}
    if (moment, name) == ("after", "me.p12"):
        someone.enrol(code=USAGE)
        assert someone.asked("filings")["filings"] == []
    else:
        waiting = someone.place / "me.p12.new"
        key = waiting.read_bytes() if waiting.exists() else None
        assert (key is None) == ((moment, name) == ("before", "me.p12.new"))
        someone.enrol()
        assert not waiting.exists()
    assert left_in(someone.place) == []
    someone.file()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["receipt.filing", "receipt.tlog-proof", "receipt.json"])
def test_filing_that_was_killed_leaves_nothing_to_the_next(holder, at_name, moment, name):
    killed(holder, at_name(moment, name), *file_words(holder))
    assert f"{name}.guichet-tmp" in left_in(holder.place)
    if name != "receipt.filing":
        before = filings(holder)
        # Another filing under this name is refused, or takes it; either way nothing of the killed one stays.
        if (holder.place / "receipt.json").exists():
            holder.run(*file_words(holder, changed_return(holder)), code=USAGE)
            assert left_in(holder.place) == []
        assert filings(holder) == before
    holder.file()
    assert left_in(holder.place) == [] and not (holder.place / "receipt.filing").exists()
    assert filings(holder) == [holder.receipt()["number"]]
    holder.verify(holder.return_file)


def test_what_cannot_be_taken_away_stays(holder):
    """Another name is written under; but whoever has a lock that cannot be looked at may be at work."""
    for name in "receipt.filing", "receipt.tlog-proof", "receipt.json":
        (holder.place / f"{name}.guichet-tmp").mkdir()
    lock = holder.place / "receipt.filing.guichet-lock"
    lock.symlink_to("nowhere")
    told = holder.refused(code=FAILED)
    assert (told["place"], told["value"]) == ("receipt.json", lock.name) and filings(holder) == []
    lock.unlink()
    holder.file()
    assert len(left_in(holder.place)) == 3 and filings(holder) == [holder.receipt()["number"]]
    holder.verify(holder.return_file)
