# SPDX-License-Identifier: Apache-2.0
"""The register as it comes: lines that are wrong are told by number and cost nobody else, the same file again changes
nothing, people move, and names are what they are to the last character."""
import csv
import io
import json
import re
import subprocess

import generate
import pytest
from office import Person
from taxpayer import REFUSED, Taxpayer

FAILED = 1
HEADER = ",".join(generate.COLUMNS)


@pytest.fixture
def office(offices):
    return offices()


def row(**changed):
    draw = generate.random.Random(str(changed))
    return {**generate.person_make(draw, set()), "reference_income": "30000", "department": "75", "household": "H1",
            "family_change": "0", **changed}


def line(values):
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([values[name] for name in generate.COLUMNS])
    return out.getvalue()


def take(office, *lines, code=0, encoding="utf-8", end="\n", header=HEADER):
    """Imports lines of text; -> (what it said of taken, of bad lines, {number: field} of those)"""
    register = office.place / "register.csv"
    head = [] if header is None else [header]
    register.write_bytes(end.join([*head, *lines, ""]).encode(encoding))
    done = office.import_taxpayers(register, code=code)
    told = re.match(r"(\d+) taxpayers taken, (\d+) bad lines", done.stdout)
    bad = {int(number): field for number, field in
           re.findall(rf"^{register}, line (\d+), column \d+: (\w+):", done.stderr, re.M)}
    assert len(bad) == int(told[2])
    # What stands in a bad field is personal and is not repeated.
    for text in lines:
        for field in text.split(","):
            assert len(field) < 6 or field not in done.stderr
    return int(told[1]), bad


def someone(office, values, place):
    person = Person(values["spi"], values["birth_name"], values["first_names"], values["filer_number"],
                    values["reference_income"], values["household"], generate.document_text(
                        {"form": "2042", "income_year": office.campaign()["income_year"], "boxes": {"0AC": 1}}).encode())
    return Taxpayer(office, person, place)


WRONG = [
    ("spi", {"spi": "3023217600054"}), ("spi", {"spi": "0000000000000"}), ("spi", {"spi": "302321760005"}),
    ("birth_name", {"birth_name": ""}), ("birth_name", {"birth_name": "A" * 129}), ("birth_name", {"birth_name": "A\tB"}),
    ("first_names", {"first_names": ""}), ("filer_number", {"filer_number": ""}),
    ("reference_income", {"reference_income": "12.50"}), ("reference_income", {"reference_income": "-1"}),
    ("reference_income", {"reference_income": "007"}), ("department", {"department": "96"}),
    ("department", {"department": "20"}), ("household", {"household": ""}),
    ("family_change", {"family_change": "2025-02-29"}), ("family_change", {"family_change": "yes"}),
]


def test_every_bad_line_is_told_by_its_number(office, tmp_path):
    good = [row(household=f"G{n}") for n in range(3)]
    cut = ["a,b,c", line(good[0]) + ",more", line(good[0]).replace(",", ',"', 1), "x" * 5000]
    wrong = [line(row(**changed)) for _, changed in WRONG]
    lines = [line(good[0]), *wrong, line(good[1]), "", *cut, line(good[2])]
    taken, bad = take(office, *lines, code=REFUSED)
    assert taken == 3
    expected = {2 + at: field for at, (field, _) in enumerate(WRONG, 1)}
    expected |= {2 + len(WRONG) + 3 + at: "birth_name" if at == 2 else "line" for at in range(len(cut))}
    assert bad == expected
    office.start()
    for values in good:
        someone(office, values, tmp_path / values["spi"]).enrol()


@pytest.mark.parametrize("department, late", [("2B", True), ("974", True), ("987", False), ("99", False)])
def test_households_overseas_and_abroad_are_taken(office, tmp_path, department, late):
    """A12: Corsica has the deadline of B, departments overseas that of C; where the order sets none the latest holds."""
    campaign = office.campaign()
    year = campaign["income_year"] + 1
    campaign["deadlines"] = {"A": f"{year}-12-31", "B": f"{year}-01-01", "C": f"{year}-01-01"}
    (office.public / "campaign.json").write_text(json.dumps(campaign))
    values = row(department=department)
    assert take(office, line(values)) == (1, {})
    office.start()
    taxpayer = someone(office, values, tmp_path / "someone")
    taxpayer.enrol()
    assert taxpayer.file()["in_time"] is not late


def test_bytes_that_are_no_text(office):
    register = office.place / "register.csv"
    good = line(row(household="G")).encode()
    name = row(household="G")["birth_name"].encode()
    lines = [good.replace(name, b"Lef\xe8vre"), good.replace(name, b"Lef\0evre"), good + b"\0rest", good]
    register.write_bytes(b"\n".join(lines))  # no newline at the end
    done = office.import_taxpayers(register, code=REFUSED)
    columns = good.index(name) + 1, good.index(name) + 4, len(good.decode()) + 1
    assert re.findall(rf"^{register}, line (\d+), column (\d+): (\w+)", done.stderr, re.M) == [
        ("1", str(columns[0]), "birth_name"), ("2", str(columns[1]), "line"), ("3", str(columns[2]), "line")]
    assert done.stdout.startswith("1 taxpayers taken, 3 bad lines")


