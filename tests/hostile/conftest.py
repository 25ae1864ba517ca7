# SPDX-License-Identifier: Apache-2.0
"""One office for all attacks, and a neighbour: an honest client on a connection of its own, who before, during and
after every test files again and again and must always be answered. After the last test the server has to stop in order,
with nothing in the sanitizers' output, when it is a sanitized build."""
import threading

import pytest
import stranger
from office import Office, guichetd
from visit import Visit

# An honest request waits no longer than this, whatever others do; with room for a busy machine and a sanitized build.
PATIENCE_S = 10


class Neighbour:
    """Files the same return over and over on one connection."""

    def __init__(self, visit, filing, receipt):
        self.visit, self.filing, self.receipt = visit, filing, receipt
        self.trouble, self.answered, self.stopping = None, threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            with self.visit.connect(PATIENCE_S) as connection:
                is_last = False
                while not is_last:
                    is_last = self.stopping.is_set()
                    assert connection.file(self.filing, [])[0] == self.receipt
                    self.answered.set()
                    self.stopping.wait(0.01)
        except Exception as error:  # any: it is the test that fails, not this thread
            self.trouble = error
            self.answered.set()

    def __enter__(self):
        self.thread.start()
        self.answered.wait()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        assert self.trouble is None, f"the neighbour: {self.trouble!r}"


class Town:
    """The office and people who come to it."""

    def __init__(self, place):
        self.place, self.office = place, Office(place / "office", guichetd())
        self.office.make()
        people = self.office.people(60)
        self.people = list({person.household: person for person in people}.values())
        self.office.start()
        self.visits = 0
        visit = self.visitor()
        filing = visit.sign([visit.own_return()])
        self.neighbour = visit, filing, visit.file(filing, visit.person.content)[0]

    def visitor(self):
        """Somebody new, enrolled, of a household of their own."""
        self.visits += 1
        return Visit(self.office, self.people.pop(), self.place / f"holder-{self.visits}").enrol()

    def connect(self):
        return stranger.Connection("127.0.0.1", self.office.port, self.office.tls_pem, PATIENCE_S)


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    town = Town(tmp_path_factory.mktemp("town"))
    with town.office as office:
        yield town
        assert office.is_running(), office.log_text()[-2000:]
        assert office.stop() == 0, office.log_text()[-2000:]
        assert office.sanitizer_text() == ""


@pytest.fixture(autouse=True)
def neighbour(town):
    assert town.office.is_running(), town.office.sanitizer_text() or town.office.log_text()[-2000:]
    with Neighbour(*town.neighbour) as neighbour:
        yield neighbour
