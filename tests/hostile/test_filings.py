# SPDX-License-Identifier: Apache-2.0
"""Filings that somebody has tampered with, that somebody else signed, or that are made to cost the office dearly."""
import json
import time
import zlib

import pytest
import stranger
from visit import EMAIL

CERTIFICATE_UNKNOWN, MANIFEST_MALFORMED, SIGNATURE_INVALID, NOT_ENTITLED = 65, 80, 83, 85
MISSING, CORRUPT, REFUSED, NOT_LISTED, UPLOAD_UNKNOWN, UPLOAD_OFFSET, UPLOAD_QUOTA, INFLATE_FAILED = 89, 90, 91, 92, 93, 94, 95, 97
# What a changed byte of a manifest may be: no manifest, another office's, or one that nobody signed.
MANIFEST_CHANGED = {MANIFEST_MALFORMED, 81, SIGNATURE_INVALID, 96}


@pytest.fixture(scope="module")
def visit(town):
    """Somebody whose return has been signed, and never arrives."""
    visit = town.visitor()
    visit.filing = visit.sign([visit.own_return()])
    return visit


def statuses(connection, requests):
    """Sends requests (operation, body) all at once; -> their statuses, in order."""
    requests = list(requests)
    found = {}
    for at in range(0, len(requests), 64):
        part = requests[at:at + 64]
        connection.send_bytes(b"".join(stranger.frame(op, at + n, stranger.cbor_encode(body))
                                       for n, (op, body) in enumerate(part)))
        for _ in part:
            _, stream, status, _ = connection.receive()
            found[stream] = status
    return [found[n] for n in range(len(requests))]


def changed(data):
    """Every copy of data with one byte changed, in one of its bits."""
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]


def refused(visit, field, values, sent=None):
    """The statuses of the filing with that field replaced; none may be 0."""
    sent = [stranger.document_sent(visit.person.content)] if sent is None else sent
    with visit.connect() as connection:
        found = statuses(connection, ((stranger.FILE, {**visit.filing, 9: sent, field: value}) for value in values))
    assert found and 0 not in found
    return set(found)


def test_a_changed_byte_in_the_manifest(visit):
    assert refused(visit, 1, changed(visit.filing[1])) <= MANIFEST_CHANGED


def test_a_byte_more_or_less_in_the_manifest(visit):
    manifest = visit.filing[1]
    values = [manifest[:at] + manifest[at + 1:] for at in range(len(manifest))]
    values += [manifest + extra for extra in (b"\n", b" ", b"\0", b"\r\n", b"document 2042 application/json 1 0\n")]
    values += [manifest.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + manifest, manifest * 100]
    assert refused(visit, 1, values) <= MANIFEST_CHANGED


def test_a_changed_byte_in_the_signature(visit):
    signature = visit.filing[7]
    values = [*changed(signature), *(signature[:size] for size in range(1, len(signature))), signature + b"\0"]
    values += [b"\0" * 64, b"\xff" * 512, bytes.fromhex("3006020100020100"), bytes.fromhex("3006020101020101")]
    assert refused(visit, 7, values) == {SIGNATURE_INVALID}


def test_a_changed_serial_or_time(visit, town):
    assert refused(visit, 3, changed(visit.filing[3])) == {CERTIFICATE_UNKNOWN}
    times = [visit.filing[5] + 1, 0, 2**32 - 1, 2524608000]
    assert refused(visit, 5, times) <= {SIGNATURE_INVALID, 84}
    # Somebody else's certificate does not fit the signature; somebody else's signature does not entitle.
    other = town.visitor()
    assert refused(visit, 3, [other.holder.serial()]) == {SIGNATURE_INVALID}
    with town.connect() as connection, pytest.raises(stranger.Refused) as answer:
        foreign = stranger.filing_sign(other.holder, visit.filing[1], connection.hello()[3])
        connection.file(foreign, [stranger.document_sent(visit.person.content)])
    assert answer.value.status == NOT_ENTITLED


