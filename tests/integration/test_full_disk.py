# SPDX-License-Identifier: Apache-2.0
"""An office whose disk is at its reserve: what was accepted before is answered as before, refusals and reads too; only
what would have to be stored is told disk_full."""
import json

import pytest
import stranger
from office import wait_until
from taxpayer import households
from visit import EMAIL, Visit

RESERVE_MIN = 100663296
# No disk has so much free.
RESERVE_MAX = 1 << 50
DISK_FULL, IDENTIFICATION_REFUSED, REPLACES_MISMATCH, DOCUMENT_REFUSED, UPLOAD_UNKNOWN = 43, 60, 87, 91, 93
PART = 1 << 16


def refused(visit, op, body):
    """-> what it was refused with"""
    with visit.connect() as connection, pytest.raises(stranger.Refused) as answer:
        connection.request(op, body)
    return answer.value.status


def asked(visit, op, body):
    with visit.connect() as connection:
        return connection.request(op, body)


def part(upload, document, content, received):
    return {1: upload[1], 3: document[1], 5: received, 7: content[received:received + PART], 9: upload[3]}


def with_returns(filing, *contents):
    return {**filing, 9: [stranger.document_sent(content) for content in contents]}


@pytest.fixture
def office(offices):
    made = offices()
    made.crowd = households(made.people(4))
    return made.start()


def restart_with(office, reserve):
    assert office.stop() == 0
    office.set_settings(disk_reserve=reserve)
    office.start()


def test_what_stores_nothing_is_answered_as_before(office, tmp_path):
    one, other, late = (Visit(office, person, tmp_path / person.spi) for person in office.crowd[:3])
    one.enrol()
    other.enrol()
    filing = one.sign([one.own_return()])
    receipt, proof = one.file(filing, one.person.content)
    # Another's return, of which an attachment is under way.
    attachment = b"%PDF-1.4\n" + bytes(range(256)) * 1024
    opened = other.sign([other.own_return(), ("attachment/rib", "application/pdf", attachment)])
    upload = asked(other, stranger.UPLOAD, opened)
    [document] = upload[2]
    received = asked(other, stranger.PART, part(upload, document, attachment, 0))[1]
    restart_with(office, RESERVE_MAX)
    wait_until(lambda: " warn disk_reserve_reached " in office.log_text(), "disk_reserve_reached")

    # The same again, with its documents and without.
    for contents in ([one.person.content], []):
        assert one.file(filing, *contents) == (receipt, proof)
    again = asked(other, stranger.UPLOAD, opened)
    assert (again[1], again[3], again[2][0][2]) == (upload[1], upload[3], received)
    # What is wrong is told, as it is when there is room.
    assert refused(one, stranger.FILE, with_returns(one.sign([other.own_return()]),
                                                    other.person.content)) == REPLACES_MISMATCH
    year = office.campaign()["income_year"]
    faulty = json.dumps({"form": "2042", "income_year": year, "boxes": {"0AC": 1, "1AJ": "a lot"}}).encode()
    assert refused(other, stranger.FILE, with_returns(other.sign([("2042", "application/json", faulty)]),
                                                      faulty)) == DOCUMENT_REFUSED
    assert refused(other, stranger.PART, {**part(upload, document, attachment, received),
                                          9: bytes(len(upload[3]))}) == UPLOAD_UNKNOWN
    with other.connect() as connection:
        assert stranger.checkpoint_read(connection.checkpoint())[0] == 3

    # What would have to be stored is not.
    good = other.sign([other.own_return()])
    assert refused(other, stranger.FILE, with_returns(good, other.person.content)) == DISK_FULL
    assert refused(other, stranger.PART, part(upload, document, attachment, received)) == DISK_FULL
    with pytest.raises(stranger.Refused) as answer:
        late.enrol()
    assert answer.value.status == DISK_FULL and answer.value.body[6] > 0
    # Facts that are wrong hear the same.
    facts, csr = list(late.person.facts), late.holder.csr()
    facts[2] = "9999999"
    contract = office.campaign()["contract"]["version"]
    with late.connect() as connection:
        for _ in range(10):
            with pytest.raises(stranger.Refused) as answer:
                connection.enrol(facts, EMAIL, csr, contract)
            assert answer.value.status == DISK_FULL

    # With room everything goes on where it was, and nothing was counted.
    restart_with(office, RESERVE_MIN)
    with late.connect() as connection, pytest.raises(stranger.Refused) as answer:
        connection.enrol(facts, EMAIL, csr, contract)
    assert answer.value.status == IDENTIFICATION_REFUSED
    late.enrol()
    with other.connect() as connection:
        connection.upload(opened, [attachment], PART)
    other.verify(*other.file(opened, other.person.content))
    assert one.file(filing) == (receipt, proof)
    assert office.log_text().count("disk_reserve_") == 1
    assert office.stop() == 0
    office.run("audit", office.directory)


def test_a_reserve_that_holds_no_batch_is_refused(office):
    assert office.stop() == 0
    office.set_settings(disk_reserve=RESERVE_MIN - 1)
    told = office.run("serve", office.directory, code=1).stderr
    assert all(word in told for word in ("disk_reserve", f"{RESERVE_MIN - 1}", f"from {RESERVE_MIN} to ")), told
