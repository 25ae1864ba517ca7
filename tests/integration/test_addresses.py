# SPDX-License-Identifier: Apache-2.0
"""What one network address takes, another is not denied. Loopback has 127.0.0.0/8, so each test has a greedy address and
others; the office has little of everything, so that little is enough to take it all."""
import contextlib
import json
import re
import socket
import struct

import pytest
import stranger
from office import wait_until
from visit import Visit

OTHER, ANOTHER = "127.0.0.3", "127.0.0.4"
CONNECTIONS_MAX, HANDSHAKES_MAX, BUFFERED_MAX = 40, 8, 4 << 20
CLIENT_HELLO_BEGUN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.fixture(name="town", scope="module")
def fixture_town(offices, tmp_path_factory):
    office = offices()
    office.set_settings(connections_max=CONNECTIONS_MAX, handshakes_max=HANDSHAKES_MAX, buffered_max=BUFFERED_MAX)
    person = office.people(3)[0]
    office.start()
    visit = Visit(office, person, tmp_path_factory.mktemp("holder")).enrol()
    visit.filing = visit.sign([visit.own_return()])
    yield visit
    assert office.is_running(), office.log_text()[-2000:]
    assert office.stop() == 0 and office.sanitizer_text() == ""


@pytest.fixture(name="greedy")
def fixture_greedy(numbers=iter(range(1, 255))):
    """An address of which nothing is left from the test before."""
    return f"127.0.1.{next(numbers)}"


@pytest.fixture(name="crowd")
def fixture_crowd():
    """For connections that stay until the test ends."""
    with contextlib.ExitStack() as crowd:
        yield crowd


def silent(town, source):
    return socket.create_connection(("127.0.0.1", town.office.port), 20, (source, 0))


def connect(town, source):
    return stranger.Connection("127.0.0.1", town.office.port, town.office.tls_pem, 20, source)


def expect_filed(town, source):
    """A filing is answered with its receipt."""
    with connect(town, source) as connection:
        receipt, proof, _ = connection.file(town.filing, [stranger.document_sent(town.person.content)])
    town.verify(receipt, proof)


def half_of(size):
    """The first half of a frame."""
    return struct.pack(">IHHII", 12 + size, stranger.FILE, 0, 0, 1) + bytes(size // 2)


def test_all_from_one_address(town, crowd, greedy):
    """Behind a balancer all come from one address, which may have what nobody else wants."""
    crowd_of_one = [crowd.enter_context(connect(town, greedy)) for _ in range(CONNECTIONS_MAX - 5)]
    for connection in crowd_of_one:
        connection.send(stranger.FILE, {**town.filing, 9: [stranger.document_sent(town.person.content)]})
    assert [connection.receive()[2] for connection in crowd_of_one] == [0] * len(crowd_of_one)


def test_half_frames(town, crowd, greedy):
    """Too many from one address are refused; from others, frames that come in pieces are read on."""
    for connection in [crowd.enter_context(connect(town, greedy)) for _ in range(20)]:
        # Refused ones are closed; what is still to be sent may then find nobody.
        with contextlib.suppress(stranger.Closed):
            connection.send_bytes(half_of(1 << 20))
    wait_until(lambda: "error=busy" in town.office.log_text(), "half a frame refused")
    expect_filed(town, OTHER)
    body = stranger.cbor_encode({**town.filing, 9: [stranger.document_sent(town.person.content)]})
    whole = stranger.frame(stranger.FILE, 7, body)
    with connect(town, OTHER) as connection:
        for at in range(0, len(whole), 100):
            connection.send_bytes(whole[at:at + 100])
            # Another's answer says that the server has been round since.
            with connect(town, ANOTHER) as another:
                another.hello()
        assert connection.receive()[1:3] == (7, 0)


def evicted(log):
    return sum(map(int, re.findall(r"connections_evicted evicted=(\d+)", log)))


def test_connections(town, crowd, greedy):
    """One address takes them all and more; newcomers from others get in, and those from others who are here stay."""
    neighbour = crowd.enter_context(connect(town, OTHER))
    neighbour.hello()
    taken = []
    for number in range(2 * CONNECTIONS_MAX):
        with contextlib.suppress(stranger.Closed, OSError):
            if number % 3 == 0:
                taken.append(crowd.enter_context(silent(town, greedy)))
            else:
                taken.append(crowd.enter_context(connect(town, greedy)))
                if number % 3 == 1:
                    taken[-1].send_bytes(half_of(1000))
    assert len(taken) >= CONNECTIONS_MAX - 1
    newcomers = [crowd.enter_context(connect(town, ANOTHER)) for _ in range(CONNECTIONS_MAX // 4)]
    for connection in [neighbour, *newcomers]:
        connection.hello()
    expect_filed(town, ANOTHER)
    log = town.office.log_text()
    assert f"connections_full connections_max={CONNECTIONS_MAX} of_one_address=" in log
    wait_until(lambda: evicted(town.office.log_text()) >= len(newcomers), "one gone for each newcomer, in the log")
    # Whose they were is told by a name, which the operator finds for any address.
    name, address = town.office.run("address", town.office.directory, greedy).stdout.split()
    assert address == greedy and greedy not in log and re.fullmatch("[0-9a-f]{16}", name)
    assert re.search(rf"connections_full .* address={name}\n", log)
    of_greedy = rf"connection_ended .* address={name}\n|withheld event=connection_ended lines=\d+ most_of={name} "
    wait_until(lambda: re.search(of_greedy, town.office.log_text()), "whose connections had to go, in the log")


def test_names_of_addresses(town):
    """One for an IPv4 address, in whatever form; two for an IPv6 one, of which the first is its whole network's."""
    def name(address, **words):
        return town.office.run("address", town.office.directory, address, **words).stdout.rsplit(" ", 1)[0]
    assert name("::ffff:192.0.2.7") == name("192.0.2.7") != name("192.0.2.8")
    one, neighbour, other = (name(f"2001:db8:{tail}").split("/") for tail in ("7:1::5", "7:2::5", "8:1::5"))
    assert one[0] == neighbour[0] != other[0] and len({*one, *neighbour, *other}) == 5
    assert name("2001:db8:7:1::6").split("/") == one
    told = json.loads(town.office.run("address", town.office.directory, "2001:db8:7:1::5", options=["--json"]).stdout)
    assert told == {"type": "guichet-address", "address": "2001:db8:7:1::5", "name": "/".join(one)}
    name("192.0.2", code=2)


def test_connections_of_many(town, crowd):
    """Everything is taken by addresses that hold no more than anybody else, each with half a frame that never goes on: who
    comes then gets in once they have been quiet for long enough, and well before such a frame's own time is over."""
    for number in range(CONNECTIONS_MAX):
        crowd.enter_context(connect(town, f"127.0.2.{number + 1}")).send_bytes(half_of(1000))
    for source in (OTHER, ANOTHER, OTHER):
        expect_filed(town, source)


def test_handshakes(town, crowd, greedy):
    """One address begins more than there may be and says no more; others begin and end theirs."""
    for _ in range(2 * HANDSHAKES_MAX):
        crowd.enter_context(silent(town, greedy)).sendall(CLIENT_HELLO_BEGUN)
    for _ in range(5):
        expect_filed(town, OTHER)
