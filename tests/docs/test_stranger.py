# SPDX-License-Identifier: Apache-2.0
"""The client written from PROTOCOL.md alone: its parts against the vectors, then all of it against a real server."""
import json
import pathlib
import re
import subprocess
import sys

import pytest
import stranger
import verify_receipt
from visit import EMAIL, Visit

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "vectors"


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


# ---- against the vectors ----

def value_of(field):
    if "list" in field:
        return [{one["key"]: value_of(one) for one in row} for row in field["list"]]
    if "bytes" in field:
        return bytes.fromhex(field["bytes"])
    return field[next(kind for kind in ("uint", "text", "bool") if kind in field)]


def test_messages():
    for vector in vectors("messages")["messages"]:
        value = {field["key"]: value_of(field) for field in vector["fields"]}
        data = bytes.fromhex(vector["cbor"])
        assert stranger.cbor_encode(value) == data
        assert stranger.cbor_decode(data) == value


def test_attributes_and_signatures(tmp_path):
    vector = vectors("signature")
    for signer in vector["signers"]:
        attributes = stranger.signed_attributes(vector["text"].encode(), bytes.fromhex(signer["certificate"]),
                                                vector["signing_time"])
        assert attributes.hex() == signer["attributes"]
        if signer["algorithm"] == "rsa3072":
            holder = stranger.Holder(tmp_path)
            holder.key.write_text(signer["private_key"])
            assert holder.sign(attributes).hex() == signer["signature"]


def test_log():
    vector = vectors("log")
    leaves = [bytes.fromhex(one) for one in vector["leaf_hashes"]]
    roots = [bytes.fromhex(one) for one in vector["roots"]]
    for size, root in enumerate(roots):
        assert stranger.tree_root(leaves[:size]) == root
    for proof in vector["inclusion"]:
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        index, size = proof["index"], proof["size"]
        assert stranger.inclusion_holds(leaves[index], index, size, hashes, roots[size])
    for proof in vector["consistency"]:
        old, new, hashes = proof["size_old"], proof["size_new"], [bytes.fromhex(one) for one in proof["hashes"]]
        assert stranger.consistency_holds(old, roots[old], new, roots[new], hashes)


# ---- the page's own examples ----

def page_frames():
    """Every frame spelt out on the page: hexadecimal, a gap, a word about it; <n bytes> stand for n bytes."""
    page = (HERE.parents[1] / "protocol" / "PROTOCOL.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```\n((?:[0-9a-f]{2} ){3}.*?)^```", page, re.M | re.S):
        pieces = []
        for line in block.splitlines():
            piece = re.match(r" *((?:[0-9a-f]{2} {1,3}|[0-9a-f]{2}$)*)(?:<(\d+) bytes>)?", line)
            pieces.append(bytes.fromhex(piece[1]) + b"x" * int(piece[2] or 0))
        yield b"".join(pieces)


def test_examples_on_the_page():
    frames = list(page_frames())
    for one in frames:
        length, op, flags, status, stream = stranger.HEADER.unpack(one[:16])
        assert length == len(one) - 4
        body = stranger.cbor_decode(one[16:])
        assert stranger.frame(op, stream, stranger.cbor_encode(body), flags, status) == one
    assert frames[0] == stranger.frame(stranger.LOG_CHECKPOINT, 1, stranger.cbor_encode({}))
    assert stranger.frame(stranger.HELLO, 1, stranger.cbor_encode({1: "stranger/1"})) in frames
    assert len(frames) == 8


# ---- against a server ----

@pytest.fixture(scope="module")
def town(offices):
    """An office with its server running, and people."""
    office = offices()
    people = office.people(12)
    office.start()
    households = {person.household: person for person in people}
    return office, list(households.values())


@pytest.fixture
def visitor(town, tmp_path):
    """visitor(kind): somebody new, enrolled."""
    office, people = town

    def come(kind="p256"):
        return Visit(office, people.pop(), tmp_path / "holder", kind).enrol()

    return come


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_one_filing_and_again_and_again(visitor, kind):
    visit = visitor(kind)
    content = visit.person.content
    filing = visit.sign([visit.own_return()])
    receipt, proof = visit.file(filing, content)
    visit.verify(receipt, proof)
    told = json.loads(receipt)
    assert told["filing_id"] == stranger.sha256(filing[1]).hex()
    assert [one["digest"] for one in told["documents"]] == [stranger.sha256(content).hex()]
    assert visit.person.spi in [one["spi"] for one in told["persons"]]
    # Again, from another connection; with a fresh signature; after a crash: the same bytes.
    assert visit.file(filing, content) == (receipt, proof)
    assert visit.file(visit.sign([visit.own_return()]), content) == (receipt, proof)
    assert visit.file(filing) == (receipt, proof)
    visit.office.restart()
    assert visit.file(filing, content) == (receipt, proof)
    with pytest.raises(verify_receipt.Refused):
        visit.verify(receipt.replace(b'"in_time":true', b'"in_time":false'), proof)


