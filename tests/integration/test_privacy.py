# SPDX-License-Identifier: Apache-2.0
"""Nothing personal in clear: after enrolments, filings, rectifications, refusals, uploads and mails no name, number,
address, income or box value stands anywhere in the data directory, keys and published files included, or in what the
server logged; not as it is, nor in UTF-16, in hexadecimal, in base64, nor behind a hash that anyone could compute."""
import base64
import hashlib
import json

import generate
import pytest
from taxpayer import REFUSED, Taxpayer, import_rows

# Values that occur nowhere by chance.
MARKED_BOXES = {"1AJ": 731_946_285_017, "4BA": 918_273_645_546}
BENEFICIARY = "Œuvre des phares d'Armen-la-Vieille"
EMAILS = ["zacharie.quenneville@courriel-prive.example", "zacharie.ancien@courriel-prive.example"]
ATTACHED = b"%PDF-1.4\nLe contenu de la lettre confidentielle de Zacharie\n"


def person(household):
    draw = generate.random.Random(household)
    return {**generate.person_make(draw, set()), "birth_name": f"Quenneville-Strzałkowska-{household}",
            "first_names": f"Zacharie-Ambroise{household} Théodule", "filer_number": str(draw.randrange(10**9, 10**10)),
            "reference_income": str(draw.randrange(10**9, 10**10)), "department": "2A",
            "household": f"foyer-{draw.randrange(10**9)}-{household}", "family_change": "0"}


@pytest.fixture(scope="module")
def lived(offices, tmp_path_factory):
    """An office with some life behind it, stopped; and everything about its people that must not be found."""
    office = offices()
    rows = [person("un"), person("deux")]
    year = office.campaign()["income_year"]
    document = {"form": "2042", "income_year": year, "boxes": {"0AC": 1, **MARKED_BOXES, "7UF": 424_242_421},
                "donations": [{"box": "7UF", "amount": 424_242_421, "beneficiary": BENEFICIARY}]}
    people = import_rows(office, rows)
    office.start()
    taxpayers = [Taxpayer(office, one, tmp_path_factory.mktemp("someone"), EMAILS[1]) for one in people]
    for taxpayer in taxpayers:
        taxpayer.return_file.write_text(json.dumps(document, ensure_ascii=False))
        for name in ("birth-name", "filer-number", "reference-income"):
            taxpayer.enrol(code=REFUSED, **{name: "7070707070"})
        taxpayer.enrol()
        # Again, with another address: the earlier one is written to.
        taxpayer.key_file.unlink()
        taxpayer.email = EMAILS[0]
        taxpayer.enrol()
    one, other = taxpayers
    letter = one.place / "lettre.pdf"
    letter.write_bytes(ATTACHED)
    large = one.place / "grand.pdf"
    large.write_bytes(ATTACHED * 40_000)
    first = one.file("--attach", letter, "--attach", large, one.return_file)
    other.file()
    refused = one.place / "refused.json"
    refused.write_text(json.dumps({**document, "boxes": {**document["boxes"], "1BJ": 505_606_707}}, ensure_ascii=False))
    assert one.refused(refused, out="second.json")["error"] == "replaces_mismatch"
    one.file("--replaces", first["number"], refused, out="second.json")
    for command in ("filings", ["receipt", first["number"]], ["show", first["number"], "--out", one.place / "shown"],
                    ["export-signature", first["number"], "--out", "filing.p7s"]):
        one.online(*([command] if isinstance(command, str) else command))
    other.online("receipt", first["number"], code=REFUSED)
    office.restart()
    other.online("revoke")
    assert office.stop() == 0
    secrets = [value for row in rows for name, value in row.items() if name not in ("department", "family_change")]
    secrets += ["Quenneville", "Zacharie", "Théodule", BENEFICIARY, *EMAILS, "7070707070", "505606707", "424242421"]
    secrets += [str(value) for value in MARKED_BOXES.values()] + ["lettre.pdf", "grand.pdf", "confidentielle", "127.0.0.1:"]
    # Receipt numbers, drawn at random, are keys of records and say nothing about anybody.
    return office, secrets


def forms(secret):
    """The ways in which a text may stand somewhere: (what it is called, bytes)."""
    plain = secret.encode()
    yield "plain", plain
    for encoding in ("utf-16-le", "utf-16-be", "latin-1"):
        try:
            yield encoding, secret.encode(encoding)
        except UnicodeEncodeError:
            pass
    yield "hex", plain.hex().encode()
    yield "HEX", plain.hex().upper().encode()
    # Base64 at each of its three phases, without the characters that neighbours have a part in.
    for phase in range(3):
        coded = base64.b64encode(bytes(phase) + plain)
        inner = coded[(0, 2, 3)[phase]:].rstrip(b"=")
        yield f"base64 at {phase}", inner[:-1] if (phase + len(plain)) % 3 else inner
    if secret.isdigit() and 10**9 < int(secret) < 2**64:
        yield "big-endian", int(secret).to_bytes(8, "big").lstrip(b"\0")
        yield "little-endian", int(secret).to_bytes(8, "little").rstrip(b"\0")
        yield "reversed", plain[::-1]
    # A number can be guessed back from its plain hash.
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, plain).digest()
        yield name, digest[:16]
        yield f"{name} in hex", digest.hex()[:32].encode()


def written(office):
    """Every file of the office, by name, and every name as if it were a file."""
    for path in sorted(office.directory.rglob("*")):
        yield f"the name {path.name}", str(path.relative_to(office.directory)).encode()
        if path.is_file():
            yield str(path.relative_to(office.directory)), path.read_bytes()
    yield "the log", office.log.read_bytes()


def test_nothing_personal_in_clear(lived):
    office, secrets = lived
    contents = list(written(office))
    assert sum(len(content) for _, content in contents) > 100_000
    found = [f"{secret!r} ({form}) in {name}" for secret in secrets for form, text in forms(secret) if len(text) >= 4
             for name, content in contents if text in content and not is_published(secret, name)]
    assert not found, "\n".join(found[:20])


def is_published(secret, name):
    """The address of the server is in its certificate and settings: that is nobody's."""
    return secret == "127.0.0.1:" and name in ("guichet.json", "the log")


def test_the_search_finds_what_is_there(lived, tmp_path):
    """The forms are those that a careless program would write."""
    _, secrets = lived
    for secret in secrets:
        text = f"x{secret}y"
        for coded in (text.encode(), text.encode("utf-16-le"), text.encode().hex().encode(), base64.b64encode(text.encode()),
                      base64.b64encode(b"-" + text.encode()), base64.b64encode(b"--" + text.encode())):
            assert any(form in coded for _, form in forms(secret)), secret


def test_the_log_speaks_of_refusals_without_saying_whose(lived):
    office, _ = lived
    text = office.log_text()
    assert "identification_refused" in text and "replaces_mismatch" in text and "correlation=" in text
