#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a receipt against the log's public key, with nothing of Guichet: Python's standard library and `openssl`.

Usage: verify_receipt.py log.vkey receipt.json receipt.tlog-proof

log.vkey is the verifier key that the office publishes, receipt.json the receipt as it was received, to the byte,
receipt.tlog-proof its proof. The formats are public: C2SP signed-note, tlog-checkpoint and tlog-proof, RFC 6962
(hashing), RFC 9162 2.1.3.2 (walk to the root), RFC 8032 (Ed25519). Prints every step; exits 0 only if all hold.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

# DER of an Ed25519 SubjectPublicKeyInfo (RFC 8410) up to the key's 32 bytes.
PUBLIC_KEY_HEAD = bytes.fromhex("302a300506032b6570032100")
NUMBER = r"(0|[1-9][0-9]*)"


class Refused(Exception):
    """Something does not hold; the text says what."""


def sha256(data):
    return hashlib.sha256(data).digest()


def require(condition, text):
    if not condition:
        raise Refused(text)


def decode(text, what):
    """Base64 in its one canonical spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(f"{what}: not base64: {text!r}") from None
    require(data and base64.b64encode(data).decode() == text, f"{what}: not canonical base64: {text!r}")
    return data


def number(text, pattern, what):
    match = re.fullmatch(pattern.replace("N", NUMBER), text, re.ASCII)
    require(match, f"{what}: a decimal number without leading zeros was expected, not {text!r}")
    return int(match[1])


def read_key(text):
    """name+key id+base64(type, key) -> (name, key id, key)"""
    parts = text.removesuffix("\n").split("+", 2)
    require(len(parts) == 3, "verifier key: not of the form name+key id+base64")
    name, key_id, typed = parts[0], parts[1], decode(parts[2], "verifier key")
    require(name and not re.search(r"[\s+]", name), "verifier key: its name is not usable")
    require(len(typed) == 33 and typed[0] == 1, "verifier key: not an Ed25519 key")
    expected = sha256(name.encode() + b"\n" + typed)[:4]
    require(key_id == expected.hex(), f"verifier key: key id {key_id}, but name and key give {expected.hex()}")
    return name, expected, typed[1:]


def read_proof(text):
    """-> (index, hashes, checkpoint)"""
    head, empty, checkpoint = text.partition("\n\n")
    require(empty, "proof: no empty line before the checkpoint")
    lines = head.split("\n")
    require(lines.pop(0) == "c2sp.org/tlog-proof@v1", "proof: the first line is not c2sp.org/tlog-proof@v1")
    if lines and lines[0].startswith("extra "):
        decode(lines.pop(0)[len("extra "):], "proof, extra")  # nobody signed it: not looked at
    require(lines, "proof: no index line")
    index = number(lines.pop(0), "index N", "proof, index")
    hashes = [decode(line, "proof, hash") for line in lines]
    require(all(len(one) == 32 for one in hashes), "proof: a hash has not 32 bytes")
    return index, hashes, checkpoint


def read_checkpoint(text, name, key_id):
    """-> (signed text, size, root, our signatures)"""
    body, empty, signatures = text.rpartition("\n\n")
    require(empty and signatures.endswith("\n"), "checkpoint: not a text, an empty line and signature lines")
    require(not re.search(r"[\x00-\x09\x0b-\x1f]", text), "checkpoint: it has control characters")
    lines = body.split("\n")
    require(len(lines) >= 3 and all(lines), "checkpoint: not origin, size and root")
    require(lines[0] == name, f"checkpoint: origin {lines[0]!r}, but the key is of {name!r}")
    size = number(lines[1], "N", "checkpoint, size")
    root = decode(lines[2], "checkpoint, root")
    require(len(root) == 32, "checkpoint: the root has not 32 bytes")
    ours = []
    for line in signatures.removesuffix("\n").split("\n"):
        match = re.fullmatch(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)", line)
        require(match, f"checkpoint: not a signature line: {line!r}")
        signature = decode(match[2], "checkpoint, signature")
        if match[1] == name and signature[:4] == key_id:
            ours.append(signature[4:])
    require(ours, "checkpoint: no signature by the log's key")
    return (body + "\n").encode(), size, root, ours


def verify_ed25519(key, text, signature):
    pem = base64.encodebytes(PUBLIC_KEY_HEAD + key).decode()
    files = {
        "key": f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n".encode(),
        "text": text,
        "signature": signature,
    }
    with tempfile.TemporaryDirectory() as place:
        for file, data in files.items():
            with open(os.path.join(place, file), "wb") as out:
                out.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key", "-sigfile",
                               "signature", "-in", "text"], cwd=place, capture_output=True, check=False)
    return done.returncode == 0


def root_from(leaf_hash, index, size, hashes):
    """RFC 9162 2.1.3.2: the root that leaf and proof lead to; None when the proof has not the right length."""
    node, last, result = index, size - 1, leaf_hash
    for sibling in hashes:
        if last == 0:
            return None
        if node & 1 or node == last:
            result = sha256(b"\x01" + sibling + result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = sha256(b"\x01" + result + sibling)
        node, last = node >> 1, last >> 1
    return result if last == 0 else None


def check_type(body):
    """The body must say first that it is a receipt: the log has leaves of other kinds too."""
    try:
        members = json.loads(body, object_pairs_hook=list)
    except ValueError:
        raise Refused("receipt: not JSON") from None
    require(isinstance(members, list) and members and members[0] == ("type", "guichet-receipt"),
            'receipt: its first member is not "type":"guichet-receipt"')
    require(sum(name == "type" for name, _ in members) == 1, "receipt: it has two types")


def verify(key_text, body, proof_text, say):
    name, key_id, key = read_key(key_text)
    say(f"verifier key  {name}, key id {key_id.hex()} recomputed from name and key")
    check_type(body)
    leaf_hash = sha256(b"\x00" + body)
    say(f"receipt       {len(body)} bytes, leaf hash {leaf_hash.hex()}")
    index, hashes, checkpoint = read_proof(proof_text)
    text, size, root, signatures = read_checkpoint(checkpoint, name, key_id)
    require(all(len(one) == 64 and verify_ed25519(key, text, one) for one in signatures),
            "checkpoint: the signature does not verify with the log's key")
    say(f"checkpoint    size {size}, root {root.hex()}, Ed25519 signature verified")
    require(index < size, f"proof: leaf {index} is not in a tree of {size}")
    require(root_from(leaf_hash, index, size, hashes) == root,
            "proof: receipt and hashes do not lead to the signed root")
    say(f"proof         leaf {index} of {size}: {len(hashes)} hashes lead from the receipt to the signed root")


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        files = []
        for path in arguments:
            with open(path, "rb") as file:
                files.append(file.read())
        verify(files[0].decode(), files[1], files[2].decode(), print)
    except (Refused, OSError, UnicodeDecodeError) as error:
        print(f"REFUSED       {error}", file=sys.stderr)
        return 1
    print("VERIFIED")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
