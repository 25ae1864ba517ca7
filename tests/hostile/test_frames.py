# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no frames, frames that are no messages, messages that nobody knows, and too much of everything."""
import random
import re
import socket
import ssl
import struct
import time

import pytest
import stranger
from office import wait_until

MALFORMED, TOO_LARGE, OPERATION_UNKNOWN, MESSAGE_MALFORMED = 1, 2, 3, 4
FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID, IN_USE = 5, 6, 7, 8
EMPTY = b"\xa0"


def plain(town):
    return socket.create_connection(("127.0.0.1", town.office.port), 10)


def answers_until_closed(connection):
    """Every answer still to come; each has to be well-formed. The connection must then be closed."""
    answers = []
    try:
        while True:
            answers.append(connection.receive())
    except stranger.Closed:
        return answers


# ---- below TLS ----

def test_noise_instead_of_tls(town):
    draw = random.Random(1)
    noises = [b"", b"\0", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\1" * 70000]
    noises += [draw.randbytes(draw.choice((1, 5, 100, 20000))) for _ in range(40)]
    for noise in noises:
        with plain(town) as peer:
            try:
                peer.sendall(noise)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
            except OSError:
                pass


@pytest.mark.parametrize("change", ["tls12", "no alpn", "other alpn"])
def test_tls_of_another_kind(town, change):
    context = stranger.tls_context(town.office.tls_pem)
    if change == "tls12":
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    else:
        context = ssl.create_default_context(cafile=town.office.tls_pem)
        if change == "other alpn":
            context.set_alpn_protocols(["h2", "guichet/2"])
    with plain(town) as peer, pytest.raises(OSError):
        with context.wrap_socket(peer, server_hostname="localhost") as tls:
            tls.sendall(stranger.frame(stranger.HELLO, 1, stranger.cbor_encode({1: "x"})))
            if not tls.recv(1):
                raise OSError("closed")


def test_silent_connections_do_not_lock_others_out(town):
    silent = [plain(town) for _ in range(700)]
    try:
        # Some of them begin a handshake and stop.
        for peer in silent[::3]:
            peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with town.connect() as connection:
            connection.hello()
    finally:
        for peer in silent:
            peer.close()


def ended(log):
    """-> lines of connections that ended, and how many more were withheld."""
    told = re.findall(r"log_lines_withheld event=connection_ended lines=(\d+)", log)
    return log.count(" connection_ended "), sum(map(int, told))


def test_noise_does_not_fill_the_log(town):
    crowd, before, since = 600, len(town.office.log_text()), time.monotonic()
    for _ in range(crowd):
        with plain(town) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: sum(ended(town.office.log_text()[before:])) >= crowd, "an end of every connection")
    written, withheld = ended(town.office.log_text()[before:])
    assert written <= 40 + 20 * (time.monotonic() - since) < crowd and withheld > 0


# ---- frames ----

def test_random_bytes_as_frames(town):
    draw = random.Random(2)
    for _ in range(30):
        with town.connect() as connection:
            connection.send_bytes(draw.randbytes(draw.randrange(16, 3000)))
            answers = answers_until_closed(connection)
            assert [one[2] for one in answers] in ([MALFORMED], [TOO_LARGE])


@pytest.mark.parametrize("header, status, place, value", [
    (struct.pack(">IHHII", 11, 1, 0, 0, 1), MALFORMED, "length", 11),
    (struct.pack(">IHHII", 0, 1, 0, 0, 1), MALFORMED, "length", 0),
    (struct.pack(">IHHII", 13, 1, 1, 0, 7), MALFORMED, "flags", 1),
    (struct.pack(">IHHII", 13, 1, 2, 0, 7), MALFORMED, "flags", 2),
    (struct.pack(">IHHII", 13, 1, 0x8000, 0, 7), MALFORMED, "flags", 0x8000),
    (struct.pack(">IHHII", 13, 1, 0, 1, 7), MALFORMED, "status", 1),
    (struct.pack(">IHHII", 12 + 1024 * 1024 + 1, 0x200, 0, 0, 7), TOO_LARGE, "length", 12 + 1024 * 1024 + 1),
    (struct.pack(">IHHII", 2**32 - 1, 0x200, 0, 0, 7), TOO_LARGE, "length", 2**32 - 1),
], ids=lambda value: value.hex() if isinstance(value, bytes) else None)
def test_headers(town, header, status, place, value):
    with town.connect() as connection:
        connection.send_bytes(header + EMPTY)
        [(op, stream, told, body)] = answers_until_closed(connection)
        assert told == status and body[1] and body[2]
        assert (body[3], body[4]) == (f"frame.{place}", str(value)) and body[5]
        assert (op, stream) == struct.unpack(">4xH6xI", header)


