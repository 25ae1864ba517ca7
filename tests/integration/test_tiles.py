# SPDX-License-Identifier: Apache-2.0
"""The published log: from the tile files alone, without a server or a store, every root that a checkpoint ever signed can
be computed again. For sizes on both sides of a tile's border, across a kill."""
import hashlib
import re
import shutil

import pytest
import stranger
import verify_receipt
from office import wait_until
from taxpayer import Taxpayer, households
from test_operator import stranger_of

WIDTH = 256
# Where the published files are looked at while the log grows.
STOPS = [1, 2, 255, 256, 257, 511, 512, 513]
KILLED_AT, LAST = 400, 640
# Of one household: hello's filings_hour_max.
FILINGS_HOUR = 60


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tile_path(level, index, width=WIDTH):
    """C2SP tlog-tiles: groups of three digits, all but the last with an x in front."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < WIDTH else "")


def tile_of(public, level, index, width):
    """The first `width` hashes of a tile: its file of that width, or of any greater one."""
    names = [tile_path(level, index)] + [tile_path(level, index, wide) for wide in range(width, WIDTH)]
    found = next((public / name for name in names if (public / name).exists()), None)
    assert found, f"of tile {index} of level {level} no {width} hashes are published"
    content = found.read_bytes()
    assert len(content) == 32 * (int(found.name) if found.parent.suffix == ".p" else WIDTH)
    return [content[at:at + 32] for at in range(0, 32 * width, 32)]


def hashes_of(public, level, count):
    """The first `count` hashes of a level."""
    return [one for index in range((count + WIDTH - 1) // WIDTH)
            for one in tile_of(public, level, index, min(WIDTH, count - index * WIDTH))]


def root_of(hashes):
    """RFC 6962 2.1: the largest power of two below goes to the left."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root_of(hashes[:split]), root_of(hashes[split:]))


def check_levels(public, size):
    """Every hash of a level is the root of a full tile of the level below."""
    level = 0
    while size:
        below = hashes_of(public, level, size)
        size //= WIDTH
        if size:
            above = hashes_of(public, level + 1, size)
            assert above == [root_of(below[at * WIDTH:(at + 1) * WIDTH]) for at in range(size)]
        level += 1


def read_checkpoint(office):
    """-> (size, root) of the published checkpoint, its signature verified; None when there is none."""
    path = office.public / "checkpoint"
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    name, key_id, key = verify_receipt.read_key(office.verifier_key.read_text())
    signed, size, root, signatures = verify_receipt.read_checkpoint(text, name, key_id)
    assert verify_receipt.verify_ed25519(key, signed, signatures[0])
    return size, root


def wait_for_size(office, size):
    text = re.compile(rf"^[^\n]+\n{size}\n".encode())
    path = office.public / "checkpoint"
    wait_until(lambda: path.exists() and text.match(path.read_bytes()), f"a published log of {size}")
    return read_checkpoint(office)


def filings_of_one_person(office, taxpayer):
    """Files as often as one may in an hour, rectification upon rectification, each a leaf. -> yields the proof of each"""
    holder = stranger_of(taxpayer)
    campaign, number = office.campaign()["name"], "none"
    connection = None
    for n in range(FILINGS_HOUR):
        if connection is None or office.port != connection.port:
            connection = stranger.Connection("127.0.0.1", office.port, office.tls_pem)
            connection.port = office.port
            hello = connection.hello()
        content = b"%s%*s\n" % (taxpayer.person.content.rstrip(b"\n"), n, b"")
        manifest = stranger.manifest_text(hello[2], campaign, taxpayer.person.spi,
                                          [("2042", "application/json", content)], number)
        filing = stranger.filing_sign(holder, manifest, hello[3])
        receipt, proof, _ = connection.file(filing, [stranger.document_sent(content)])
        number = re.search(rb'"number":"([^"]+)"', receipt)[1].decode()
        yield receipt, proof


def leaves(office, people, place):
    """One leaf after the other: certificates (-> None), each with all the filings of its holder (-> receipt, proof)."""
    for person in people:
        taxpayer = Taxpayer(office, person, place / person.spi)
        taxpayer.enrol()
        yield None
        yield from filings_of_one_person(office, taxpayer)