def inflates_to(data, content):
    """Some bits of a zlib stream mean nothing: the last byte's padding."""
    try:
        return zlib.decompress(data) == content
    except zlib.error:
        return False


def test_a_changed_byte_in_the_document(visit):
    content = visit.person.content
    sent = stranger.document_sent(content)
    plain = [[stranger.document_sent(one, deflate=False) | {1: sent[1]}] for one in changed(content)]
    assert refused(visit, 9, plain) == {CORRUPT}
    packed = [[{**sent, 7: one}] for one in changed(sent[7]) if not inflates_to(one, content)]
    assert refused(visit, 9, packed) <= {INFLATE_FAILED, CORRUPT}
    assert refused(visit, 9, [[{**sent, 1: one}] for one in changed(sent[1])]) == {NOT_LISTED}
    sizes = [0, 1, len(content) - 1, len(content) + 1, 128 * 1024, 20 * 1024 * 1024]
    assert refused(visit, 9, [[{**sent, 5: size}] for size in sizes]) == {CORRUPT}
    assert refused(visit, 9, [[], [sent, sent], [sent] * 128]) == {MISSING, NOT_LISTED}


def bomb(size):
    return zlib.compress(bytes(size), 9)


def test_compressed_bombs(town):
    """A gigabyte of zeros in a frame, announced as what it is, as less, and as what the manifest says."""
    visit = town.visitor()
    content = bytes(128 * 1024)
    visit.filing = visit.sign([("2042", "application/json", content)])
    digest = stranger.sha256(content)
    begin = time.monotonic()
    packed = bomb(1000 * 1000 * 1000)
    assert len(packed) < 1024 * 1024
    cases = [[{1: digest, 3: 1, 5: size, 7: packed}] for size in (len(content), 1, 20 * 1024 * 1024)]
    cases += [[{1: digest, 3: 1, 5: len(content), 7: one}] for one in
              (b"", b"\x78", b"\x78\x9c", packed[:1000], bomb(len(content) - 1), bomb(len(content) + 1),
               bomb(len(content)) + b"x", bomb(len(content))[:-1], bomb(len(content))[2:], b"\x78\xbb\0\0\0\1")]
    assert refused(visit, 9, cases) <= {INFLATE_FAILED, CORRUPT}
    # The very same bytes inflate, and are then no return.
    assert refused(visit, 9, [[{1: digest, 3: 1, 5: len(content), 7: bomb(len(content))}]]) == {REFUSED}
    assert time.monotonic() - begin < 60


def texts():
    boxes = '"boxes":{"0AC":1}'
    head = '{"form":"2042","income_year":2025,'
    many = ",".join(f'"{n:03d}":1' for n in range(12000))
    yield from {
        "nothing but brackets": "[" * 130000,
        "deep boxes": head + '"boxes":' + '{"0AC":' * 12000,
        "deep donations": head + boxes + ',"donations":' + "[" * 100 + "]" * 100 + "}",
        "many boxes": head + '"boxes":{' + many + "}}",
        "one box many times": head + '"boxes":{' + ",".join(['"1AJ":1'] * 14000) + "}}",
        "huge number": head + '"boxes":{"1AJ":' + "9" * 120000 + "}}",
        "tiny fraction": head + '"boxes":{"1AJ":1e-' + "9" * 1000 + "}}",
        "long string": head + '"boxes":{"0AX":"' + "1" * 120000 + '"}}',
        "many escapes": head + '"boxes":{"0AX":"' + "\\u0041" * 20000 + '"}}',
        "NUL": head + '"boxes":{"0AX":"\\u0000"}}',
        "half a surrogate": head + '"boxes":{"0AX":"\\ud800"}}',
        "long member": head + '"' + "x" * 120000 + '":1,' + boxes + "}",
        "another behind it": head + boxes + "}{}",
        "a comment": head + "/* */" + boxes + "}",
        "donations without end": head + boxes + ',"donations":[' + ",".join(['{"box":"7UF","amount":1}'] * 4000) + "]}",
        "only white space": " " * 130000,
        "null": "null",
        "a string": '"' + "é" * 1000 + '"',
        "minus": head + '"boxes":{"1AJ":-1}}',
        "not a number": head + '"boxes":{"1AJ":NaN}}',
    }.items()