def test_torn_frames(town):
    """Every byte in a TLS record of its own; then many frames in one record."""
    hello = stranger.frame(stranger.HELLO, 5, stranger.cbor_encode({1: "torn"}))
    with town.connect() as connection:
        for at in range(len(hello)):
            connection.send_bytes(hello[at:at + 1])
        assert connection.receive()[1:3] == (5, 0)
        connection.send_bytes(b"".join(stranger.frame(stranger.LOG_CHECKPOINT, n, EMPTY) for n in range(100)))
        assert sorted(connection.receive()[1] for _ in range(100)) == list(range(100))


def test_half_frames_that_hang(town):
    whole = stranger.frame(stranger.FILE, 1, b"x" * 500000)
    hanging = []
    try:
        for size in (1, 3, 4, 15, 16, 17, 100000, 499999):
            connection = town.connect()
            hanging.append(connection)
            connection.send_bytes(whole[:size])
        with town.connect() as connection:
            connection.hello()
    finally:
        for connection in hanging:
            connection.close()


def test_cut_off_in_the_middle(town):
    """Reset instead of goodbye, with a request under way."""
    for _ in range(30):
        connection = town.connect()
        connection.send(stranger.PUBLICATION, {1: "catalogue.json"})
        connection.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


# ---- messages ----

def nested(depth, head=b"\x81"):
    return head * depth + b"\x00"


BODIES = {
    "nothing": b"",
    "no map": b"\x80",
    "two maps": b"\xa1\x01\x61a" + EMPTY,
    "cut map": b"\xa1",
    "cut string": b"\xa1\x01\x65abc",
    "indefinite map": b"\xbf\x01\x61a\xff",
    "indefinite text": b"\xa1\x01\x7f\x61a\xff",
    "huge map": b"\xbb" + b"\xff" * 8,
    "huge text": b"\xa1\x01\x7b" + b"\xff" * 8,
    "huge list": b"\xa2\x01\x61a\x02\x9b\x7f" + b"\xff" * 7,
    "long list": b"\xa2\x01\x61a\x02\x9a\x00\x0f\x00\x00",
    "number not shortest": b"\xa1\x01\x78\x01a",
    "key not shortest": b"\xa1\x18\x01\x61a",
    "key twice": b"\xa2\x01\x61a\x01\x61b",
    "keys not in order": b"\xa3\x01\x61a\x04\x00\x02\x00",
    "text as key": b"\xa1\x61a\x61b",
    "negative": b"\xa2\x01\x61a\x02\x20",
    "float": b"\xa2\x01\x61a\x02\xf9\x3c\x00",
    "null": b"\xa2\x01\x61a\x02\xf6",
    "tag": b"\xa2\x01\x61a\x02\xc0\x61a",
    "break": b"\xa2\x01\x61a\x02\xff",
    "reserved": b"\xa2\x01\x61a\x02\x1c",
    "overlong UTF-8": b"\xa1\x01\x62\xc0\xaf",
    "surrogate": b"\xa1\x01\x63\xed\xa0\x80",
    "deep lists": b"\xa2\x01\x61a\x02" + nested(9),
    "very deep lists": b"\xa2\x01\x61a\x02" + nested(1000000),
    "very deep maps": b"\xa2\x01\x61a\x02" + nested(400000, b"\xa1\x00"),
    "another type": b"\xa1\x01\x05",
}


def test_bodies_that_are_no_messages(town):
    with town.connect() as connection:
        for number, (name, body) in enumerate(BODIES.items()):
            connection.send_bytes(stranger.frame(stranger.HELLO, number, body))
            op, stream, status, refusal = connection.receive()
            assert (name, status) == (name, MESSAGE_MALFORMED) and (op, stream) == (stranger.HELLO, number)
        # None of it has cost more than itself.
        connection.hello()


