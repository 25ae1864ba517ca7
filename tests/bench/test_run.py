# SPDX-License-Identifier: Apache-2.0
"""guichet-bench as its user runs it, over a corpus of a few hundred: what it sends is accepted, counted once, and every
receipt that it got is verified and the same when asked for again. Nothing here looks at how fast it was."""

import os
import pathlib
import re
import resource
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["GUICHET_BUILD"]).resolve()
COUNT = 300


def bench(directory, *arguments, **how):
    return subprocess.run([BUILD / "bin/guichet-bench", arguments[0], "--dir", directory, "--kind", "p256", "--count",
                           str(COUNT), *arguments[1:]], capture_output=True, text=True, timeout=300, **how)


def ended(done):
    """It failed at nothing; and its exit code says whether a run is valid, which a machine that is busy may prevent."""
    assert done.returncode == ("INVALID" in done.stdout), done.stderr
    assert done.stderr == ("guichet-bench: a run is INVALID\n" if done.returncode else "")


def counts(output, words):
    """The numbers behind those words, in their order."""
    return [int(re.search(rf"\b{word} (\d+)", output)[1]) for word in words]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bench") / "made" / "with what is above it"
    done = bench(directory, "prepare")
    assert done.returncode == 0, done.stderr
    assert f"{COUNT} signed filings" in done.stdout
    return directory


def test_what_is_prepared_is_left(prepared):
    corpus = prepared / "p256/corpus"
    before = corpus.stat().st_mtime_ns
    again = bench(prepared, "prepare")
    assert (again.returncode, again.stdout) == (0, "")
    assert corpus.stat().st_mtime_ns == before


@pytest.mark.parametrize("scenario", ["resident", "evening", "mixed"])
def test_every_receipt_is_verified_and_the_same_again(prepared, scenario):
    done = bench(prepared, "run", "--scenario", scenario, "--connections", "8")
    ended(done)
    assert counts(done.stdout, ["receipts", "verified", "same again"]) == [COUNT] * 3
    assert counts(done.stdout, ["fetched", "same by name"]) == [256] * 2
    assert counts(done.stdout, ["refused", "lost", "unanswered", "unsent"]) == [0] * 4
    assert re.search(rf"^ +none +{COUNT}$", done.stdout, re.M)


def test_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    done = bench(tmp_path / "file" / "bench", "floor")
    assert done.returncode == 1 and f"{tmp_path}/file/bench: Not a directory" in done.stderr


def test_enrolments_come_from_an_office_that_knows_nobody(prepared):
    done = bench(prepared, "run", "--scenario", "enrol", "--connections", "8")
    ended(done)
    assert re.search(rf"^ +none +{COUNT}$", done.stdout, re.M)
    assert counts(done.stdout, ["sampled", "genuine"]) == [3] * 2


def test_more_arrivals_than_filings_are_refused(prepared):
    done = bench(prepared, "run", "--rate", str(COUNT), "--seconds", "1")
    assert done.returncode != 0 and "arrivals" in done.stderr


def test_an_open_loop_sends_what_is_due(prepared):
    done = bench(prepared, "run", "--rate", "100", "--seconds", "1")
    ended(done)
    received, verified, same = counts(done.stdout, ["receipts", "verified", "same again"])
    # Two seconds with the warm-up, Poisson: ten standard deviations.
    assert received == verified == same and 60 <= received <= COUNT
    assert counts(done.stdout, ["unsent", "unanswered", "lost"]) == [0] * 3
    assert "offered" in done.stdout


def test_arrivals_follow_a_curve_from_a_file(prepared, tmp_path):
    curve = tmp_path / "curve.csv"
    curve.write_text("# second,rate\n0,40\n1,40\n1.5,120\n2,0\n")
    done = bench(prepared, "run", "--curve", curve, "--rate", "2", "--arrivals", "even")
    ended(done)
    # Even arrivals: as many as the integral says, 2 * (40 + 40 + 30), the last half of one perhaps not.
    assert 219 <= counts(done.stdout, ["receipts"])[0] <= 220
    assert counts(done.stdout, ["sampled"])[0] == counts(done.stdout, ["genuine"])[0] == 2
    assert counts(done.stdout, ["unsent", "unanswered", "lost"]) == [0] * 3


def test_a_ramp_goes_from_one_rate_to_another(prepared):
    done = bench(prepared, "run", "--rate", "20", "--rate-end", "180", "--seconds", "1", "--arrivals", "even")
    ended(done)
    assert 199 <= counts(done.stdout, ["receipts"])[0] <= 200
    assert "offered 140/s" in done.stdout


