#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of `guichet/1` written from protocol/PROTOCOL.md alone, with nothing of Guichet: Python's standard library
and the `openssl` command. It is there to show that the page suffices, and to test servers with other code than their
own.

    stranger.py TRUST HOST:PORT hello
    stranger.py TRUST HOST:PORT enrol KEY SPI BIRTH_NAME FILER_NUMBER REFERENCE_INCOME EMAIL
    stranger.py TRUST HOST:PORT file KEY RETURN.json [REPLACES]

TRUST is the directory of what the office publishes (tls.pem, log.vkey). KEY is a directory: `enrol` makes key.pem and
certificate.der in it, `file` leaves manifest, receipt.json and receipt.tlog-proof there.

Missing: log-in, and what needs it. It signs the TLS exporter, which Python's ssl does not give."""
import base64
import hashlib
import json
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import zlib

HELLO, PUBLICATION = 0x0001, 0x0003
LOG_CHECKPOINT, LOG_INCLUSION, LOG_CONSISTENCY, LOG_TILE = 0x0010, 0x0011, 0x0012, 0x0013
ENROL, FILE, UPLOAD, PART = 0x0100, 0x0200, 0x0201, 0x0202
BUSY, SERVER_STOPPING, DISK_FULL, INTERNAL = 40, 42, 43, 44

OPENSSL = "openssl"


# ---- deterministic CBOR: unsigned, bytes, text, boolean, list, map ----

class Malformed(Exception):
    """Bytes that are not what the page describes."""


def cbor_head(major, number):
    for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + struct.pack(form, number)
    raise ValueError(number)


def cbor_encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor_encode, value))
    return cbor_head(5, len(value)) + b"".join(cbor_encode(key) + cbor_encode(value[key]) for key in sorted(value))


def require(condition, text):
    if not condition:
        raise Malformed(text)


def cbor_item(data, at, depth):
    """-> (value, where it ends)"""
    require(at < len(data) and depth <= 8, "cut, or too deep")
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if data[at - 1] in (0xf4, 0xf5):
        return data[at - 1] == 0xf5, at
    require(major in (0, 2, 3, 4, 5) and low < 28, "a kind of item that does not occur")
    number = low
    if low >= 24:
        size = 1 << low - 24
        require(at + size <= len(data), "cut")
        number = int.from_bytes(data[at:at + size], "big")
        require(number >= 24 and (size == 1 or number >> 4 * size), "not the shortest form")
        at += size
    if major == 0:
        return number, at
    require(number <= len(data) - at, "a length that is more than there is")
    if major in (2, 3):
        piece = data[at:at + number]
        try:
            return (piece if major == 2 else piece.decode()), at + number
        except UnicodeDecodeError:
            raise Malformed("text that is not UTF-8") from None
    if major == 4:
        items = []
        for _ in range(number):
            item, at = cbor_item(data, at, depth + 1)
            items.append(item)
        return items, at
    record, last = {}, -1
    for _ in range(number):
        key, at = cbor_item(data, at, depth + 1)
        require(type(key) is int and key > last, "keys that are not numbers in rising order")
        record[key], at = cbor_item(data, at, depth + 1)
        last = key
    return record, at


def cbor_decode(data):
    value, end = cbor_item(data, 0, 1)
    require(isinstance(value, dict) and end == len(data), "not one map")
    return value


# ---- frames over TLS ----

HEADER = struct.Struct(">IHHII")


def frame(op, stream, body, flags=0, status=0):
    return HEADER.pack(12 + len(body), op, flags, status, stream) + body


class Refused(Exception):
    """An answer with a status that is not 0."""

    def __init__(self, op, status, body):
        said = ", ".join(str(body[key]) for key in (3, 4, 5) if key in body)
        super().__init__(f"op {op:#06x} refused with {status}: {body.get(1)} ({said})")
        self.status, self.body = status, body


class Closed(Exception):
    """The server closed the connection."""


def tls_context(tls_pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["guichet/1"])
    context.load_verify_locations(tls_pem)
    return context