@pytest.mark.parametrize("shape", [{"end": "\r\n"}, {"encoding": "utf-8-sig"}, {"header": None}],
                         ids=["windows", "byte order mark", "no header"])
def test_files_as_programs_write_them(office, shape):
    assert take(office, line(row(household="A")), line(row(household="B")), **shape) == (2, {})


def test_columns_in_another_order_are_not_taken_for_ours(office):
    register = office.place / "register.csv"
    register.write_text(HEADER.replace("birth_name,first_names", "first_names,birth_name") + "\n" + line(row()) + "\n")
    done = office.import_taxpayers(register, code=FAILED)
    assert HEADER in done.stderr and not done.stdout
    assert f"where:    {register}, line 1, column 1\n  found:    another first line\n" in done.stderr
    # Nor names of columns that are nobody's.
    register.write_text("nom;prénom;spi\n" + line(row()) + "\n")
    assert "another first line" in office.import_taxpayers(register, code=FAILED).stderr


def test_columns_are_characters_of_the_file_as_it_stands(office):
    register = office.place / "register.csv"
    values = row(birth_name='É"É, née Ñ', first_names="Zoé", reference_income="12.50")
    text = line(values)
    register.write_text(text + "\n" + line(row(department="96")) + "\n", encoding="utf-8")
    done = office.run("import", "taxpayers", office.directory, register, "--json", code=REFUSED)
    bad = [json.loads(told) for told in done.stderr.splitlines()]
    assert [(one["file"], one["line"], one["place"]) for one in bad] == [
        (str(register), 1, "reference_income"), (str(register), 2, "department")]
    assert bad[0]["column"] == text.index("12.50") + 1


def test_quotes_and_names_to_the_character(office, tmp_path):
    """A1: commas, quotes, blanks, composed and decomposed accents: what stands there is what has to be given."""
    names = ["de La Tour, dit « Le Grand »", 'O"Neil', " Blanc ", "Noe\u0308l", "Noël", "D'Œuvre-Ñandú"]
    rows = [row(birth_name=name, household=f"N{n}") for n, name in enumerate(names)]
    assert take(office, *map(line, rows)) == (len(names), {})
    office.start()
    for values in rows:
        taxpayer = someone(office, values, tmp_path / values["spi"])
        other = "Noël" if values["birth_name"] == "Noe\u0308l" else values["birth_name"].strip() + "x"
        assert taxpayer.enrol(code=REFUSED, **{"birth-name": other})["number"] == 60
        taxpayer.enrol()


@pytest.mark.parametrize("before,after,field,expected", [
    (",", ',"', "birth_name", "a closing quote: the one that opens this field is not closed in this line"),
    ("\n", '\n"', "spi", "a closing quote: the one that opens this field is not closed in this line"),
    (",75,", ',75,"', "household", "a closing quote: the one that opens this field is not closed in this line"),
    (",75,", ',"75" ,', "department", "a comma or the line's end behind the closing quote"),
    (",75,", ',7"5,', "department", "quotes around the whole field, and doubled within"),
    (",75,", ",75,,", "line", "8 comma-separated fields"),
    (",75,", ",", "line", "8 comma-separated fields"),
], ids=["unclosed", "unclosed at the line's begin", "unclosed near its end", "behind a quote", "bare", "too many", "too few"])
def test_a_quote_out_of_place_is_told_where_it_stands(office, before, after, field, expected):
    """The line behind it is taken: a quote that is not closed swallows no other."""
    register = office.place / "register.csv"
    text = "\n" + line(row(household="Q1")) + "\n"
    register.write_text(HEADER + text.replace(before, after, 1) + line(row(household="Q2")) + "\n", encoding="utf-8")
    done = office.import_taxpayers(register, code=REFUSED)
    place, told = done.stderr.rstrip("\n").split(": ", 1)
    assert told == f"{field}: expected {expected}"
    # The column is the file's, in characters.
    text = register.read_text(encoding="utf-8").splitlines()[1]
    starts = [0, *(match.end() for match in re.finditer(",", text))]
    at = min(len(starts), 8) if field == "line" else generate.COLUMNS.index(field)
    assert place == f"{register}, line 2, column {(starts[at] if at < len(starts) else len(text)) + 1}"
    assert done.stdout.startswith("1 taxpayers taken, 1 bad lines")