def test_documents_that_are_no_returns(town):
    visit = town.visitor()
    contents = {name: text.encode() for name, text in texts()}
    contents |= {"not UTF-8": b'{"form":"2042\xff"}', "a byte order mark": b"\xef\xbb\xbf{}",
                 "binary": bytes(range(256)) * 100}
    with town.connect() as connection:
        for name, content in contents.items():
            filing = visit.sign([("2042", "application/json", content)])
            with pytest.raises(stranger.Refused) as answer:
                connection.file(filing, [stranger.document_sent(content)])
            assert (name, answer.value.status) == (name, REFUSED)
            findings = answer.value.body[7]
            assert findings and len(findings) <= 256 and all(one[7] and one[8] for one in findings)


def test_more_announced_than_anybody_may(town):
    """The wait that is needed is longer than any that an answer can name."""
    visit = town.visitor()

    def announced(connection, count):
        lines = "".join(f"document attachment/rib application/pdf {20 << 20} {stranger.sha256(b'%d' % (count + n)).hex()}\n"
                        for n in range(count))
        manifest = visit.manifest([visit.own_return()]) + lines.encode()
        return stranger.filing_sign(visit.holder, manifest, connection.hello()[3])

    with town.connect() as connection:
        assert len(connection.request(stranger.UPLOAD, announced(connection, 100))[2]) == 100
        for _ in range(2):
            with pytest.raises(stranger.Refused) as refused:
                connection.request(stranger.UPLOAD, announced(connection, 1))
            assert (refused.value.status, refused.value.body[6]) == (UPLOAD_QUOTA, 86400000)


def test_uploads_without_a_right(visit, town):
    """Nothing is stored for who has not signed, and nothing beside what was signed."""
    scan = bytes(200000)
    filing = visit.sign([visit.own_return(), ("attachment/rib", "application/pdf", scan)])
    digest = stranger.sha256(scan)
    with town.connect() as connection:
        found = statuses(connection, [
            (stranger.UPLOAD, {**filing, 7: b"x" * 70}),
            (stranger.PART, {1: stranger.sha256(filing[1]), 3: digest, 5: 0, 7: scan, 9: bytes(16)}),
        ])
        assert found == [SIGNATURE_INVALID, UPLOAD_UNKNOWN]
        opened = connection.request(stranger.UPLOAD, filing)
        name, token = opened[1], opened[3]
        found = [statuses(connection, [(stranger.PART, {**body, 9: token})])[0] for body in (
            {1: name, 3: stranger.sha256(b""), 5: 0, 7: scan},          # not listed
            {1: name, 3: digest, 5: 100000, 7: scan[:100000]},          # not where it is
            {1: name, 3: digest, 5: 0, 7: scan[:1000]},                 # too small for one that is not the last
            {1: name, 3: digest, 5: 0, 7: scan + b"x"},                 # more than was signed
            {1: name, 3: digest, 5: 0, 7: scan[:-1] + b"x"},            # not what was signed
            {1: name, 3: digest, 5: 20 * 1024 * 1024, 7: b"x"},
        )]
        assert found == [NOT_LISTED, UPLOAD_OFFSET, 7, CORRUPT, CORRUPT, UPLOAD_OFFSET]