class Connection:
    """One connection. request() sends and waits; send() and receive() pipeline."""

    def __init__(self, host, port, tls_pem, timeout=20, source=None):
        """source: the address to come from, where a machine has several."""
        plain = socket.create_connection((host, port), timeout, source and (source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = tls_context(tls_pem).wrap_socket(plain, server_hostname=host)
        require(self.tls.selected_alpn_protocol() == "guichet/1", "the server does not speak guichet/1")
        self.stream = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send_bytes(self, data):
        try:
            self.tls.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None

    def send(self, op, body, stream=None):
        if stream is None:
            self.stream = stream = (self.stream + 1) % 2**32
        self.send_bytes(frame(op, stream, cbor_encode(body)))
        return stream

    def take(self, size):
        parts = []
        while size:
            try:
                part = self.tls.recv(min(size, 65536))
            except ssl.SSLError as error:
                raise Closed(str(error)) from None
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed("ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def receive(self):
        """-> (op, stream, status, body)"""
        length, op, flags, status, stream = HEADER.unpack(self.take(HEADER.size))
        require(length >= 12 and flags == 1, "not an answer")
        body = cbor_decode(self.take(length - 12))
        require(len(body.get(0, b"")) == 8, "an answer without correlation")
        return op, stream, status, body

    def request(self, op, body):
        sent = self.send(op, body)
        op_answered, stream, status, answer = self.receive()
        require((op_answered, stream) == (op, sent), "an answer to something else")
        if status:
            raise Refused(op, status, answer)
        return answer

    # ---- operations ----

    def hello(self):
        return self.request(HELLO, {1: "stranger/1"})

    def publication(self, name):
        content = b""
        while True:
            answer = self.request(PUBLICATION, {1: name, 2: len(content)})
            content += answer[1]
            if len(content) >= answer[2]:
                return content
            require(answer[1], "a part without bytes before the end of the file")

    def enrol(self, facts, email, csr, contract):
        """facts: (spi, birth name, filer number, reference income) -> Certificate's (DER, serial)"""
        spi, birth_name, filer_number, reference_income = facts
        answer = self.request(ENROL, {1: spi, 3: birth_name, 5: filer_number, 7: reference_income, 9: email, 11: csr,
                                      13: contract})
        return answer[1], answer[2]

    def file(self, filing, documents):
        """-> (receipt, proof, whole answer)"""
        answer = self.request(FILE, {**filing, 9: documents})
        return answer[1], answer[2], answer

    def upload(self, filing, contents, part_size):
        """Sends every document that the server names, from where it says, then nothing is missing but `file`."""
        by_digest = {sha256(content): content for content in contents}
        answer = self.request(UPLOAD, filing)
        for state in answer[2]:
            content, received = by_digest[state[1]], state[2]
            while received < len(content):
                received = self.request(PART, {1: answer[1], 3: state[1], 5: received,
                                               7: content[received:received + part_size], 9: answer[3]})[1]
        return answer

    def checkpoint(self):
        return self.request(LOG_CHECKPOINT, {})[1]

    def inclusion(self, index, size):
        return hashes_split(self.request(LOG_INCLUSION, {1: index, 3: size})[1])

    def consistency(self, old, new):
        return hashes_split(self.request(LOG_CONSISTENCY, {1: old, 3: new})[1])

    def tile(self, level, index, width=256):
        return hashes_split(self.request(LOG_TILE, {1: level, 3: index, 4: width})[1])


def hashes_split(data):
    require(len(data) % 32 == 0, "hashes have 32 bytes each")
    return [data[at:at + 32] for at in range(0, len(data), 32)]


# ---- keys, manifest, signature ----

def sha256(data):
    return hashlib.sha256(data).digest()


def openssl(*arguments, data=None):
    done = subprocess.run([OPENSSL, *map(str, arguments)], input=data, capture_output=True, check=False)
    require(done.returncode == 0, done.stderr.decode(errors="replace"))
    return done.stdout


class Holder:
    """A directory with key.pem and, once enrolled, certificate.der."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.key = self.directory / "key.pem"
        self.certificate = self.directory / "certificate.der"

    def make_key(self, kind="p256"):
        self.directory.mkdir(parents=True, exist_ok=True)
        options = {"p256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
                   "rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:3072")}[kind]
        openssl("genpkey", "-algorithm", *options, "-out", self.key)

    def csr(self):
        return openssl("req", "-new", "-sha256", "-key", self.key, "-subj", "/CN=whoever", "-outform", "DER")

    def sign(self, data):
        return openssl("dgst", "-sha256", "-sign", self.key, data=data)

    def serial(self):
        text = openssl("x509", "-inform", "DER", "-in", self.certificate, "-noout", "-serial").decode()
        return bytes.fromhex(text.strip().removeprefix("serial=").zfill(32))


def document_line(kind, media_type, content):
    return f"document {kind} {media_type} {len(content)} {sha256(content).hex()}\n"


def manifest_text(origin, campaign, spi, documents, replaces="none", mode="online"):
    """documents: (type, media type, content) each."""
    head = ["guichet-filing 1", f"origin {origin}", f"campaign {campaign}", f"subject spi {spi}",
            f"replaces {replaces}", f"mode {mode}", ""]
    return ("\n".join(head) + "".join(document_line(*document) for document in documents)).encode()


def der(tag, *contents):
    content = b"".join(contents)
    assert len(content) < 128 or tag == 0x31
    return bytes([tag]) + (bytes([len(content)]) if len(content) < 128 else b"\x81" + bytes([len(content)])) + content


def signed_attributes(manifest, certificate, signing_time):
    """DER of the CMS signed attributes of CAdES-BES, built up from their parts."""
    pkcs9 = bytes.fromhex("2a864886f70d0109")
    stamp = time.strftime("%y%m%d%H%M%SZ", time.gmtime(signing_time)).encode()
    content_type = der(0x30, der(0x06, pkcs9, b"\x03"), der(0x31, der(0x06, bytes.fromhex("2a864886f70d010701"))))
    time_signed = der(0x30, der(0x06, pkcs9, b"\x05"), der(0x31, der(0x17, stamp)))
    digest = der(0x30, der(0x06, pkcs9, b"\x04"), der(0x31, der(0x04, sha256(manifest))))
    signer = der(0x30, der(0x30, der(0x30, der(0x04, sha256(certificate)))))
    by_certificate = der(0x30, der(0x06, pkcs9, bytes.fromhex("10022f")), der(0x31, signer))
    return der(0x31, content_type, time_signed, digest, by_certificate)


def filing_sign(holder, manifest, signing_time):
    """What `file` and `upload` have in common."""
    attributes = signed_attributes(manifest, holder.certificate.read_bytes(), signing_time)
    return {1: manifest, 3: holder.serial(), 5: signing_time, 7: holder.sign(attributes)}


def document_sent(content, deflate=True):
    return {1: sha256(content), 3: int(deflate), 5: len(content), 7: zlib.compress(content) if deflate else content}


# ---- the log ----

def checkpoint_read(text):
    """-> (size, root). The signature is for verify_receipt.py."""
    lines = text.decode().split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def tree_root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


def inclusion_holds(leaf, index, size, proof, root):
    node, last, result = index, size - 1, leaf
    if index >= size:
        return False
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def consistency_holds(size_old, root_old, size_new, root_new, proof):
    if size_old == 0 or size_old > size_new:
        return False
    if size_old == size_new:
        return not proof and root_old == root_new
    if not proof:
        return False
    if size_old & size_old - 1 == 0:
        proof = [root_old] + proof
    node, last = size_old - 1, size_new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == root_old and new == root_new


# ---- command line ----

def spi_of(certificate):
    """The tax number in the certificate's subject: how whoever files knows for whom."""
    subject = openssl("x509", "-inform", "DER", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253")
    return re.search(r"serialNumber=([0-9]{13})", subject.decode())[1]


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    trust, (host, port) = pathlib.Path(arguments[0]), arguments[1].rsplit(":", 1)
    command, rest = arguments[2], arguments[3:]
    with Connection(host, int(port), trust / "tls.pem") as connection:
        office = connection.hello()
        if command == "hello":
            print(office)
            return 0
        campaign = json.loads(connection.publication("campaign.json"))
        holder = Holder(rest[0])
        if command == "enrol":
            holder.make_key()
            certificate, _ = connection.enrol(rest[1:5], rest[5], holder.csr(), campaign["contract"]["version"])
            holder.certificate.write_bytes(certificate)
        elif command == "file":
            content = pathlib.Path(rest[1]).read_bytes()
            manifest = manifest_text(office[2], campaign["name"], spi_of(holder.certificate),
                                     [("2042", "application/json", content)], *rest[2:3])
            filing = filing_sign(holder, manifest, office[3])
            (holder.directory / "manifest").write_bytes(manifest)
            receipt, proof, _ = connection.file(filing, [document_sent(content)])
            (holder.directory / "receipt.json").write_bytes(receipt)
            (holder.directory / "receipt.tlog-proof").write_bytes(proof)
            print(json.loads(receipt)["number"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
