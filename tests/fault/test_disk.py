# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, a write or sync that fails, memory that runs out: the server says why and stops, or refuses and
goes on, but never acknowledges what is not durable."""
import os
import random
import re
import resource
import shutil
import subprocess

import pytest

from loaded import LoadedOffice, preloaded
from office import ROOT, guichetd, wait_until

NO_ROOM = 1 << 50
# What the store needs to start, and leaves when it stops for want of room: STORE_FLOOR.
FLOOR = 64 << 20
# With what its journal may hold besides: what makes a start certain.
SPARE = 128 << 20
# The smallest reserve that a server is given: ROOM_RESERVE_MIN.
RESERVE_MIN = 96 << 20
# What a server that stops for its disk has said last: while it served, or at its start.
STOPPED = r"error storage_failed error=\w+ cause=\S|^guichetd: "
# Households worked on in each trial of a failing call.
HOUSEHOLDS_A_TRIAL = 6
# A journal that turns every few batches, or not at all.
JOURNALS = [(), ("--test-journal-size", 32 << 10)]


@pytest.fixture
def office(tmp_path):
    with LoadedOffice(tmp_path / "office", 1500, seed=7) as made:
        yield made


def test_no_room_is_told_and_nothing_is_accepted(office):
    office.say("active 20")
    office.start()
    office.finish_load()
    assert office.stop() == 0
    accepted = office.acknowledged
    office.set_settings(disk_reserve=NO_ROOM)
    office.say("active 40")
    office.start()
    for _ in range(3):
        office.run_load()
        assert office.hear("end")["disk_full"] > 0
    assert office.acknowledged == accepted
    assert office.stop() == 0
    office.set_settings(disk_reserve=RESERVE_MIN)
    office.start()
    assert office.log_size() == accepted
    office.finish_load()
    assert office.acknowledged > accepted
    office.verify()
    assert office.stop() == 0
    office.audit()


# ---- trials ----

def all_is_well(office):
    """Without the fault: what was acknowledged is there, the rest is done, nothing happened twice."""
    office.start()
    assert office.log_size() >= office.acknowledged
    office.finish_load()
    assert office.stop() == 0
    office.start()
    assert office.log_size() == office.acknowledged
    assert office.stop() == 0


def start_may_fail(office, *options, environment=None):
    """-> False when the server said why it cannot start."""
    try:
        office.start(*options, environment=environment)
    except AssertionError:
        assert office.process.poll() is not None
        return False
    return True


def ended_well(office, text, ends):
    """The server ran to its end. -> True when nothing failed, False when it stopped as it may: by one of `ends`, exit
    codes each with what it must have said."""
    code = office.stop() if office.is_running() else office.wait()
    said = office.log_text()[len(text):]
    if code == 0:
        assert "storage_failed" not in said
        return True
    assert code in ends and re.search(ends[code], said, re.M), f"exit {code}\n{said}"
    return False


def trial(office, *options, environment=None, ends=None):
    """One life of the server with a fault in it, under a small load. -> True when nothing failed"""
    office.active += HOUSEHOLDS_A_TRIAL
    office.say(f"active {office.active}")
    text = office.log_text()
    if start_may_fail(office, *options, environment=environment):
        office.run_load(connections=2, window=3)
        office.hear("end")
    is_well = ended_well(office, text, ends or {1: STOPPED, 3: STOPPED})
    all_is_well(office)
    return is_well


def all_is_there(office):
    office.start()
    office.verify()
    assert office.stop() == 0
    office.audit()


@pytest.mark.parametrize("journal", JOURNALS)
def test_nth_write_or_sync_of_the_store(office, journal):
    """The store's own counter: from the first call to beyond the last that this load makes."""
    nth = 1
    while not trial(office, "--test-fail-write", nth, *journal):
        nth += 1
    assert nth > 10
    all_is_there(office)
    print(f"{nth - 1} calls failed in turn, {office.acknowledged} acknowledged")


def test_failure_at_the_stop_is_told(office, tmp_path):
    """All is acknowledged and durable; what is left to do fails."""
    gate, waits = tmp_path / "gate", tmp_path / "gate.held"
    office.say("active 10")
    office.start(environment=preloaded(f"held:{gate}"))
    office.finish_load()
    gate.touch()
    office.process.terminate()
    wait_until(waits.exists, "the flusher")
    gate.unlink()
    assert office.wait() == 1
    assert re.search(r"info stopping .*error storage_failed error=\w+ cause=\"segments: sync.*info stopped error=\w+\n",
                     office.log_text(), re.S)
    all_is_well(office)
    all_is_there(office)