def test_an_upload_of_somebody_else(visit, town):
    """Who has seen the manifest but not signed it can neither disturb its upload nor learn that there is one."""
    scan = bytes(range(256)) * 800
    attachment = "attachment/rib", "application/pdf", scan
    filing = visit.sign([visit.own_return(), attachment])
    other = town.visitor()
    digest = stranger.sha256(scan)
    begin_anew = {1: stranger.sha256(filing[1]), 3: digest, 5: 0, 7: b"x" * 100000}

    def answers(connection, tokens):
        """What a stranger hears, but for the correlation."""
        for token in tokens:
            with pytest.raises(stranger.Refused) as refused:
                connection.request(stranger.PART, {**begin_anew, 9: token})
            yield refused.value.status, {key: refused.value.body[key] for key in refused.value.body if key != 0}

    with town.connect() as connection, town.connect() as owner:
        mine = connection.request(stranger.UPLOAD, other.sign([other.own_return(), attachment]))[3]
        [before] = answers(connection, [mine])
        assert before[0] == UPLOAD_UNKNOWN
        opened = owner.request(stranger.UPLOAD, filing)
        assert (opened[1], mine != opened[3]) == (begin_anew[1], True)
        owner.request(stranger.PART, {**begin_anew, 7: scan[:100000], 9: opened[3]})
        for heard in answers(connection, [mine, bytes(16), opened[3][::-1], *changed(opened[3])]):
            assert heard == before
        # Neither a document of it nor none of it makes a difference, nor an offset.
        begin_anew[5] = 100000
        assert list(answers(connection, [mine])) == [before]
        begin_anew[3] = stranger.sha256(b"")
        assert list(answers(connection, [mine])) == [before]
        assert statuses(connection, [(stranger.PART, {**begin_anew, 9: token}) for token in (b"", opened[3][:15])]) == [7, 7]
        assert statuses(connection, [(stranger.PART, begin_anew)]) == [6]
        # It stands where it stood.
        again = owner.request(stranger.UPLOAD, filing)
        assert [state[2] for state in again[2]] == [100000] and again[3] == opened[3]
        owner.upload(filing, [scan], owner.hello()[10])


def test_guessing_facts(town, tmp_path):
    """After five failures the address waits for this person, even with right facts; for another person it does not."""
    person, other = town.people.pop(), town.visitor()
    contract = town.office.campaign()["contract"]["version"]
    mine = stranger.Holder(tmp_path)
    mine.make_key()
    fresh, known = mine.csr(), other.holder.csr()

    def enrol(connection, facts, csr):
        body = dict(zip((1, 3, 5, 7), facts)) | {9: EMAIL, 11: csr, 13: contract}
        connection.send(stranger.ENROL, body)
        return connection.receive()[2:]

    with town.connect() as connection:
        # A key that is somebody's is refused whatever the facts are: it tells nothing of them, and counts for nothing.
        for income in (person.facts[3], "1") * 3:
            assert enrol(connection, (*person.facts[:3], income), known)[0] == 70
        for guess in range(5):
            assert enrol(connection, (*person.facts[:3], str(guess)), fresh)[0] == 60
        status, refusal = enrol(connection, person.facts, fresh)
        assert status == 61 and 0 < refusal[6] <= 10000
        # It got past the counters.
        assert enrol(connection, other.person.facts, known)[0] == 70


def test_requests_for_certificates_that_are_none(town):
    person = town.people.pop()
    contract = town.office.campaign()["contract"]["version"]
    good = town.visitor().holder.csr()
    values = [b"\0", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", good[:-1], good + b"\0", good * 5, *list(changed(good))]
    with town.connect() as connection:
        facts = dict(zip((1, 3, 5, 7), person.facts)) | {9: EMAIL, 13: contract}
        found = statuses(connection, ((stranger.ENROL, {**facts, 11: value[:4096]}) for value in values))
    assert set(found) <= {63, 64}


def test_receipts_are_still_right(visit, town):
    """After all this the untouched filing is accepted, and its receipt holds."""
    receipt, proof = visit.file(visit.filing, visit.person.content)
    visit.verify(receipt, proof)
    assert json.loads(receipt)["replaces"] is None