def test_enrolling_again(visitor, tmp_path):
    visit = visitor()
    old = visit.sign([visit.own_return()])
    another = stranger.Holder(tmp_path / "another")
    another.make_key()
    taken, csr = visit.holder.csr(), another.csr()
    wrong = (*visit.person.facts[:3], "1")
    with visit.connect() as connection:
        contract = json.loads(connection.publication("campaign.json"))["contract"]["version"]
        # ECDSA is random: `taken` is another request for the same key, and the key is taken. What is wrong with a
        # request is said whether the facts are right or not.
        for status, facts, request, agreed in ((62, visit.person.facts, csr, "no such contract"),
                                               (62, visit.person.facts, csr, ""), (60, wrong, csr, contract),
                                               (70, wrong, taken, contract),
                                               (70, visit.person.facts, taken, contract)):
            with pytest.raises(stranger.Refused) as refused:
                connection.enrol(facts, EMAIL, request, agreed)
            assert refused.value.status == status
        issued = connection.enrol(visit.person.facts, EMAIL, csr, contract)
        assert connection.enrol(visit.person.facts, EMAIL, csr, contract) == issued
        # The new certificate has ended the old one.
        with pytest.raises(stranger.Refused) as refused:
            connection.file(old, [stranger.document_sent(visit.person.content)])
        assert refused.value.status == 66


def test_rectifying(visitor):
    visit = visitor()
    receipt, _ = visit.file(visit.sign([visit.own_return()]), visit.person.content)
    changed = visit.person.content.replace(b"\n", b" \n")
    second = ("2042", "application/json", changed)
    with pytest.raises(stranger.Refused) as refused:
        visit.file(visit.sign([second]), changed)
    number = json.loads(receipt)["number"]
    assert refused.value.status == 87 and refused.value.body[5] == number
    receipt, proof = visit.file(visit.sign([second], number), changed)
    visit.verify(receipt, proof)
    assert json.loads(receipt)["replaces"] == number


def test_upload_and_file(visitor):
    visit = visitor()
    scan = b"%PDF-1.4\n" + bytes(range(256)) * 3000
    note = b"A word for the office.\n"
    attachments = [("attachment/rib", "application/pdf", scan), ("attachment/note", "text/plain", note)]
    filing = visit.sign([visit.own_return(), *attachments])
    with visit.connect() as connection:
        with pytest.raises(stranger.Refused) as refused:
            connection.file(filing, [stranger.document_sent(visit.person.content)])
        assert refused.value.status == 89
        # The connection is lost after the first part, then the server; the upload goes on where it was.
        answer = connection.request(stranger.UPLOAD, filing)
        assert [state[2] for state in answer[2]] == [0, 0]
        part = {1: answer[1], 3: stranger.sha256(scan), 5: 0, 7: scan[:100000], 9: answer[3]}
        connection.request(stranger.PART, part)
    visit.office.restart()
    with visit.connect() as connection:
        connection.request(stranger.PART, {**part, 5: 100000, 7: scan[100000:200000]})
        again = connection.request(stranger.UPLOAD, filing)
        assert [state[2] for state in again[2]] == [200000, 0] and again[3] == answer[3]
        connection.upload(filing, [scan, note], connection.hello()[10])
        receipt, proof, _ = connection.file(filing, [stranger.document_sent(visit.person.content)])
        # Nothing is left to send, so there is no token.
        assert 3 not in connection.request(stranger.UPLOAD, filing)
    visit.verify(receipt, proof)
    assert [one["digest"] for one in json.loads(receipt)["documents"]] == [
        stranger.sha256(content).hex() for content in (visit.person.content, scan, note)]


def test_log_operations(visitor):
    visit = visitor()
    filing = visit.sign([visit.own_return()])
    with visit.connect() as connection:
        size_old, root_old = stranger.checkpoint_read(connection.checkpoint())
        receipt, proof, _ = connection.file(filing, [stranger.document_sent(visit.person.content)])
        index, hashes, checkpoint = verify_receipt.read_proof(proof.decode())
        size, root = stranger.checkpoint_read(checkpoint.encode())
        leaf = stranger.sha256(b"\x00" + receipt)
        assert connection.inclusion(index, size) == hashes
        assert stranger.inclusion_holds(leaf, index, size, hashes, root)
        assert stranger.consistency_holds(size_old, root_old, size, root, connection.consistency(size_old, size))
        leaves = connection.tile(0, 0, size)
        assert leaves[index] == leaf and stranger.tree_root(leaves) == root
        with pytest.raises(stranger.Refused) as refused:
            connection.inclusion(0, 10**9)
        assert refused.value.status == 121


def test_publications(town):
    office, _ = town
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        for name in ("campaign.json", "catalogue.json", "ca.pem", "crl.pem", "tls.pem", "log.vkey"):
            assert connection.publication(name) == (office.public / name).read_bytes()


def test_command_line(town, tmp_path):
    office, people = town
    person = people.pop()
    (tmp_path / "return.json").write_bytes(person.content)
    words = [sys.executable, str(HERE / "stranger.py"), str(office.public), f"127.0.0.1:{office.port}"]
    key = str(tmp_path / "key")
    enrol = ["enrol", key, *person.facts, EMAIL]
    for rest in (["hello"], enrol, ["file", key, str(tmp_path / "return.json")]):
        subprocess.run(words + rest, check=True, capture_output=True)
    receipt, proof = (tmp_path / "key" / name for name in ("receipt.json", "receipt.tlog-proof"))
    verify_receipt.verify(office.verifier_key.read_text(), receipt.read_bytes(), proof.read_text(), print)


def test_stop(town):
    """Last: the server ends by itself, and says nothing it should not."""
    office, _ = town
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
        assert office.stop() == 0
    assert office.sanitizer_text() == ""