def test_failure_behind_an_idle_office_is_told(office, tmp_path):
    """The flusher fails when no commit comes any more that could be told of it: the server ends all the same."""
    gate, waits = tmp_path / "gate", tmp_path / "gate.held"
    office.start("--test-journal-size", 8 << 20, environment=preloaded(f"held:{gate}"))
    gate.touch()
    while not waits.exists():
        office.active += 1
        office.say(f"active {office.active}")
        office.run_load(connections=1, window=1)
        office.hear("end")
    assert "storage_failed" not in office.log_text()
    gate.unlink()
    assert office.wait() == 1
    assert re.search(r"error storage_failed error=\w+ cause=\"segments: sync", office.log_text())
    all_is_well(office)
    all_is_there(office)


@pytest.mark.parametrize("kind", ["write", "sync"])
@pytest.mark.parametrize("for_good", ["", "+"])
def test_nth_call_of_the_process(office, kind, for_good):
    """Every call, LevelDB's own and those for published files included, which are no reason to stop. A write leaves half
    of its bytes behind."""
    stopped = 0
    for nth in range(1, 41):
        stopped += not trial(office, environment=preloaded(f"{kind}:{nth}{for_good}"))
    assert stopped > 10
    all_is_there(office)
    print(f"{kind}{for_good}: {stopped} stops, {office.acknowledged} acknowledged")


@pytest.mark.parametrize("journal", JOURNALS)
def test_power_cut(office, journal):
    """What was not synced is gone, bytes of files and names in directories, or a part of it, before every write, sync and
    change of a name."""
    cut = 0
    for nth in range(1, 151):
        cut += not trial(office, *journal, environment=preloaded(f"power:{nth}"), ends={-9: ""})
    assert cut > 60
    all_is_there(office)
    print(f"power: {cut} cuts, {office.acknowledged} acknowledged")


@pytest.mark.parametrize("part", [5, 7, 9])
@pytest.mark.parametrize("journal", JOURNALS)
def test_power_cut_in_the_first_life(tmp_path, journal, part):
    """Data keys and the first segment are made once, before the first answers that need them: their names, too, are
    there when the power goes off behind those, after so many tenths of what a first life does."""
    def first_life(directory, fault, **environment):
        with LoadedOffice(tmp_path / directory, 40, seed=7) as office:
            office.say("active 20")
            office.start(*journal, environment={**preloaded(fault), **environment})
            office.run_load(connections=2, window=3)
            office.hear("end")
            code, acknowledged = office.stop() if office.is_running() else office.wait(), office.acknowledged
            all_is_well(office)
            all_is_there(office)
        return code, acknowledged

    count = tmp_path / "count"
    assert first_life("whole", "power:1000000", FAIL_COUNT=str(count))[0] == 0
    calls = int(re.search(r"^power (\d+)$", count.read_text(), re.M)[1])
    # What is not synced is gone without exception: of numbers that three divides. How many calls there are depends on
    # what came together into a batch: a life that had fewer is lived again.
    for attempt in range(5):
        code, acknowledged = first_life(f"cut{attempt}", f"power:{calls * part // 30 * 3}")
        if code == -9:
            break
    assert code == -9 and acknowledged > 0


def test_revocation_list_made_offline_is_synced_before_it_is_the_list(office, tmp_path):
    """Every sync of `guichetd revoke` fails in turn: it is told, and the list of before, or the new one, stands there."""
    key, csr, certificate = tmp_path / "key", tmp_path / "csr", tmp_path / "certificate"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-subj", "/CN=agent", "-out", csr], check=True, capture_output=True)
    office.run("issue", office.directory, options=["--kind", "agent", "--csr", csr, "--out", certificate])
    told = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-serial"], check=True, capture_output=True,
                          text=True).stdout
    serial = told.strip().removeprefix("serial=").lower().zfill(32)
    office.run("revoke", office.directory, serial)
    count = tmp_path / "count"
    subprocess.run([guichetd(), "revoke", office.directory, serial], check=True, capture_output=True,
                   env={**os.environ, **preloaded("none"), "FAIL_COUNT": str(count)})
    failures = []
    for nth in range(1, int(re.search(r"sync (\d+)", count.read_text()).group(1)) + 1):
        done = subprocess.run([guichetd(), "revoke", office.directory, serial], capture_output=True, text=True, check=False,
                              env={**os.environ, **preloaded(f"sync:{nth}")})
        failures.append(done.stderr if done.returncode else "")
        subprocess.run(["openssl", "crl", "-in", office.public / "crl.pem", "-noout"], check=True, capture_output=True)
    # The file's, and that of the directory with its name.
    assert len([text for text in failures if "crl.pem" in text]) == 2
    office.run("revoke", office.directory, serial)


