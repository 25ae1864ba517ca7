# SPDX-License-Identifier: Apache-2.0
"""How often a household may file: told in hello, kept over a restart, and never against the same filing again."""
import json

import pytest
import stranger
from taxpayer import households
from visit import Visit


def correction(visit, n, replaces):
    """The nth text of a return -> what is signed, and its document."""
    content = json.dumps({"form": "2042", "income_year": visit.office.campaign()["income_year"],
                          "boxes": {"0AC": 1, "1AJ": n}}).encode()
    return visit.sign([("2042", "application/json", content)], replaces), content


def test_a_household_files_so_often_and_no_more(offices, tmp_path):
    office = offices()
    one, other = (Visit(office, person, tmp_path / person.spi) for person in households(office.people(4))[:2])
    office.start()
    one.enrol()
    other.enrol()
    with one.connect() as connection:
        hello = connection.hello()
    assert (hello[12], hello[13], hello[14]) == (60, 120, 2 * hello[11])
    number, kept = "none", []
    for n in range(hello[12]):
        filing, content = correction(one, n, number)
        receipt, proof = one.file(filing, content)
        kept.append((filing, receipt, proof))
        number = json.loads(receipt)["number"]
    filing, content = correction(one, hello[12], number)
    for _ in ("before", "after a crash"):
        with pytest.raises(stranger.Refused) as answer:
            one.file(filing, content)
        refusal = answer.value.body
        assert (answer.value.status, refusal[3]) == (99, "line 4")  # filings_exceeded, the subject
        assert refusal[4].startswith("filing 61 of this signer in the hour from ")
        assert refusal[5].startswith("at most 60, the next not before ")
        assert 0 < refusal[6] <= 3600 * 1000
        office.restart()
        for same, *evidence in (kept[0], kept[-1]):
            assert list(one.file(same)) == evidence
    # Nobody else waits.
    other.verify(*other.file(other.sign([other.own_return()]), other.person.content))
