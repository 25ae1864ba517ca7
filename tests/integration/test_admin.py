# SPDX-License-Identifier: Apache-2.0
"""guichetd's offline commands as programs: what import takes, skips and reports, and what programs are told."""
import datetime
import json
import re
import subprocess

import generate


def csv_lines(office):
    """Three lines of a register, as bytes without their ends, below the line that names the fields."""
    rows, _ = generate.generate(3, 1, office.campaign()["income_year"])
    path = office.place / "drawn.csv"
    generate.register_write(path, rows)
    return path.read_bytes().splitlines()[:4]


def test_import_reports_what_it_skips(offices):
    office = offices()
    header, one, two, three = csv_lines(office)
    register = office.place / "register.csv"

    def take(*lines, end=b"\n", code=0):
        register.write_bytes(b"".join(line + end for line in lines))
        done = office.run("import", "taxpayers", office.directory, register, "--json", code=code)
        told = json.loads(done.stdout)
        assert told["type"] == "guichet-import"
        return told["taken"], [(bad["line"], bad["place"]) for bad in map(json.loads, done.stderr.splitlines())]

    # A byte order mark is no part of the first line, header or not; nor is a CR of its end.
    assert take(b"\xef\xbb\xbf" + header, one, two) == (2, [])
    assert take(b"\xef\xbb\xbf" + one, two, end=b"\r\n") == (2, [])
    assert take(one, b"\xef\xbb\xbf" + two, code=3) == (1, [(2, "spi")])
    # NUL bytes: at the beginning, in the middle, behind a whole line, alone.
    assert take(one, b"\0" + two, three, code=3) == (2, [(2, "line")])
    assert take(header, one.replace(b",", b",\0", 1), b"\0", two + b"\0", three, code=3) == (
        1, [(2, "line"), (3, "line"), (4, "line")])
    # Long lines: one byte too many, and far too many; whatever is in them they are one line.
    assert take(one, b"x" * 4096, two, b"y\0" * 100000, three, code=3) == (3, [(2, "line"), (4, "line")])
    assert take(one, b"x" * 4095, two, code=3) == (2, [(2, "line")])
    # Without an end, and without anything.
    assert take(one, two, end=b"\n" * 2) == (2, [])
    register.write_bytes(one)
    assert "1 taxpayers taken, 0 bad lines" in office.import_taxpayers(register).stdout
    register.write_bytes(one + b"\0")
    assert f"{register}, line 1, column {len(one.decode()) + 1}: line: expected text without NUL bytes" in \
        office.import_taxpayers(register, code=3).stderr
    assert take() == (0, [])


def told_by(office, command, *words, options=(), code=0):
    return json.loads(office.run(command, *words, options=[*options, "--json"], code=code).stdout)