def test_file_size_limit(office):
    """A disk that fills up while the server works: a write is cut short in the middle, then refused."""
    draw = random.Random(3)
    for _ in range(15):
        text = office.log_text()
        office.start()
        office.run_load(connections=2, window=6)
        office.hear_acknowledged(office.acknowledged + 10)
        largest = max(path.stat().st_size for path in office.directory.rglob("*") if path.is_file())
        limit = largest + draw.randrange(20000)
        resource.prlimit(office.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        office.hear("end")
        assert not ended_well(office, text, {1: STOPPED})
        office.start()
        assert office.log_size() >= office.acknowledged
        assert office.stop() == 0
    office.say("active 300")
    all_is_well(office)
    all_is_there(office)


def test_nth_allocation(office, tmp_path):
    """Without memory: a refusal to start, a refusal of one request, or a stop that says why. A keyed hash that cannot be
    made ends the process too: it would be a wrong key."""
    count = tmp_path / "count"
    assert trial(office, environment={**preloaded(""), "FAIL_COUNT": str(count)})
    allocations = int(re.search(r"malloc (\d+)", count.read_text(encoding="ascii"))[1])
    office.say("lenient")
    draw = random.Random(4)
    stopped = 0
    for _ in range(80):
        nth = draw.randrange(1, allocations)
        stopped += not trial(office, environment=preloaded(f"malloc:{nth}"),
                             ends={1: r"^guichetd: |storage_failed", -6: r"internal check failed: good .*keyring"})
    all_is_there(office)
    print(f"malloc: of {allocations} calls 80 failed, {stopped} stops, {office.acknowledged} acknowledged")


def test_a_full_disk_at_start_is_told_with_what_it_takes(office):
    """LevelDB writes before it reads: without room there is no start, and its words alone would not say how much."""
    office.say("active 20")
    office.start()
    office.finish_load()
    # What the journal holds has to be written again besides.
    for end, least in ((office.kill, FLOOR + 1), (office.stop, FLOOR)):
        end()
        text = office.log_text()
        assert not start_may_fail(office, environment=preloaded("write:1+"))
        said = office.log_text()[len(text):]
        told = re.search(r"No space left.*\b\d+ bytes free.*\bat least (\d+) bytes free", said, re.S)
        assert told and least <= int(told[1]) <= least + (32 << 20), said
        # So do the others that open the store, of which README has the number.
        for words in (["audit", office.directory], ["revoke", office.directory, "0" * 32]):
            done = subprocess.run(list(map(str, [guichetd(), *words])), capture_output=True, text=True, check=False,
                                  env={**os.environ, **preloaded("write:1+")})
            said = done.stdout + done.stderr
            assert done.returncode in (1, 3) and "No space left" in said and f"at least {told[1]} bytes free" in said, said
        assert f"64 MiB free\n({FLOOR:,} bytes)" in (ROOT / "README.md").read_text(encoding="utf-8")
        office.start()
    assert office.stop() == 0
    all_is_there(office)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of a size that can be filled."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", place], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("a small disk is mounted by root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def leave_free(disk, left):
    """Fills the disk but for so many bytes."""
    with (disk / "filler").open("ab") as filler:
        os.posix_fallocate(filler.fileno(), filler.tell(), shutil.disk_usage(disk).free - left)


def test_what_the_reserve_is_for(small_disk):
    """A disk that others filled: while the reserve is there nothing is accepted, and the server stops, starts and
    reads; without a byte it may not start, and does when it has the floor's."""
    with LoadedOffice(small_disk / "office", 60, seed=8) as office:
        office.set_settings(disk_reserve=RESERVE_MIN)
        office.say("active 20")
        office.start()
        office.finish_load()
        leave_free(small_disk, FLOOR + (8 << 20))
        office.say("active 40")
        for _ in range(3):
            office.run_load()
            assert office.hear("end")["disk_full"] > 0
            assert office.stop() == 0
            office.start()
            assert office.log_size() == office.acknowledged
        assert office.stop() == 0
        (small_disk / "filler").unlink()
        [segment] = (office.directory / "segments").iterdir()
        synced = segment.stat().st_size
        office.start()
        office.finish_load()
        office.kill()
        # As when the power goes off: what was not synced has to be made again, from the journal.
        os.truncate(segment, synced)
        leave_free(small_disk, 0)
        # LevelDB's log, which a start gives back, may be all the room that it takes.
        if start_may_fail(office):
            assert office.stop() == 0
        (small_disk / "filler").unlink()
        leave_free(small_disk, FLOOR)
        office.start()
        assert office.stop() == 0
        (small_disk / "filler").unlink()
        all_is_well(office)
        all_is_there(office)


def test_a_spare_file_makes_a_start_certain(small_disk, tmp_path):
    """As README tells operators: a crash, then a disk without a byte; refused as often as it is tried, with what it takes;
    and with the spare file removed the office is read, while who writes is told disk_full."""
    with LoadedOffice(small_disk / "office", 60, seed=11) as office:
        office.log = tmp_path / "guichetd.log"
        office.set_settings(disk_reserve=RESERVE_MIN)
        office.say("active 20")
        office.start()
        office.finish_load()
        accepted = office.acknowledged
        office.kill()
        spare = small_disk / "spare"
        with spare.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, SPARE)
        leave_free(small_disk, 0)
        for _ in range(3):
            text = office.log_text()
            assert not start_may_fail(office)
            assert office.process.returncode == 3
            said = office.log_text()[len(text):]
            told = re.search(r"No space left on device\n  found: +\d+ bytes free\n  expected: at least (\d+) bytes free\n", said)
            assert told and FLOOR < int(told[1]) <= SPARE, said
        done = subprocess.run([guichetd(), "audit", office.directory], capture_output=True, text=True, check=False)
        assert done.returncode == 3 and "No space left on device" in done.stderr
        spare.unlink()
        office.set_settings(disk_reserve=2 * SPARE)
        office.start()
        wait_until(lambda: " warn disk_reserve_reached " in office.log_text(), "disk_reserve_reached")
        assert office.log_size() == accepted
        office.verify()
        office.say("active 30")
        office.run_load()
        assert office.hear("end")["disk_full"] > 0 and office.acknowledged == accepted
        assert office.stop() == 0
        (small_disk / "filler").unlink()
        office.set_settings(disk_reserve=RESERVE_MIN)
        all_is_well(office)
        all_is_there(office)