def test_latencies_are_written_as_others_read_them(prepared, tmp_path):
    path = tmp_path / "run.hgrm"
    done = bench(prepared, "run", "--rate", "50", "--seconds", "1", "--hgrm", path)
    ended(done)
    text = path.read_text()
    assert text.split()[:4] == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert int(re.search(r"Total count *= *(\d+)", text)[1]) == counts(done.stdout, ["latencies"])[0] > 0


def test_more_connections_than_the_soft_limit_of_open_files(prepared):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = bench(prepared, "run", "--connections", "100", "--rate", "100", "--seconds", "1",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    ended(done)


def test_the_floor_has_all_its_parts(prepared):
    done = bench(prepared, "floor")
    assert done.returncode == 0, done.stderr
    parts = dict(re.findall(r"^ +(\w+) +([\d.]+) us", done.stdout, re.M))
    assert list(parts) == ["verify", "tls", "inflate", "digest", "seal", "scan", "floor"]
    values = [float(value) for value in parts.values()]
    assert all(value > 0 for value in values) and abs(sum(values[:-1]) - values[-1]) < 0.1


@pytest.mark.parametrize("arguments, told", [
    (["run", "--scenario", "nothing"], "--scenario"),
    (["run", "--window", "129"], "--window cannot be 129"),
    (["run", "--seconds", "86400"], "--seconds cannot be 86400"),
    (["run", "--connections", "20001"], "--connections cannot be 20001"),
    (["run", "--count", "10000001"], "--count cannot be 10000001"),
    (["run", "--count", "0"], "--count cannot be 0"),
    (["run", "resident"], "usage"),
    (["all", "--only", "resident,typo"], "--only: typo"),
    (["all", "--only", "resident,"], "--only"),
    (["run", "--kind", "ed25519"], "--kind"),
    (["run", "--rate", "0"], "usage"),
    (["run", "--seconds", "x"], "usage"),
    (["run", "--arrivals", "never"], "usage"),
    (["nothing"], "usage"),
    ([], "usage"),
])
def test_wrong_usage_says_so(tmp_path, arguments, told):
    done = subprocess.run([BUILD / "bin/guichet-bench", *arguments], capture_output=True, text=True, cwd=tmp_path,
                          timeout=60)
    assert done.returncode == 2 and told in done.stderr
    assert not (tmp_path / "build").exists()


# ---- what fails says where, and how ----


def failed(done, *told):
    assert done.returncode == 1
    for word in told:
        assert word in done.stderr


def test_a_missing_guichetd_is_named(tmp_path):
    failed(bench(tmp_path, "prepare", "--programs", "/nowhere"), "/nowhere/guichetd", "No such file or directory")


def test_a_register_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "p256/register.csv").mkdir(parents=True)
    failed(bench(tmp_path, "prepare"), str(tmp_path / "p256/register.csv"), "Is a directory")


def test_returns_that_cannot_be_read_are_named(tmp_path):
    failed(bench(tmp_path, "prepare", "--returns", "/nowhere/returns.irj"), "/nowhere/returns.irj", "No such file")


def test_a_bad_curve_is_told_by_line_and_value(prepared, tmp_path):
    curve = tmp_path / "curve.csv"
    curve.write_text("0,40\n1,forty\n")
    failed(bench(prepared, "run", "--curve", curve), f"{curve} line 2", "1,forty", "two decimal numbers")


def test_a_distribution_that_cannot_be_written_is_told(prepared):
    failed(bench(prepared, "run", "--rate", "50", "--seconds", "1", "--hgrm", "/nowhere/run.hgrm"),
           "/nowhere/run.hgrm")


# ---- a corpus that is another's ----


def test_a_corpus_that_no_longer_fits_is_made_anew_and_why_is_said(tmp_path):
    def prepare(*arguments):
        done = bench(tmp_path, "prepare", "--count", "20", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "made anew" not in prepare() and prepare() == ""
    assert 'is of "taxpayers 1000", wanted is "taxpayers 1001"' in prepare("--taxpayers", "1001")
    assert prepare("--taxpayers", "1001") == ""
    key = tmp_path / "p256/office/public/log.vkey"
    key.write_text(key.read_text() + "\n")
    assert 'is of "log ' in prepare("--taxpayers", "1001")
    (tmp_path / "p256/corpus.record").unlink()
    assert 'is of "", wanted is "count 20"' in prepare("--taxpayers", "1001")
    record = tmp_path / "p256/corpus.record"
    record.write_text(record.read_text().replace("guichetd ", "guichetd 9."))
    assert 'is of "guichetd 9.' in prepare("--taxpayers", "1001")
    (tmp_path / "p256/corpus").write_bytes(b"cut")
    assert "not whole" in prepare("--taxpayers", "1001")
