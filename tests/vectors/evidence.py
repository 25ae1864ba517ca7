# SPDX-License-Identifier: Apache-2.0
"""Writes manifest.json, signature.json and receipt.json: what is signed, how, and what acknowledges it.

Made from the formats as PROTOCOL.md tells them, with Python's standard library and the openssl command; nothing here is
shared with the C code that is tested against the result. Keys and certificates are kept from the signature.json that is
there, since they are inputs: delete it to have new ones made. They must never sign anything but vectors.
Run: python3 tests/vectors/evidence.py
"""
import datetime
import hashlib
import json
import pathlib
import subprocess
import tempfile
import zoneinfo

HERE = pathlib.Path(__file__).resolve().parent
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SIGNING_TIME = 1795362000
A, B, C = (hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b", "c"))


# ---- manifests ----

HEAD = ["guichet-filing 1", "origin guichet.example/2026", "campaign ir-2025", "subject spi 3023217600053",
        "replaces none", "mode online"]
RETURN = f"document 2042 application/json 1103 {A}"
RIB = f"document attachment/rib application/pdf 20971520 {B}"


def text_of(*lines):
    return "".join(line + "\n" for line in lines)


def with_line(number, line):
    """The first manifest with its `number`th line replaced; None removes it."""
    lines = [*HEAD, RETURN, RIB]
    lines[number - 1:number] = [] if line is None else [line]
    return text_of(*lines)


MANIFESTS = [
    text_of(*HEAD, RETURN),
    text_of(*HEAD, RETURN, RIB),
    text_of("guichet-filing 1", "origin a", "campaign tva-2026/10", "subject siren 732829320 tva",
            "replaces K7QX-2M4T-9ZRB-4H8P", "mode offline", f"document 3310-CA3 application/json 131072 {C}"),
]

REFUSED_MANIFESTS = [
    ("", 1, "empty"),
    (text_of(*HEAD), 7, "no document"),
    (with_line(1, "guichet-filing 2"), 1, "another version"),
    (with_line(1, "\ufeffguichet-filing 1"), 1, "byte order mark"),
    (with_line(2, None), 2, "a line is missing"),
    (with_line(2, "origin a+b"), 2, "plus sign in the origin"),
    (with_line(3, "campaign ir 2025"), 3, "space in a word"),
    (with_line(3, "campaign ir-2025 "), 3, "space at the end"),
    (with_line(3, "campaign ir-2025\r"), 3, "carriage return"),
    (with_line(4, "subject spi 3023217600054"), 4, "check digits of the SPI"),
    (with_line(4, "subject siren 732829321 tva"), 4, "check digit of the SIREN"),
    (with_line(5, "replaces K7QX-2M4T-9ZRB-4H8Q"), 5, "check character of the receipt number"),
    (with_line(5, "replaces k7qx-2m4t-9zrb-4h8p"), 5, "receipt number not canonical"),
    (with_line(6, "mode paper"), 6, "unknown mode"),
    (with_line(7, f"document 2042 application/json 01103 {A}"), 7, "leading zero"),
    (with_line(7, f"document 2042 application/json 524289 {A}"), 7, "return too large"),
    (with_line(7, f"document 2042 application/json 1103 {A.upper()}"), 7, "upper-case digest"),
    (with_line(7, f"document 2042 application/pdf 1103 {A}"), 7, "media type of a return"),
    (with_line(8, f"document attachment/rib application/zip 1 {B}"), 8, "media type of an attachment"),
    (with_line(8, f"document attachment/rib application/pdf 0 {B}"), 8, "empty document"),
    (with_line(8, f"document attachment/rib application/pdf 1 {A}"), 8, "digest of an earlier line"),
    (text_of(*HEAD, RETURN, ""), 8, "empty line"),
    (text_of(*HEAD, RETURN)[:-1], 7, "no line feed at the end"),
]


def manifests():
    return {
        "about": "Manifests: sha256 is the filing's id; a refused one is wrong at the line named",
        "accepted": [{"text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()} for text in MANIFESTS],
        "refused": [{"text": text, "line": line, "why": why} for text, line, why in REFUSED_MANIFESTS],
    }


# ---- signatures ----

def der(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray([40 * first + second])
    for arc in rest:
        groups = [arc & 0x7f]
        while arc := arc >> 7:
            groups.append(arc & 0x7f | 0x80)
        out += bytes(reversed(groups))
    return der(0x06, bytes(out))


def sequence(*parts):
    return der(0x30, *parts)


def set_of(tag, *parts):
    return der(tag, *sorted(set(parts)))


SHA256 = sequence(oid("2.16.840.1.101.3.4.2.1"))
DATA = oid("1.2.840.113549.1.7.1")
VERSION_1 = der(0x02, b"\x01")
ALGORITHMS = {"rsa3072": sequence(oid("1.2.840.113549.1.1.1"), der(0x05)), "p256": sequence(oid("1.2.840.10045.4.3.2"))}


def attribute(kind, value):
    return sequence(oid(kind), der(0x31, value))


def attributes(tag, text, certificate, time):
    utc = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%y%m%d%H%M%SZ")
    hash_of_certificate = der(0x04, hashlib.sha256(certificate).digest())
    return set_of(tag, attribute("1.2.840.113549.1.9.3", DATA),
                  attribute("1.2.840.113549.1.9.5", der(0x17, utc.encode())),
                  attribute("1.2.840.113549.1.9.4", der(0x04, hashlib.sha256(text).digest())),
                  attribute("1.2.840.113549.1.9.16.2.47", sequence(sequence(sequence(hash_of_certificate)))))


def members(data):
    """The encodings one after another in `data`."""
    while data:
        size, head = data[1], 2
        if size & 0x80:
            head += size & 0x7f
            size = int.from_bytes(data[2:head], "big")
        yield data[:head + size], data[head:head + size]
        data = data[head + size:]


def issuer_and_serial(certificate):
    (_, content), = members(certificate)
    (_, to_be_signed), *_ = members(content)
    _version, serial, _algorithm, issuer, *_ = members(to_be_signed)
    return sequence(issuer[0], serial[0])


def signer_info(text, signer):
    certificate = bytes.fromhex(signer["certificate"])
    return sequence(VERSION_1, issuer_and_serial(certificate), SHA256,
                    attributes(0xa0, text, certificate, SIGNING_TIME), ALGORITHMS[signer["algorithm"]],
                    der(0x04, bytes.fromhex(signer["signature"])))


def signed_data(text, signers):
    return sequence(oid("1.2.840.113549.1.7.2"), der(0xa0, sequence(
        VERSION_1, set_of(0x31, SHA256), sequence(DATA),
        set_of(0xa0, *(bytes.fromhex(s["certificate"]) for s in signers)),
        set_of(0x31, *(signer_info(text, s) for s in signers)))))


def openssl(place, *arguments):
    return subprocess.run(["openssl", *arguments], cwd=place, capture_output=True, check=True).stdout


GENERATE = {"rsa3072": ("RSA", "rsa_keygen_bits:3072"), "p256": ("EC", "ec_paramgen_curve:P-256")}


def make_signer(place, algorithm, serial):
    """A key, its certificate by the CA in `place`, and its signature over the second manifest."""
    kind, option = GENERATE[algorithm]
    openssl(place, "genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", "key.pem")
    openssl(place, "req", "-new", "-key", "key.pem", "-subj", "/CN=Zoé Martin/serialNumber=3023217600053", "-utf8",
            "-out", "request.pem")
    (place / "extensions").write_text("keyUsage=critical,digitalSignature,nonRepudiation\n"
                                      "extendedKeyUsage=critical,1.3.6.1.4.1.32473.1.1\n")
    openssl(place, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", serial,
            "-days", "36500", "-extfile", "extensions", "-outform", "DER", "-out", "certificate")
    certificate = (place / "certificate").read_bytes()
    (place / "signed").write_bytes(attributes(0x31, MANIFESTS[1].encode(), certificate, SIGNING_TIME))
    signature = openssl(place, "dgst", "-sha256", "-sign", "key.pem", "signed")
    public = openssl(place, "pkey", "-in", "key.pem", "-pubout", "-outform", "DER")
    return {"algorithm": algorithm, "private_key": (place / "key.pem").read_text(),
            "public_key": (public[-65:] if algorithm == "p256" else public[-389:-5]).hex(),
            "certificate": certificate.hex(), "signature": signature.hex()}


def make_signers():
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        openssl(place, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "ca.key", "-out", "ca.pem", "-subj", "/CN=Vectors CA", "-days", "36500")
        return {"ca": (place / "ca.pem").read_text(),
                "signers": [make_signer(place, "rsa3072", "0x123456789abcdef0123456789abcdef0"),
                            make_signer(place, "p256", "0x00ffeeddccbbaa998877665544332211")]}


def check_stock(ca, p7s, text, good):
    """The stock openssl has to agree before anything is written."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        for file, data in (("ca.pem", ca.encode()), ("p7s", p7s), ("text", text)):
            (place / file).write_bytes(data)
        result = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile",
                                 "ca.pem", "-in", "p7s", "-content", "text"], cwd=place, capture_output=True)
        assert (result.returncode == 0) == good, result.stderr


def signatures():
    text = MANIFESTS[1].encode()
    try:
        kept = json.loads((HERE / "signature.json").read_text())
    except FileNotFoundError:
        kept = make_signers()
    signers = kept["signers"]
    for signer in signers:
        certificate = bytes.fromhex(signer["certificate"])
        signer["certificate_sha256"] = hashlib.sha256(certificate).hexdigest()
        signer["attributes"] = attributes(0x31, text, certificate, SIGNING_TIME).hex()
    exports = []
    for chosen in ([0], [1], [0, 1]):
        p7s = signed_data(text, [signers[i] for i in chosen])
        check_stock(kept["ca"], p7s, text, True)
        check_stock(kept["ca"], p7s, text + b"\n", False)
        exports.append({"signers": chosen, "p7s": p7s.hex()})
    exporter, serial = bytes(range(32)), bytes(range(0x40, 0x50))
    return {
        "about": "Signatures over text at signing_time; bytes in hexadecimal; certificates in DER, keys as in records",
        "text": text.decode(),
        "text_sha256": hashlib.sha256(text).hexdigest(),
        "signing_time": SIGNING_TIME,
        "ca": kept["ca"],
        "signers": signers,
        "exports": exports,
        "login": {"exporter": exporter.hex(), "serial": serial.hex(),
                  "input": (b"guichet/1 log-in\0" + exporter + serial).hex()},
    }


# ---- receipts ----

def number_of(random):
    bits = int.from_bytes(random, "big") >> 5
    values = [bits >> 5 * (14 - i) & 31 for i in range(15)]
    total = sum(sum(divmod(value * (2 if i % 2 == 0 else 1), 32)) for i, value in enumerate(values))
    text = "".join(ALPHABET[value] for value in [*values, -total % 32])
    return "-".join(text[i:i + 4] for i in range(0, 16, 4))


def times(time):
    utc = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
    return {"paris": utc.astimezone(PARIS).isoformat(), "utc": utc.strftime("%Y-%m-%dT%H:%M:%SZ")}


def receipt(**changes):
    body = {
        "type": "guichet-receipt", "nonce": "00112233445566778899aabbccddeeff", "number": "K7QX-2M4T-9ZRB-4H8P",
        "origin": "guichet.example/2026", "campaign": "ir-2025", "income_year": 2025,
        "received_at": times(1795362029), "filing_id": hashlib.sha256(MANIFESTS[1].encode()).hexdigest(),
        "replaces": None, "in_time": True, "last_in_time": times(1780005599), "mode": "online",
        "persons": [{"spi": "3023217600053", "birth_name": "LEFÈVRE", "first_names": "Zoé, Anne"}],
        "signers": [{"spi": "3023217600053", "serial": "123456789abcdef0123456789abcdef0",
                     "signing_time": times(SIGNING_TIME)}],
        "documents": [{"type": "2042", "media_type": "application/json", "size": 1103, "digest": A},
                      {"type": "attachment/rib", "media_type": "application/pdf", "size": 20971520, "digest": B}],
        "pending": [],
    }
    body.update(changes)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


RIB_DUE = {"paper": "rib", "text": "Relevé d'identité bancaire (RIB)", "way": "post", "box": "8TT"}
QUOTED = {"spi": "1265435720171", "birth_name": "O\"BRIEN \\ \u20ac", "first_names": "A\tB"}


def receipts():
    randoms = [bytes(10), b"\xff" * 10, bytes(range(10)), bytes(range(250, 240, -1)), b"\x08" + bytes(9)]
    whole = receipt()
    return {
        "about": "Receipt numbers from 10 random bytes, points in time, and receipt bodies",
        "numbers": [{"random": random.hex(), "number": number_of(random)} for random in randoms],
        "typed": [{"typed": typed, "number": "K7QX-2M4T-9ZRB-4H8P"} for typed in
                  ("K7QX-2M4T-9ZRB-4H8P", "k7qx2m4t9zrb4h8p", "K7QX 2M4T 9ZRB 4H8P")],
        "mistyped": ["K7QX-2M4T-9ZRB-4H8Q", "7KQX-2M4T-9ZRB-4H8P", "K7QX-2M4T-9ZRB-4H8", "U7QX-2M4T-9ZRB-4H8P"],
        "times": [{"time": time, **times(time)} for time in
                  (852076800, 1743296399, 1743296400, 1761440399, 1761440400, 1774745999, 1774746000, 1795362029)],
        "bodies": [whole, receipt(replaces="0000-0000-0000-0000", in_time=False, last_in_time=None, mode="offline",
                                  persons=[QUOTED], pending=[RIB_DUE, {**RIB_DUE, "way": "online", "box": None}])
                   .replace("\\t", "\\u0009")],
        "refused": [
            receipt(type="guichet-message"), receipt(number="K7QX-2M4T-9ZRB-4H8Q"), receipt(replaces=""),
            receipt(received_at={**times(1795362029), "paris": "2026-11-22T15:40:29+00:00"}), receipt(extra=1),
            receipt(income_year="2025"), receipt(mode="paper"), whole[:-1], whole + "{}",
            whole.replace('"pending":[]', '"pending":null'), whole.replace('"nonce"', '"Nonce"'),
        ],
    }


if __name__ == "__main__":
    for file, content in (("manifest", manifests()), ("signature", signatures()), ("receipt", receipts())):
        text = json.dumps(content, ensure_ascii=False, indent="\t") + "\n"
        (HERE / f"{file}.json").write_text(text, encoding="utf-8")
