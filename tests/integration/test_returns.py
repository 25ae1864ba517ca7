# SPDX-License-Identifier: Apache-2.0
"""The public test base: every return converted, its taxpayer enrolled, the return filed and the receipt verified, or
refused for the reasons that this file works out itself from the raw data and the table of boxes. Where the data is not,
a generated set is filed instead. All through the command line; what it refuses is sent past it as well."""
import concurrent.futures
import csv
import datetime
import json
import os

import generate
import pytest
import stranger
from taxpayer import Taxpayer, data_file, guichet, households, import_rows, program_of, PASSWORD, REFUSED

WORKERS = 2
RSA_EVERY = 20  # of 800: 40

# Why a return may be refused, by number of rule, and whether that is right: it is.
REASONS = {
    43: "a value that no taxpayer can have meant: a checkbox of 2 and more, a birth in the year 1524, a hundred children",
    44: "a day that no calendar has",
    46: "A8: married, divorced or widowed in the income year: that return is filed on paper",
}
EVENTS = {"0AX", "0AY", "0AZ"}
# Birth years of children that the table of 2015 has not yet.
BIRTHS = {"0G5", "0I4", "0I5", "0P4", "0P5", "0R5"}
LIMITS = {"ENTIER": 999_999_999, "EUROS": 999_999_999_999, "REEL": 999_999_999_999.99}


# ---- the verdict, worked out from the data alone ----

def read_irj(path):
    """-> for each return ([(code, amount)], ANREV), the codes of boxes only."""
    found, section, boxes, year = [], "", [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == "##":
            found.append((boxes, year))
            boxes, year = [], None
        elif line.startswith("#"):
            section = line
        elif section == "#ENTREES-PRIMITIF":
            code, amount = line.split("/")
            if len(code) == 3 and code[0].isdigit():
                boxes.append((code, amount))
            elif code == "ANREV":
                year = int(float(amount))
    return found


def date_rule(code, amount, own_year, income_year):
    digits = "%08d" % int(float(amount))
    year = int(digits[4:])
    try:
        datetime.date(year, int(digits[2:4]), int(digits[:2]))
    except ValueError:
        return 44
    if code in EVENTS:
        year += income_year - own_year
    if not 1880 <= year <= income_year + 1:
        return 43
    return 46 if code in EVENTS and year == income_year else None


def rule_of(box, amount, own_year, income_year):
    """The rule that this box breaks, or None. box: its row of boxes.csv."""
    code, kind, label, value = box["code"], box["type"], box["label_2015"], float(amount)
    if kind == "DATE_JJMMAAAA":
        return date_rule(code, amount, own_year, income_year)
    if kind == "DATE_AAAA":
        return None if 1880 <= value <= income_year else 43
    if kind == "BOOLEEN":
        return None if value in (0, 1) else 43
    limit = LIMITS[kind]
    if code in BIRTHS or label.startswith("Annee de naissance"):
        limit = 9999
    elif code[0] == "0" and label.startswith("Nombre d") or code == "7DL":
        limit = 99
    return None if value <= limit else 43


def verdicts(name, income_year):
    """-> for each return of the file the set of (rule, box) that it is to be refused for."""
    with open(data_file("boxes.csv"), encoding="utf-8") as file:
        table = {row["code"]: row for row in csv.DictReader(file)}
    return [{(rule_of(table[code], amount, year, income_year), code) for code, amount in boxes} - {
        (None, code) for code, _ in boxes} for boxes, year in read_irj(data_file(name))]


def check_conversion(raw, document, income_year):
    """Nothing lost, nothing added, no amount changed; dates apart, which have their own form."""
    boxes, _ = raw
    assert document["form"] == "2042" and document["income_year"] == income_year
    assert list(document["boxes"]) == [code for code, _ in boxes]
    for code, amount in boxes:
        made = document["boxes"][code]
        if isinstance(made, str) and len(made) == 8 and made.isdigit():
            assert made == "%08d" % int(float(amount)) or code in EVENTS
        else:
            assert float(made) == float(amount) and ".0" not in str(made), (code, amount, made)
    for donation in document.get("donations", []):
        assert "généré" in donation["beneficiary"]
        assert donation["amount"] == document["boxes"][donation["box"]]


# ---- one return through everything ----

def findings_of(rows, keys):
    """{(rule, box)} of the errors among the findings."""
    severity, rule, place = keys
    return {(row[rule], row[place]) for row in rows if row[severity] in (1, "error")}


def server_verdict(taxpayer):
    """The return past the client's own check, with the key out of the key file: what the server itself says."""
    holder = stranger.Holder(taxpayer.place)
    words = ["-in", taxpayer.key_file, "-passin", f"pass:{PASSWORD}", "-nodes"]
    holder.key.write_bytes(stranger.openssl("pkcs12", *words, "-nocerts"))
    pem = stranger.openssl("pkcs12", *words, "-clcerts", "-nokeys")
    holder.certificate.write_bytes(stranger.openssl("x509", "-outform", "DER", data=pem))
    office, content = taxpayer.office, taxpayer.return_file.read_bytes()
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        hello = connection.hello()
        manifest = stranger.manifest_text(hello[2], office.campaign()["name"], taxpayer.person.spi,
                                          [("2042", "application/json", content)])
        filing = stranger.filing_sign(holder, manifest, hello[3])
        with pytest.raises(stranger.Refused) as refused:
            connection.file(filing, [stranger.document_sent(content)])
    assert refused.value.status == 91
    return findings_of(refused.value.body[7], (1, 2, 4))


def take(taxpayer, key, expected):
    """Enrols and files; asserts the verdict. -> accepted?"""
    taxpayer.enrol(key=key)
    if not expected:
        receipt = taxpayer.file()
        taxpayer.verify(taxpayer.return_file)
        assert taxpayer.person.spi in [person["spi"] for person in receipt["persons"]]
        return True
    error = taxpayer.refused()
    assert error["error"] == "document_refused"
    assert findings_of(error["findings"], ("severity", "rule", "place")) == expected
    assert server_verdict(taxpayer) == expected
    assert {rule for rule, _ in expected} <= set(REASONS)
    return False


def take_all(taxpayers, expectations):
    """-> how many were accepted. Everything is tried before anything is said."""
    failed, accepted = [], 0
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(take, taxpayer, "p256" if n % RSA_EVERY else "rsa3072", expected)
                for n, (taxpayer, expected) in enumerate(zip(taxpayers, expectations, strict=True))]
        for number, job in enumerate(jobs, 1):
            try:
                accepted += job.result()
            except AssertionError as error:
                failed.append(f"{number}: {error}")
    assert not failed, f"{len(failed)} of {len(jobs)}:\n" + "\n".join(failed[:10])
    return accepted


