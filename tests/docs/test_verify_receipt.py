# SPDX-License-Identifier: Apache-2.0
"""The independent check accepts the receipt of tests/vectors/log.json and refuses every altered one."""
import base64
import hashlib
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
VECTORS = json.loads((HERE.parent / "vectors" / "log.json").read_text(encoding="utf-8"))
KEY, BODY, PROOF = VECTORS["verifier_key"], VECTORS["receipt"]["body"], VECTORS["receipt"]["proof"]
ORIGIN = VECTORS["origin"]
LINES = PROOF.split("\n")
SIGNATURE = base64.b64decode(LINES[-2].split(" ")[2])


def run(place, key=KEY, body=BODY, proof=PROOF):
    for name, text in (("log.vkey", key), ("receipt.json", body), ("receipt.tlog-proof", proof)):
        (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    command = [sys.executable, HERE / "verify_receipt.py", "log.vkey", "receipt.json", "receipt.tlog-proof"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


def with_line(at, text):
    return "\n".join(LINES[:at] + [text] + LINES[at + 1:])


def with_signature(signature):
    return PROOF.replace(LINES[-2], f"\u2014 {ORIGIN} {base64.b64encode(signature).decode()}")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def key_of(name, public):
    """A verifier key that agrees with itself."""
    typed = b"\x01" + public
    key_id = hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(typed).decode()}"


@pytest.mark.parametrize("good", [
    {},
    {"key": KEY + "\n"},
    {"proof": PROOF.replace("index", "extra AA==\nindex", 1)},
    {"proof": PROOF + "\u2014 witness.example mJirIgAAAAA=\n"},
    {"proof": PROOF + f"\u2014 {ORIGIN} mJirIgAAAAA=\n"},  # the same name with another key
])
def test_good_receipt_is_accepted(tmp_path, good):
    done = run(tmp_path, **good)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("VERIFIED\n")
    assert VECTORS["leaf_hashes"][VECTORS["receipt"]["index"]] in done.stdout
    assert VECTORS["roots"][-1] in done.stdout


ALTERED = {
    "body, one byte": {"body": BODY.replace("7}", "8}")},
    "body, line feed added": {"body": BODY + "\n"},
    "body of another leaf": {"body": VECTORS["leaves"][6]},
    "leaf of another type, with its own proof": {
        "body": VECTORS["leaves"][12],
        "proof": "c2sp.org/tlog-proof@v1\nindex 12\n" + "".join(
            base64.b64encode(bytes.fromhex(one)).decode() + "\n"
            for one in next(row for row in VECTORS["inclusion"] if row["index"] == 12)["hashes"])
        + "\n" + VECTORS["checkpoint"]},
    "body empty": {"body": ""},
    "index": {"proof": with_line(1, "index 6")},
    "index beyond the tree": {"proof": with_line(1, "index 13")},
    "index with a leading zero": {"proof": with_line(1, "index 07")},
    "index in other digits": {"proof": with_line(1, "index \u0667")},
    "index missing": {"proof": PROOF.replace("index 7\n", "")},
    "first line": {"proof": with_line(0, "c2sp.org/tlog-proof@v2")},
    "extra not base64": {"proof": PROOF.replace("index", "extra !\nindex", 1)},
    "hash left out": {"proof": "\n".join(LINES[:2] + LINES[3:])},
    "hash twice": {"proof": "\n".join(LINES[:3] + LINES[2:])},
    "hashes in another order": {"proof": "\n".join(LINES[:2] + [LINES[3], LINES[2]] + LINES[4:])},
    "hash not canonical": {"proof": with_line(2, LINES[2][:-2] + chr(ord(LINES[2][-2]) + 1) + "=")},
    "origin": {"proof": PROOF.replace(ORIGIN + "\n13", ORIGIN + "x\n13")},
    "size": {"proof": PROOF.replace("\n13\n", "\n14\n")},
    "root": {"proof": PROOF.replace(LINES[9], base64.b64encode(bytes.fromhex(VECTORS["roots"][12])).decode())},
    "extension line": {"proof": PROOF.replace(LINES[9], LINES[9] + "\nextension")},
    "signature, first byte": {"proof": with_signature(flipped(SIGNATURE, 4))},
    "signature, last byte": {"proof": with_signature(flipped(SIGNATURE, 67))},
    "signature, key id": {"proof": with_signature(flipped(SIGNATURE, 0))},
    "signature too short": {"proof": with_signature(SIGNATURE[:-1])},
    "signature missing": {"proof": PROOF.replace(LINES[-2] + "\n", "")},
    "signature by another name": {"proof": PROOF.replace(f"\u2014 {ORIGIN}", "\u2014 other.example")},
    "good signature and bad one": {"proof": PROOF + with_signature(flipped(SIGNATURE, 9)).split("\n")[-2] + "\n"},
    "checkpoint missing": {"proof": PROOF[:PROOF.index("\n\n") + 2]},
    "line ends of another system": {"proof": PROOF.replace("\n", "\r\n")},
    "not UTF-8": {"proof": PROOF.encode() + b"\xff"},
    "proof empty": {"proof": ""},
    "key id": {"key": KEY.replace("+93e34ca6+", "+93e34ca7+")},
    "key of another log": {"key": key_of("other.example", bytes.fromhex(VECTORS["public_key"]))},
    "another key of this log": {"key": key_of(ORIGIN, flipped(bytes.fromhex(VECTORS["public_key"]), 31))},
    "key not Ed25519": {"key": KEY.replace("+AYqI", "+BIqI")},
    "key empty": {"key": ""},
}


@pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED.keys())
def test_altered_receipt_is_refused(tmp_path, altered):
    assert all(value != {"key": KEY, "body": BODY, "proof": PROOF}[name] for name, value in altered.items())
    done = run(tmp_path, **altered)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("REFUSED") and "VERIFIED" not in done.stdout


def test_every_altered_line_is_refused(tmp_path):
    for at in range(len(LINES) - 1):
        altered = LINES[at][:-1] + chr(ord(LINES[at][-1]) ^ 1) if LINES[at] else "x"
        done = run(tmp_path, proof=with_line(at, altered))
        assert done.returncode == 1, (at, done.stdout)


def test_wrong_arguments(tmp_path):
    script = HERE / "verify_receipt.py"
    assert subprocess.run([sys.executable, script], capture_output=True, check=False).returncode == 2
    missing = subprocess.run([sys.executable, script, "a", "b", "c"], cwd=tmp_path, capture_output=True, check=False)
    assert missing.returncode == 1