def test_fields(town):
    hello = {1: "x"}
    cases = [
        ({}, FIELD_MISSING), ({1: ""}, FIELD_INVALID), ({1: "x" * 65}, FIELD_INVALID),
        ({**hello, 0: 86400001}, FIELD_INVALID), ({**hello, 9999: 1}, FIELD_UNKNOWN), ({**hello, 9998: [{5: "x"}]}, 0),
    ]
    with town.connect() as connection:
        for body, status in cases:
            connection.send(stranger.HELLO, body)
            assert (body, connection.receive()[2]) == (body, status)


def test_operations_that_nobody_knows(town):
    with town.connect() as connection:
        for op in (0, 4, 0x14, 0xff, 0x103, 0x7fff, 0xffff):
            connection.send_bytes(stranger.frame(op, op, b"\xff not even CBOR"))
            assert connection.receive()[:3] == (op, op, OPERATION_UNKNOWN)


def test_what_is_private_needs_a_login(town):
    with town.connect() as connection:
        for op in (0x101, 0x102, 0x300, 0x301, 0x302, 0x303):
            connection.send(op, {1: "x" if op >= 0x300 else b"x" * 16, 3: b"x" * 32 if op == 0x303 else 0})
            status = connection.receive()[2]
            assert status in (20, FIELD_UNKNOWN, MESSAGE_MALFORMED), hex(op)


def test_random_messages(town):
    """Bodies of good requests with bytes changed: a typed answer to each, on a connection that goes on."""
    draw = random.Random(3)
    with town.connect() as connection:
        for number in range(600):
            op = draw.choice((1, 2, 3, 0x11, 0x12, 0x13, 0x100, 0x101, 0x102, 0x200, 0x201, 0x202, 0x300, 0x303))
            body = bytearray(stranger.cbor_encode({
                1: draw.choice(("campaign.json", b"\0" * 32, 7)), 3: draw.choice((5, b"\1" * 16, "x")),
                5: draw.randrange(2**40), 7: draw.randbytes(70),
                9: draw.choice(([], [{1: b"\2" * 32, 3: 1, 5: 9, 7: b"x"}], "a@b"))}))
            for _ in range(draw.randrange(4)):
                body[draw.randrange(len(body))] = draw.randrange(256)
            connection.send_bytes(stranger.frame(op, number, bytes(body)))
            answered, stream, status, answer = connection.receive()
            assert (answered, stream) == (op, number)
            assert status == 0 or answer[1]


# ---- too much ----

def test_one_stream_id_for_everything(town):
    """A stream in use is refused; whoever used it first is answered all the same."""
    visit = town.visitor()
    filing = visit.sign([visit.own_return()])
    body = stranger.cbor_encode({**filing, 9: [stranger.document_sent(visit.person.content)]})
    with town.connect() as connection:
        connection.send_bytes(stranger.frame(stranger.FILE, 7, body) * 50)
        answers = [connection.receive() for _ in range(50)]
    assert {one[1] for one in answers} == {7} and {one[2] for one in answers} <= {0, IN_USE}
    receipts = {(one[3][1], one[3][2]) for one in answers if one[2] == 0}
    assert len(receipts) == 1
    visit.verify(*receipts.pop())


def test_one_filing_on_many_streams(town):
    visit = town.visitor()
    filing = visit.sign([visit.own_return()])
    body = stranger.cbor_encode({**filing, 9: [stranger.document_sent(visit.person.content)]})
    with town.connect() as connection, town.connect() as other:
        for one in (connection, other):
            one.send_bytes(b"".join(stranger.frame(stranger.FILE, n, body) for n in range(60)))
        answers = [one.receive() for one in (connection, other) for _ in range(60)]
    assert {one[2] for one in answers} == {0}
    assert len({(one[3][1], one[3][2]) for one in answers}) == 1


def test_more_requests_than_streams(town):
    with town.connect() as connection:
        connection.send_bytes(b"".join(stranger.frame(stranger.LOG_CHECKPOINT, n, EMPTY) for n in range(1000)))
        assert sorted(connection.receive()[1] for _ in range(1000)) == list(range(1000))


def test_a_reader_who_does_not_read(town):
    """300 times half a megabyte asked for: the server stops reading, and then takes up where it was."""
    body = stranger.cbor_encode({1: "catalogue.json"})
    frames = b"".join(stranger.frame(stranger.PUBLICATION, n, body) for n in range(300))
    with town.connect() as connection:
        connection.send_bytes(frames)
        with town.connect() as other:
            other.hello()
        assert sorted(connection.receive()[1] for _ in range(300)) == list(range(300))
    with town.connect() as connection:
        connection.send_bytes(frames)
    # Gone without reading any.