@pytest.fixture(scope="module")
def grown(offices, tmp_path_factory):
    """An office whose log has grown to the last stop, the checkpoints published at the stops, and receipts by size."""
    office = offices()
    people = households(office.people(LAST // FILINGS_HOUR + 1))
    office.start()
    growth, evidence, published = leaves(office, people, tmp_path_factory.mktemp("people")), {}, {}
    for size in range(1, LAST + 1):
        leaf = next(growth)
        if leaf is not None:
            evidence[size] = leaf
        if size == KILLED_AT:
            # Killed with the last second's leaves signed but not published: that is made up for without another leaf.
            office.restart()
        if size in [*STOPS, KILLED_AT]:
            published[size] = wait_for_size(office, size)
            assert published[size] == (size, root_of(hashes_of(office.public, 0, size)))
            check_levels(office.public, size)
    # A server that stops has published everything before.
    assert office.stop() == 0
    published[LAST] = read_checkpoint(office)
    return office, published, evidence


def test_roots_from_tiles_alone(grown):
    office, published, _ = grown
    # Once more at the end, from what is left then: full tiles say it all.
    hashes = hashes_of(office.public, 0, LAST)
    for size, checkpoint in published.items():
        assert checkpoint == (size, root_of(hashes[:size]))


def test_partial_tiles_are_those_in_progress(grown):
    office, published, _ = grown
    partial = {path.relative_to(office.public).as_posix() for path in office.public.glob("tile/*/*.p")}
    assert partial == {"tile/0/002.p", "tile/1/000.p"}
    # Whoever has a checkpoint of the tile in progress still finds the tile of that width.
    for size in (513, LAST):
        assert size in published and (office.public / tile_path(0, 2, size - 2 * WIDTH)).exists()


def test_every_receipts_checkpoint_is_of_this_log(grown):
    office, _, evidence = grown
    hashes = hashes_of(office.public, 0, LAST)
    name, key_id, _ = verify_receipt.read_key(office.verifier_key.read_text())
    for size, (receipt, proof) in evidence.items():
        index, _, checkpoint = verify_receipt.read_proof(proof.decode())
        _, signed_size, root, _ = verify_receipt.read_checkpoint(checkpoint, name, key_id)
        assert (index, signed_size) == (size - 1, size)
        assert hashes[index] == hashlib.sha256(b"\x00" + receipt).digest()
        assert root == root_of(hashes[:size])


def test_tiles_are_a_cache(grown):
    """Lost, they are written again from the store, to the byte."""
    office, published, _ = grown
    full = [path for path in office.public.glob("tile/**/*") if path.is_file() and ".p" not in str(path)]
    kept = {path: path.read_bytes() for path in full}
    assert len(kept) == 2 and all(len(content) == 32 * WIDTH for content in kept.values())
    shutil.rmtree(office.public / "tile")
    (office.public / "checkpoint").unlink()
    office.start()
    assert wait_for_size(office, LAST) == published[LAST]
    assert {path: path.read_bytes() for path in full} == kept
    check_levels(office.public, LAST)
    assert office.stop() == 0


def test_tiles_over_the_wire_are_the_files(grown):
    office, _, _ = grown
    office.start()
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        size, root = stranger.checkpoint_read(connection.checkpoint())
        assert (size, root) == (LAST, root_of(hashes_of(office.public, 0, size)))
        for level, index, width in ((0, 0, 256), (0, 1, 256), (0, 2, size - 512), (1, 0, 2)):
            assert connection.tile(level, index, width) == hashes_of(office.public, level, index * WIDTH + width)[index * WIDTH:]
        for old, new in ((1, 2), (255, 256), (256, 257), (300, 640), (512, 513)):
            hashes = hashes_of(office.public, 0, new)
            assert stranger.consistency_holds(old, root_of(hashes[:old]), new, root_of(hashes), connection.consistency(old, new))
        hashes = hashes_of(office.public, 0, size)
        for index in (0, 1, 255, 256, 511, 639):
            proof = connection.inclusion(index, size)
            assert stranger.inclusion_holds(hashes[index], index, size, proof, root)
        for wrong in ((641, 0), (0, 641)):
            with pytest.raises(stranger.Refused):
                connection.inclusion(*wrong)
    assert office.stop() == 0 and not office.sanitizer_text()