def test_programs_are_told_in_json(offices, tmp_path):
    office = offices()
    made = told_by(office, "init", tmp_path / "new é", options=["--origin", "guichet.example/test"])
    assert made == {"type": "guichet-init", "directory": str(tmp_path / "new é"), "origin": "guichet.example/test"}
    for origin in ("impôts.example/é", "two words", "a+b", "", "x" * 129):
        told = told_by(office, "init", tmp_path / "none", options=["--origin", origin], code=2)
        assert (told["error"], told["place"], told["value"]) == ("usage", "--origin", origin)
        assert told["expected"].startswith('1 to 128 characters of visible ASCII, 0x21 to 0x7e, without "+"')
        assert not (tmp_path / "none").exists()
    # A name that is refused leaves nothing in the way of another.
    refused = told_by(office, "init", tmp_path / "other", options=["--host", "a b"], code=2)
    assert (refused["error"], refused["place"], refused["value"]) == ("usage", "--host", "a b") and not (tmp_path / "other").exists()
    # What cannot be made is named, though it was tried deep inside.
    absent = told_by(office, "init", tmp_path / "no" / "office", code=1)
    assert (absent["place"], absent["value"]) == (str(tmp_path / "no" / "office"), "No such file or directory")
    again = told_by(office, "init", tmp_path / "new é", code=3)
    assert (again["error"], again["place"]) == ("file_unreadable", str(tmp_path / "new é"))

    key, csr, out = (tmp_path / name for name in ("key", "csr", "out.pem"))
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=x", "-keyout", key, "-out", csr], check=True, capture_output=True)
    issue = ["--kind", "professional", "--csr", csr]
    issued = told_by(office, "issue", office.directory, options=issue)
    read = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=issued["certificate"], text=True, check=True,
                          capture_output=True).stdout
    assert issued["type"] == "guichet-issue" and read.strip().split("=")[1].lower() == issued["serial"]
    assert told_by(office, "issue", office.directory, options=[*issue, "--out", out]) == {
        "type": "guichet-issue", "serial": issued["serial"], "out": str(out)}
    assert out.read_text(encoding="ascii") == issued["certificate"]
    # What is there is not overwritten, and nothing is issued for it.
    again = told_by(office, "issue", office.directory, options=[*issue, "--out", out], code=2)
    assert (again["error"], again["place"], again["value"]) == ("usage", "--out", str(out))
    assert out.read_text(encoding="ascii") == issued["certificate"]
    # Also what is wrong with the command line itself.
    directory = office.directory
    for words, place, value, expected in ((["--kind", "agent"], "--csr", "", "FILE"),
                                          (["--kind"], "--kind", "", "KIND"),
                                          (["--nonsense"], "options", "--nonsense", "an option of this command, see --help"),
                                          (["more"], "words", "more", "DIR")):
        told = json.loads(office.run("issue", "--json", directory, *words, code=2).stdout)
        assert [told.get(name, "") for name in ("error", "place", "value", "expected")] == ["usage", place, value, expected]
    told = json.loads(office.run("issue", "--json", code=2).stdout)
    assert (told["place"], told.get("value", ""), told["expected"]) == ("words", "", "DIR")
    assert office.run("issue", directory, "more", code=2).stderr.startswith("guichetd: one word too many: more\nusage: ")
    for kind in ("king", "taxpayer"):
        king = told_by(office, "issue", office.directory, options=["--kind", kind, "--csr", csr], code=2)
        assert (king["error"], king["place"], king["value"]) == ("usage", "--kind", kind) and "operator" in king["expected"]
    missing = told_by(office, "issue", office.directory, options=["--kind", "agent", "--csr", tmp_path / "no"], code=1)
    assert (missing["place"], missing["value"]) == (str(tmp_path / "no"), "No such file or directory")

    revoked = told_by(office, "revoke", office.directory, issued["serial"], options=["--reason", "key-compromise"])
    assert revoked == {"type": "guichet-revoke", "serial": issued["serial"], "revoked_at": revoked["revoked_at"],
                       "reason": "key-compromise", "was_revoked": False}
    # Again, in capitals and for another reason: the first counts, and it is said that nothing was done.
    before = (office.public / "crl.pem").read_bytes()
    again = told_by(office, "revoke", office.directory, issued["serial"].upper(), options=["--reason", "cessation"])
    assert again == {**revoked, "was_revoked": True}
    said = office.run("revoke", office.directory, issued["serial"]).stdout
    assert re.fullmatch(rf"{issued['serial']} was revoked already, on \S+Z \(key-compromise\); nothing was changed.\n", said)
    short = told_by(office, "revoke", office.directory, issued["serial"][1:], code=2)
    assert (short["place"], short["value"]) == ("SERIAL", issued["serial"][1:]) and "32 hexadecimal" in short["expected"]
    wrong = told_by(office, "revoke", office.directory, issued["serial"], options=["--reason", "whim"], code=2)
    assert (wrong["place"], wrong["value"]) == ("--reason", "whim") and "superseded" in wrong["expected"]
    unknown = told_by(office, "revoke", office.directory, "00" * 16, code=3)
    assert unknown["error"] == "certificate_unknown" and unknown["expected"] == "the serial number of a certificate issued here"
    # What the decision calls by its field is told as it was typed.
    assert (unknown["place"], unknown["option"]) == ("revoke_request.serial", "SERIAL")
    assert "\n  where:    SERIAL\n" in office.run("revoke", office.directory, "00" * 16, code=3).stderr
    subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", csr],
                   check=True, capture_output=True)
    weak = told_by(office, "issue", office.directory, options=issue, code=3)
    assert (weak["error"], weak["place"], weak["option"]) == ("key_refused", "csr", "--csr") and "rsa" in weak["expected"].lower()
    assert "\n  where:    --csr\n" in office.run("issue", office.directory, *issue, code=3).stderr
    renewed = told_by(office, "renew-tls", office.directory)
    read = subprocess.run(["openssl", "x509", "-in", office.keys / "tls-server.pem", "-noout", "-serial", "-enddate"],
                          text=True, check=True, capture_output=True).stdout.splitlines()
    assert renewed["type"] == "guichet-renew-tls" and read[0].split("=")[1].lower() == renewed["serial"]
    ends = datetime.datetime.strptime(read[1], "notAfter=%b %d %H:%M:%S %Y GMT")
    assert renewed["expires"] == ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    (office.keys / "tls-root.key").unlink()
    refused = told_by(office, "renew-tls", office.directory, code=1)
    assert (refused["error"], refused["place"], refused["value"]) == (
        "file_unreadable", "tls-root.key", "No such file or directory")
    assert told_by(office, "import", "taxpayers", office.directory, tmp_path / "no", code=1)["error"] == "file_unreadable"
