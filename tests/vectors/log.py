# SPDX-License-Identifier: Apache-2.0
"""Writes log.json, the log's vectors, from RFC 6962 as it is written and from the openssl command.

Nothing here is shared with the C code that is tested against the result, nor with verify_receipt.py. The key is made
from 32 bytes of 0x01: it must never sign anything but vectors. Run: python3 log.py > log.json
"""
import base64
import hashlib
import json
import os
import subprocess
import tempfile

ORIGIN = "impots.example/guichet/vectors"
SEED = bytes([1] * 32)
SIZE = 13
RECEIPT = 7
TILES = [(0, 0, 256), (0, 0, 13), (1, 1234067, 256), (0, 999, 1), (2, 1000, 255), (7, 2**56 - 1, 256)]


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def openssl(*arguments, stdin=b""):
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


class Key:
    """An Ed25519 key from its seed (PKCS#8 of RFC 8410: a fixed prefix, then the seed)."""

    def __init__(self, seed):
        self.der = bytes.fromhex("302e020100300506032b657004220420") + seed
        self.public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=self.der)[-32:]

    def sign(self, text):
        with tempfile.TemporaryDirectory() as place:
            for name, data in (("key", self.der), ("text", text)):
                with open(os.path.join(place, name), "wb") as out:
                    out.write(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", os.path.join(place, "key"),
                           "-in", os.path.join(place, "text"))


def split(count):
    return 1 << ((count - 1).bit_length() - 1)


def root(hashes):
    """MTH, RFC 6962 2.1."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return sha256(b"\x01" + root(hashes[:k]) + root(hashes[k:]))


def path(index, hashes):
    """PATH, RFC 6962 2.1.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return path(index, hashes[:k]) + [root(hashes[k:])]
    return path(index - k, hashes[k:]) + [root(hashes[:k])]


def subproof(size_old, hashes, known):
    """SUBPROOF, RFC 6962 2.1.2."""
    if size_old == len(hashes):
        return [] if known else [root(hashes)]
    k = split(len(hashes))
    if size_old <= k:
        return subproof(size_old, hashes[:k], known) + [root(hashes[k:])]
    return subproof(size_old - k, hashes[k:], False) + [root(hashes[:k])]


def tile_path(level, index, width):
    digits = f"{index:d}"
    digits = "0" * (-len(digits) % 3) + digits
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    text = f"tile/{level}/" + "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return text if width == 256 else f"{text}.p/{width}"


def checkpoint(key, key_id, size, tree_root):
    text = f"{ORIGIN}\n{size}\n{b64(tree_root)}\n"
    return f"{text}\n\u2014 {ORIGIN} {b64(key_id + key.sign(text.encode()))}\n"


def main():
    key = Key(SEED)
    key_id = sha256(ORIGIN.encode() + b"\n\x01" + key.public)[:4]
    leaves = []
    for index in range(SIZE):
        kind = "guichet-receipt" if index == RECEIPT else "guichet-other"
        leaves.append(f'{{"type":"{kind}","nonce":"{index:032x}","leaf":{index}}}'.encode())
    hashes = [sha256(b"\x00" + leaf) for leaf in leaves]
    head = checkpoint(key, key_id, SIZE, root(hashes))
    proof = "".join([f"c2sp.org/tlog-proof@v1\nindex {RECEIPT}\n"] +
                    [b64(sibling) + "\n" for sibling in path(RECEIPT, hashes)] + ["\n", head])
    vectors = {
        "about": "Guichet's log; bytes in hexadecimal; roots[n] is the root of the first n leaves",
        "origin": ORIGIN,
        "seed": SEED.hex(),
        "public_key": key.public.hex(),
        "verifier_key": f"{ORIGIN}+{key_id.hex()}+{b64(bytes([1]) + key.public)}",
        "leaves": [leaf.decode() for leaf in leaves],
        "leaf_hashes": [leaf_hash.hex() for leaf_hash in hashes],
        "roots": [root(hashes[:size]).hex() for size in range(SIZE + 1)],
        "inclusion": [{"index": index, "size": size, "hashes": [h.hex() for h in path(index, hashes[:size])]}
                      for size in (1, 8, SIZE) for index in range(size)],
        "consistency": [{"size_old": old, "size_new": new,
                         "hashes": [h.hex() for h in subproof(old, hashes[:new], True)]}
                        for new in (8, SIZE) for old in range(1, new + 1)],
        "checkpoint": head,
        "receipt": {"index": RECEIPT, "body": leaves[RECEIPT].decode(), "proof": proof},
        "tiles": [{"level": level, "index": index, "width": width, "path": tile_path(level, index, width)}
                  for level, index, width in TILES],
    }
    print(json.dumps(vectors, indent="\t", ensure_ascii=False))


main()
