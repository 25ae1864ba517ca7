# SPDX-License-Identifier: Apache-2.0
#
# What is committed is what the tables say now; and the vectors hold against an encoder of CBOR written from the RFC
# alone, so that they do not merely repeat what our encoder does.

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import regenerate  # noqa: E402

ROOT = regenerate.ROOT


@pytest.fixture(scope="module")
def tool():
    path = pathlib.Path(os.environ.get("GUICHET_BUILD", "build")) / "bin" / "guichet-tables"
    subprocess.run(["make", "-s", str(path)], cwd=ROOT, check=True)
    return str(ROOT / path)


def test_committed_files_are_what_the_tables_say(tool):
    stale = [
        path
        for path, content in regenerate.generated(tool).items()
        if not (ROOT / path).exists() or (ROOT / path).read_bytes() != content
    ]
    assert not stale, "run `make tables` and commit"


def test_an_unknown_part_is_refused(tool):
    run = subprocess.run([tool, "nonsense"], capture_output=True, text=True)
    assert run.returncode != 0 and "operations" in run.stderr


# ---- an encoder of its own ----


def head(major, argument):
    for info, size, bound in ((24, 1, 1 << 8), (25, 2, 1 << 16), (26, 4, 1 << 32), (27, 8, 1 << 64)):
        if argument < 24:
            return bytes([major << 5 | argument])
        if argument < bound:
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError(argument)


def encoded(field):
    if "uint" in field:
        return head(0, field["uint"])
    if "bool" in field:
        return b"\xf5" if field["bool"] else b"\xf4"
    if "bytes" in field:
        value = bytes.fromhex(field["bytes"])
        return head(2, len(value)) + value
    if "text" in field:
        value = field["text"].encode("utf-8")
        return head(3, len(value)) + value
    return head(4, len(field["list"])) + b"".join(map(encoded_map, field["list"]))


def encoded_map(fields):
    return head(5, len(fields)) + b"".join(head(0, field["key"]) + encoded(field) for field in fields)


@pytest.fixture(scope="module")
def vectors():
    return json.loads((ROOT / "tests/vectors/messages.json").read_text("utf-8"))


def test_vectors_hold_against_another_encoder(vectors):
    assert len(vectors["messages"]) > 60
    for message in vectors["messages"]:
        assert encoded_map(message["fields"]).hex() == message["cbor"], message["record"]


def test_request_frames_are_laid_out_as_documented(vectors):
    full = {m["record"]: m["cbor"] for m in vectors["messages"] if m["sample"] == "full"}
    bodies = set(full.values())
    for request in vectors["requests"]:
        frame = bytes.fromhex(request["frame"])
        body = frame[16:]
        header = (
            (len(body) + 12).to_bytes(4, "big")
            + request["number"].to_bytes(2, "big")
            + bytes(6)
            + request["stream"].to_bytes(4, "big")
        )
        assert frame[:16] == header, request["operation"]
        assert body.hex() in bodies, request["operation"]