def test_the_same_file_again_changes_nothing(office, tmp_path):
    rows = [row(household=f"S{n // 2}", spi=generate.spi_make(generate.random.Random(n))) for n in range(20)]
    assert take(office, *map(line, rows)) == (20, {})
    office.start()
    one, other = (someone(office, values, tmp_path / values["spi"]) for values in rows[:2])
    one.enrol()
    receipt = one.file()
    assert [person["spi"] for person in receipt["persons"]].count(other.person.spi) == 1
    assert office.stop() == 0
    assert take(office, *map(line, rows)) == (20, {})
    assert take(office, *map(line, reversed(rows))) == (20, {})
    office.start()
    again = someone(office, rows[2], tmp_path / "again")
    again.enrol()
    assert len(again.file()["persons"]) == 2
    evidence = one.evidence()
    one.file()
    assert one.evidence() == evidence
    assert office.stop() == 0


def who(taxpayer, out="receipt.json"):
    return {person["spi"] for person in taxpayer.file(out=out)["persons"]}


@pytest.mark.parametrize("apart", [False, True], ids=["one file", "two files"])
def test_a_person_who_moves_leaves_the_old_household(office, tmp_path, apart):
    """A7: whoever is no longer of a household files no more for it, also when both lines stand in one file."""
    stays, moves = row(household="old", first_names="Anne"), row(household="old", first_names="Paul")
    moved = {**moves, "household": "new"}
    if apart:
        take(office, line(stays), line(moves))
        take(office, line(moved))
    else:
        take(office, line(stays), line(moves), line(moved))
    office.start()
    one, other = someone(office, stays, tmp_path / "stays"), someone(office, moved, tmp_path / "moves")
    one.enrol()
    other.enrol()
    assert who(one) == {stays["spi"]}
    assert who(other) == {moves["spi"]}
    assert other.asked("receipt", one.receipt()["number"], code=REFUSED)["error"] == "not_found"
    assert office.stop() == 0


def test_nobody_leaves_a_household_that_has_filed(office, tmp_path):
    """A7, A11: else the same persons could file a first return again, and the household's next ones rectify it."""
    filed, empty = row(household="filed"), row(household="empty", first_names="Paul")
    take(office, line(filed), line(empty))
    office.start()
    one = someone(office, filed, tmp_path / "filed")
    one.enrol()
    receipt = one.file()
    assert office.stop() == 0
    moves = [line({**filed, "household": "other"}), line({**empty, "household": "other"})]
    assert take(office, *moves, code=REFUSED) == (1, {2: "household"})
    assert take(office, line({**filed, "reference_income": "31000"})) == (1, {})
    office.start()
    one.file("--replaces", receipt["number"], one.return_file, out="second.json")
    assert office.stop() == 0
    office.run("audit", office.directory)


def test_a_household_has_its_limit(office):
    rows = [row(household="full", spi=generate.spi_make(generate.random.Random(n))) for n in range(18)]
    assert take(office, *map(line, rows), code=REFUSED) == (16, {18: "household", 19: "household"})
    register = office.place / "register.csv"
    columns = [text.index(",full,") + 2 for text in register.read_text(encoding="utf-8").splitlines()[17:]]
    assert re.findall(r", column (\d+): household: expected a household of at most 16 members$",
                      office.import_taxpayers(register, code=REFUSED).stderr, re.M) == list(map(str, columns))


def test_what_was_corrected_holds_from_then_on(office, tmp_path):
    before = row(household="C")
    take(office, line(before))
    take(office, line({**before, "reference_income": "31000"}))
    office.start()
    taxpayer = someone(office, before, tmp_path / "someone")
    assert taxpayer.enrol(code=REFUSED)["number"] == 60
    taxpayer.enrol(**{"reference-income": "31000"})


@pytest.mark.parametrize("path,found", [("/dev/zero", "a device"), (".", "a directory")])
def test_what_is_no_file_is_refused(office, path, found):
    told = office.run("import", "taxpayers", office.directory, path, code=FAILED).stderr
    assert f"where:    {path}\n  found:    {found}\n  expected: a file or a pipe\n" in told


def test_a_line_without_end_ends_the_import(office):
    """Long lines are skipped; what goes on for a megabyte is no register, and there may be no end to it."""
    register = office.place / "register.csv"
    register.write_bytes(line(row()).encode() + b"\n" + b"\0" * (1 << 20))
    told = office.import_taxpayers(register, code=FAILED).stderr
    assert f"where:    {register}, line 2, column 4097\n  found:    a megabyte without a line end\n" in told
    # Out of a pipe as out of a file, and however much would come.
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        done = subprocess.run([office.program, "import", "taxpayers", office.directory, "/dev/stdin"], stdin=endless.stdout,
                              capture_output=True, text=True, timeout=60, check=False)
        endless.stdout.close()
    assert done.returncode == FAILED and "where:    /dev/stdin, line 1, column 4097\n" in done.stderr


def test_no_register(office):
    told = office.import_taxpayers(office.place / "none.csv", code=FAILED).stderr
    assert f"where:    {office.place}/none.csv\n  found:    No such file or directory\n" in told
    office.run("import", "companies", office.directory, office.place / "none.csv", code=2)