def come(office, contents, place, seed):
    """Somebody for each return, in the register already."""
    draw, taken = generate.random.Random(seed), set()
    rows = [{**generate.person_make(draw, taken), "reference_income": draw.randrange(100_000),
             "department": draw.choice(generate.DEPARTMENTS), "household": f"{seed}-{n}", "family_change": 0}
            for n in range(len(contents))]
    people = import_rows(office, rows)
    for person, content in zip(people, contents, strict=True):
        person.content = content
    return [Taxpayer(office, person, place / f"{n:04}") for n, person in enumerate(people, 1)]


def log_size(office):
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        return stranger.checkpoint_read(connection.checkpoint())[0]


@pytest.fixture(scope="module")
def office(offices):
    return offices()


@pytest.mark.parametrize("name, count, accepted", [("returns.irj", 800, 769), ("returns-odd.irj", 150, 35)])
def test_returns(office, tmp_path, name, count, accepted):
    path = data_file(name)
    if path is None:
        pytest.skip(f"{name} is not here (GUICHET_DATA names its directory): the generated set is filed instead")
    year = office.campaign()["income_year"]
    guichet(program_of(office), "convert", "irj", path, "--out", tmp_path / "returns", "--income-year", year)
    files = sorted((tmp_path / "returns").iterdir())
    raw, expected = read_irj(path), verdicts(name, year)
    assert len(files) == len(raw) == count
    contents = [file.read_bytes() for file in files]
    for one, content in zip(raw, contents, strict=True):
        check_conversion(one, json.loads(content), year)
    assert sum(not one for one in expected) == accepted
    if office.is_running():
        office.stop()
    taxpayers = come(office, contents, tmp_path / "people", seed=count)
    office.start()
    before = log_size(office)
    assert take_all(taxpayers, expected) == accepted
    # Every certificate and every receipt is one leaf, and nothing else is.
    assert log_size(office) == before + count + accepted
    assert office.stop() == 0 and not office.sanitizer_text()


@pytest.mark.skipif(data_file("returns.irj") is not None and "GUICHET_GENERATED" not in os.environ,
                    reason="the real returns are here")
def test_generated_returns(office, tmp_path):
    if office.is_running():
        office.stop()
    people = households(office.people(200, seed=3))
    office.start()
    taxpayers = [Taxpayer(office, person, tmp_path / person.household) for person in people]
    assert take_all(taxpayers, [set()] * len(taxpayers)) == 200
    assert office.stop() == 0 and not office.sanitizer_text()


def test_register_bars_after_family_change(office, tmp_path):
    """A8: the register knows of a change that the return does not tell. Enrolling is not barred, filing is."""
    rows, returns = generate.generate(3, 5, office.campaign()["income_year"])
    for row, change in zip(rows, (1, 0, f"{office.campaign()['income_year']}-06-14"), strict=False):
        row["family_change"], row["household"] = change, f"family-{change}"
    if office.is_running():
        office.stop()
    people = import_rows(office, rows[:3])
    office.start()
    for person, is_barred in zip(people, (True, False, True), strict=True):
        person.content = generate.document_text({**returns[0], "boxes": {"0AC": 1, "1AJ": 5}, "donations": []}).encode()
        taxpayer = Taxpayer(office, person, tmp_path / person.spi)
        taxpayer.enrol()
        if is_barred:
            assert taxpayer.refused(code=REFUSED)["error"] == "family_change"
        else:
            taxpayer.file()
    assert office.stop() == 0
