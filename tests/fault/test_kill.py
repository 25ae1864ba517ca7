# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments under load, and SIGTERM: no acknowledged filing, certificate or document is ever lost, changed
or there twice."""
import random
import subprocess
import time

import pytest

from loaded import LoadedOffice

ROUNDS = 60
# On average, and as many again that are under way. A household gets two answers or three.
ANSWERS_A_ROUND = 30
HOUSEHOLDS = 1600


@pytest.fixture
def office(tmp_path):
    with LoadedOffice(tmp_path / "office", HOUSEHOLDS, seed=2026) as made:
        yield made


def kill_while_starting(office, draw):
    """The start itself is interrupted: recovery must bear being interrupted."""
    process = subprocess.Popen(list(map(str, [office.program, "serve", office.directory, "--listen", "127.0.0.1:0"])),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(draw.random() * 0.02)
    process.kill()
    process.wait()


def kill_after(office, draw, answers):
    """Under load, after so many answers and a moment more."""
    office.run_load(connections=draw.choice((1, 3, 5)), window=draw.choice((1, 4, 16)))
    assert office.hear_acknowledged(office.acknowledged + answers), "nothing was left to do"
    time.sleep(draw.random() * 0.003)
    office.kill()
    office.hear("end")


def test_killed_at_random_moments(office, record_property):
    draw = random.Random(71)
    for number in range(ROUNDS):
        if number % 7 == 6:
            kill_while_starting(office, draw)
        office.start()
        assert office.log_size() >= office.acknowledged
        kill_after(office, draw, draw.randrange(2 * ANSWERS_A_ROUND))
        if number == ROUNDS // 2:
            office.start()
            office.verify()
            office.kill()
    office.start()
    office.verify()
    office.finish_load()
    assert office.stop() == 0
    office.start()
    # Everything is acknowledged now. A leaf more would be something that happened twice.
    assert office.log_size() == office.acknowledged
    counts = office.verify()
    assert counts["checkpoints"] >= ROUNDS - 1
    assert office.stop() == 0
    office.audit()
    record_property("counts", counts)
    print(f"{ROUNDS} rounds: {counts}")


def test_stopped_in_the_middle(office):
    """SIGTERM: what was accepted is answered, the rest is told to come again, the exit code is 0."""
    draw = random.Random(72)
    office.say("active 500")
    for _ in range(10):
        office.start()
        # One request on each connection: this client leaves a connection on which it was told to come again.
        office.run_load(connections=16, window=1)
        assert office.hear_acknowledged(office.acknowledged + draw.randrange(2 * ANSWERS_A_ROUND))
        assert office.stop() == 0
        office.hear("end")
        office.start()
        assert office.log_size() == office.acknowledged
        office.kill()
    office.start()
    office.finish_load()
    office.verify()
    assert office.stop() == 0
    office.audit()
