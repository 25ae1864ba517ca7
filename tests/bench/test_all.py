# SPDX-License-Identifier: Apache-2.0
"""guichet-bench all, with tiny numbers: what it writes has the shape of the sample that the page is tested with, says
of each run whether it is valid, and nothing of an earlier suite is left. Nothing here looks at how fast it was: of so
few filings some runs are invalid, and have to be called so."""

import json
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["GUICHET_BUILD"]).resolve()
SAMPLE = json.loads((pathlib.Path(__file__).parent / "results.json").read_text())
COUNT = 150
OURS = ["resident", "evening", "mixed"]
WHYS = {"", "nothing was accepted", "the generator was behind its schedule", "not finished",
        "the generator was the limit: it was busy all the time, the server was not",
        "a receipt was not genuine, or another when its filing came again"}


def suite(directory, *arguments, **how):
    return subprocess.run([BUILD / "bin/guichet-bench", "all", "--dir", directory, "--count", str(COUNT), "--seconds",
                           "1", *arguments], capture_output=True, text=True, timeout=300, **how)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A suite over the rests of an earlier one: its directory, its results, how it ended."""
    directory = tmp_path_factory.mktemp("suite")
    (directory / "hgrm").mkdir()
    (directory / "hgrm/earlier.hgrm").write_text("")
    (directory / "results.html").write_text("earlier")
    done = suite(directory, "--only", ",".join(["floor", "disk", *OURS]))
    return directory, json.loads((directory / "results.json").read_text()), done


def test_results_have_the_shape_of_the_sample(made):
    _, results, _ = made
    assert results["complete"] is True and results["failures"] == []
    groups = {"disk", *(run["scenario"] for run in results["runs"] if run["valid"])}
    shared = ["format", "complete", "command", "machine", "corpora", "failures", "targets", "floor", "runs"]
    assert set(results) == {*shared, *groups}
    assert list(results["machine"]) == list(SAMPLE["machine"])
    assert list(results["corpora"]["p256"]) == list(SAMPLE["corpora"]["p256"])
    assert list(results["disk"]) == list(SAMPLE["disk"])
    assert list(results["floor"]["p256"]) == list(SAMPLE["floor"]["p256"])
    assert [{**one, "value": 0, "reached": 0} for one in results["targets"]] == [
        {**one, "value": 0, "reached": 0} for one in SAMPLE["targets"]]
    for run in results["runs"]:
        assert list(run) == list(SAMPLE["runs"][0]), "the same members in the same order"
        assert all(list(second) == list(SAMPLE["runs"][0]["seconds"][0]) for second in run["seconds"])
    assert list(SAMPLE["runs"][0]["receipts"]) == list(results["runs"][0]["receipts"])


def test_the_sample_says_nothing_that_is_never_written():
    assert {run["why"] for run in SAMPLE["runs"]} <= WHYS
    for run in SAMPLE["runs"]:
        assert list(run) == list(SAMPLE["runs"][0])
        assert run["valid"] == (run["why"] == "")


def test_every_run_is_there_and_says_whether_it_is_valid(made):
    directory, results, done = made
    first_tries = [run for run in results["runs"] if "try" not in run["name"]]
    assert [run["name"] for run in first_tries] == [f"{name} {kind}" for kind in ("rsa3072", "p256") for name in OURS]
    for run in results["runs"]:
        assert run["why"] in WHYS and run["valid"] == (run["why"] == "") == (run["accepted"] != 0)
        receipts = run["receipts"]
        assert 0 < receipts["received"] == receipts["verified"] == receipts["same"] <= run["started"] <= COUNT
        assert 0 < receipts["fetched"] == receipts["fetched_same"] <= receipts["received"]
        assert run["started"] == run["answered"] + run["lost"] + run["unanswered"]
        assert 0 <= run["generator_busy"] <= 1 and 0 <= run["server_busy"] <= 1
        assert (directory / f"hgrm/{run['name']}.hgrm").exists()
        for second in run["seconds"]:
            assert (second["p50_ms"] is None) == (second["accepted"] == 0)
    stands = [run for run in results["runs"] if not run["repeated"]]
    assert done.returncode == any(not run["valid"] for run in stands), done.stderr
    assert ("a run is INVALID" in done.stderr) == bool(done.returncode)
    assert done.stdout.count("INVALID: nothing was accepted") == sum(not run["valid"] for run in results["runs"])


def test_what_it_was_made_with_is_in_it(made):
    _, results, _ = made
    assert "--only floor,disk,resident" in results["command"]
    assert results["corpora"]["p256"] == {"count": COUNT, "taxpayers": "1000", "returns": "generated"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", results["machine"]["started"])
    assert re.fullmatch(r"[0-9a-f]{64}", results["machine"]["guichetd_sha256"])
    assert results["disk"]["appends"] == results["disk"]["p256"]["appends"] == 2000


def test_nothing_of_an_earlier_suite_or_of_its_copies_is_left(made):
    directory, _, _ = made
    assert not (directory / "hgrm/earlier.hgrm").exists()
    assert (directory / "results.html").read_text() != "earlier"
    assert not (directory / "office-run").exists() and not (directory / "peer").exists()
    assert not list(directory.rglob("*.new"))


def test_a_step_that_cannot_be_made_is_left_out_by_name(made):
    done = suite(made[0], "--only", "last-evening,latency70")
    assert done.stdout.count("left out: no --curve is given") == 2
    assert done.stdout.count("left out: no valid run of resident") == 2
    assert done.returncode == 0


def test_a_step_that_fails_is_told_and_written_with_its_place(made):
    directory, _, _ = made
    log = directory / "office-run.log"
    log.unlink(missing_ok=True)
    log.mkdir()
    done = suite(directory, "--only", "resident")
    results = json.loads((directory / "results.json").read_text())
    log.rmdir()
    assert done.returncode == 1 and done.stdout.count("FAILED: file_unreadable") == 2
    assert str(log) in done.stdout and str(log) in done.stderr
    assert results["complete"] is True and results["runs"] == []
    assert [(one["step"], one["kind"], one["error"]) for one in results["failures"]] == [
        ("resident", kind, "file_unreadable") for kind in ("rsa3072", "p256")]
    assert all(str(log) in one["value"] for one in results["failures"])


def test_results_that_are_being_made_do_not_look_whole(made, tmp_path):
    """While a server is being started: what stands there says that it is not complete, and no page is beside it."""
    directory, _, _ = made
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    program = tmp_path / "guichetd"
    program.write_text(f"#!/bin/sh\n[ -p {gate} ] && cat {gate} && rm {gate}\nexit 1\n")
    program.chmod(0o755)
    with subprocess.Popen([BUILD / "bin/guichet-bench", "all", "--dir", directory, "--count", str(COUNT), "--programs",
                           tmp_path, "--only", "disk,evening"], stdout=subprocess.PIPE, text=True) as process:
        # Opened by both ends at once: the program is there, and waits.
        with open(gate, "wb"):
            results = json.loads((directory / "results.json").read_text())
            assert results["complete"] is False and results["disk"]["rsa3072"] and not results["disk"]["p256"]
            assert not (directory / "results.html").exists()
        process.communicate()
    assert process.returncode == 1
    results = json.loads((directory / "results.json").read_text())
    assert results["complete"] is True and len(results["failures"]) == 2
