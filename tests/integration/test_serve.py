# SPDX-License-Identifier: Apache-2.0
"""The server as a process: stopped in the middle of work, told to read its files anew, alone in its directory."""
import json
import signal
import socket
import threading

import pytest
import stranger
from office import wait_until
from visit import Visit

FAILED, USAGE = 1, 2

CLOSED = (stranger.Closed, OSError)
STOPPING = 42


class Crowd:
    """People who file at the same time, one thread each, again and again until they are told to stop or cut off. What
    each was given first is remembered; whatever they are given later has to be the same."""

    def __init__(self, visits):
        self.visits, self.stopping, self.wrong = visits, threading.Event(), []
        self.filings = [visit.sign([visit.own_return()]) for visit in visits]
        self.given = [None] * len(visits)
        self.count = 0

    def one(self, at):
        visit, sent = self.visits[at], [stranger.document_sent(self.visits[at].person.content)]
        try:
            with visit.connect() as connection:
                while not self.stopping.is_set():
                    given = connection.file(self.filings[at], sent)[:2]
                    if self.given[at] not in (None, given):
                        self.wrong.append(at)
                    self.given[at] = given
                    self.count += 1
        except CLOSED:
            pass
        except stranger.Refused as refused:
            if refused.status != STOPPING:
                self.wrong.append(refused)

    def __enter__(self):
        self.stopping.clear()
        self.threads = [threading.Thread(target=self.one, args=(at,)) for at in range(len(self.visits))]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong

    def check(self):
        """Everybody gets a receipt, the one given before if there was one; all of them hold."""
        for visit, filing, given in zip(self.visits, self.filings, self.given):
            now = visit.file(filing, visit.person.content)
            assert given in (None, now)
            visit.verify(*now)


@pytest.fixture
def crowd(offices, tmp_path):
    office = offices()
    people = list({person.household: person for person in office.people(24)}.values())
    office.start()
    return Crowd([Visit(office, person, tmp_path / person.spi).enrol() for person in people])


def test_stopped_while_people_file(crowd):
    office = crowd.visits[0].office
    with crowd:
        wait_until(lambda: crowd.count > 10, "a few filings")
        assert office.stop() == 0
    office.start()
    crowd.check()
    assert office.stop() == 0 and office.sanitizer_text() == ""


def test_one_server_for_a_directory(offices):
    office = offices().start()
    office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=3)
    register = office.place / "register.csv"
    register.write_text("", encoding="utf-8")
    office.import_taxpayers(register, code=3)
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
    assert office.stop() == 0


def test_files_read_anew(offices, tmp_path):
    office = offices()
    people = office.people(2)
    office.start()
    visit = Visit(office, people[0], tmp_path / "holder").enrol()
    path = office.public / "campaign.json"
    good = json.loads(path.read_text(encoding="utf-8"))

    def publish(campaign, expected):
        path.write_text(campaign, encoding="utf-8")
        before = office.log_text().count(expected)
        office.signal(signal.SIGHUP)
        wait_until(lambda: office.log_text().count(expected) > before, expected)

    past = f"{good['income_year'] - 1}-01-0"
    closed = good | {"opens": past + "1", "closes": past + "2", "deadlines": {zone: past + "2" for zone in "ABC"}}
    publish(json.dumps(closed), "reloaded")
    filing = visit.sign([visit.own_return()])
    with pytest.raises(stranger.Refused) as refused:
        visit.file(filing, visit.person.content)
    assert refused.value.status == 98
    # A faulty campaign changes nothing; a good one is in force at once.
    publish(json.dumps(good)[:-2], "reload_refused")
    with pytest.raises(stranger.Refused) as refused:
        visit.file(filing, visit.person.content)
    assert refused.value.status == 98
    publish(json.dumps(good), "reloaded")
    given = visit.file(filing, visit.person.content)
    publish(json.dumps(closed), "reloaded")
    assert visit.file(filing) == given
    assert office.stop() == 0 and office.sanitizer_text() == ""


def test_files_read_anew_while_people_file(crowd):
    """What requests under way still look at stays until they are done."""
    office = crowd.visits[0].office
    path = office.public / "campaign.json"
    good = path.read_text(encoding="utf-8")
    with crowd, stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        for _ in range(20):
            path.write_text(good + " ", encoding="utf-8")
            before, count = office.log_text().count("reloaded"), crowd.count
            office.signal(signal.SIGHUP)
            for stream in range(4):
                connection.send(stranger.PUBLICATION, {1: "catalogue.json"}, stream)
            assert {connection.receive()[2] for _ in range(4)} == {0}
            wait_until(lambda: office.log_text().count("reloaded") > before and crowd.count > count, "reloaded")
    crowd.check()
    assert office.stop() == 0 and office.sanitizer_text() == ""


# ---- a start that fails ----

def refused(office, *options, code=FAILED):
    """-> what a start that is refused says: the error, where, found, expected."""
    said = [line for line in office.run("serve", office.directory, options=options, code=code).stderr.splitlines()
            if line.startswith(("guichetd: ", "  "))]
    return [line.split(": ", 1)[1].strip() for line in said]


def test_an_address_that_cannot_be_listened_on_is_told_in_a_servers_words(offices):
    office = offices()
    free = "an address of this machine, with a port that is free and allowed, or port 0"
    rule = "connections cannot be taken at the address"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert refused(office, "--listen", address) == [rule, address, "Address already in use", free]
        # Out of the settings, which are gone when it is told.
        office.set_settings(listen=address)
        assert refused(office) == [rule, address, "Address already in use", free]
    assert refused(office, "--listen", "192.0.2.1:0") == [rule, "192.0.2.1:0", "Cannot assign requested address", free]
    form = "numeric address:port or [address]:port"
    assert refused(office, "--listen", "localhost:1", code=USAGE)[1:] == ["--listen", "localhost:1", form]
    office.set_settings(listen="localhost:1")
    assert refused(office, code=USAGE)[1:] == ["guichet.json, listen", "localhost:1", form]


def test_what_is_wrong_with_the_authoritys_files_is_told_by_their_names(offices):
    office = offices()
    key, certificate = office.keys / "issuing.key", office.keys / "tls-server.pem"
    key.chmod(0o640)
    assert refused(office)[1:] == ["issuing.key", "a private key that others than its owner may use", "mode 0600"]
    key.chmod(0o600)
    kept = certificate.read_bytes()
    certificate.unlink()
    assert refused(office)[1:] == ["tls-server.pem", "No such file or directory", "a file that can be read"]
    certificate.write_bytes(b"-----BEGIN NOTHING-----\n")
    assert refused(office)[1:] == ["tls-server.pem", "something else", "a certificate in PEM"]
    certificate.write_bytes(kept)
    assert office.start().stop() == 0