def test_readme_names_what_a_start_takes():
    journal = re.search(r"JOURNAL_SIZE \(\(uint64_t\)(\d+) \* 1024", (ROOT / "server/store/journal.h").read_text("utf-8"))
    text = (ROOT / "README.md").read_text("utf-8")
    section = text[text.index("## A full disk"):text.index("## Linking")]
    # Two files of the journal, and what the store leaves free.
    assert FLOOR + 2 * (int(journal[1]) << 20) == SPARE
    assert f"{SPARE >> 20} MiB ({FLOOR >> 20} MiB " in section and f"fallocate -l {SPARE >> 20}M" in section


def test_a_stop_without_a_free_byte_is_orderly(small_disk, tmp_path):
    """What could not be put away for want of room is durable in the journal: the server warns, and has not failed."""
    with LoadedOffice(small_disk / "office", 60, seed=10) as office:
        office.log = tmp_path / "guichetd.log"
        office.say("active 20")
        office.start()
        office.finish_load()
        # With batches to put away, and with none, when only the note of their number is to be written.
        for _ in range(2):
            leave_free(small_disk, 0)
            text = office.log_text()
            assert office.stop() == 0
            said = office.log_text()[len(text):]
            assert re.search(r" warn not_settled error=disk_full cause=\"\w+.* info stopped error=none\n", said, re.S), said
            assert "storage_failed" not in said
            (small_disk / "filler").unlink()
            office.start()
            assert office.log_size() == office.acknowledged
        assert office.stop() == 0
        all_is_there(office)


def test_an_idle_office_knows_what_others_did_to_its_disk(small_disk):
    """Nobody asks anything while the disk is filled and emptied: the log says so, and who comes next is answered by what
    is free then."""
    with LoadedOffice(small_disk / "office", 60, seed=9) as office:
        office.set_settings(disk_reserve=RESERVE_MIN)
        office.say("active 20")
        office.start()
        office.finish_load()
        accepted = office.acknowledged
        assert "disk_reserve_" not in office.log_text()
        for times in (1, 2):
            leave_free(small_disk, RESERVE_MIN - (8 << 20))
            wait_until(lambda: office.log_text().count(" warn disk_reserve_reached ") == times, "disk_reserve_reached")
            office.say(f"active {20 + 10 * times}")
            office.run_load()
            assert office.hear("end")["disk_full"] > 0
            assert office.acknowledged == accepted
            (small_disk / "filler").unlink()
            wait_until(lambda: office.log_text().count(" info disk_reserve_left ") == times, "disk_reserve_left")
            office.run_load()
            assert office.hear("end")["disk_full"] == 0
            assert office.acknowledged > accepted
            accepted = office.acknowledged
        # A start tells it too, of a disk that is full but for what the journal may still take.
        assert office.stop() == 0
        [told] = set(re.findall(r" disk_reserve_\w+ bytes_free=\d+ disk_reserve=(\d+)", office.log_text()))
        assert int(told) == RESERVE_MIN
        leave_free(small_disk, RESERVE_MIN + (8 << 20))
        office.start()
        wait_until(lambda: office.log_text().count(" warn disk_reserve_reached ") == 3, "disk_reserve_reached")
        assert office.stop() == 0
        assert office.log_text().count(" disk_reserve_") == 5
        (small_disk / "filler").unlink()
        all_is_there(office)
