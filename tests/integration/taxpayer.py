# SPDX-License-Identifier: Apache-2.0
"""A taxpayer at the command line: `guichet` as a process, with files in a directory of its own.

    someone = Taxpayer(office, person, directory)
    someone.enrol()
    receipt = someone.file(path)
    someone.online("receipt", receipt["number"])

Every call names the exit code that it expects, 0 when it does not. Which guichet: the one beside the office's guichetd."""
import csv
import json
import os
import pathlib
import subprocess

import generate
from office import DEADLINE_S, Person

PASSWORD = "Épée-du-12-Août"

OK, FAILED, USAGE, REFUSED, UNREACHABLE = range(5)


def data_file(name):
    """A file of the real input; None where it is not. GUICHET_DATA may name the directory."""
    root = pathlib.Path(__file__).resolve().parents[2]
    path = pathlib.Path(os.environ.get("GUICHET_DATA", root.parent / "shared" / "data")) / name
    return path if path.is_file() else None


def guichet(program, *words, code=OK, environment=None, cwd=None):
    """Runs guichet; asserts the exit code and that nothing ended it; -> the finished process, its output as text."""
    done = subprocess.run([str(program), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE_S, env=environment, cwd=cwd, check=False)
    assert done.returncode == code, \
        f"guichet {words[0]}: exit {done.returncode}, not {code}\n{done.stdout[:2000]}\n{done.stderr[:4000]}"
    return done


def program_of(office):
    return office.program.with_name("guichet")


def households(people):
    """The first person of each household."""
    return list({person.household: person for person in reversed(people)}.values())[::-1]


def import_rows(office, rows):
    """Imports rows as generate.person_make and its kin make them; -> their Persons, without a return."""
    register = office.place / "register.csv"
    generate.register_write(register, rows)
    office.import_taxpayers(register)
    with open(register, encoding="utf-8", newline="") as file:
        return [Person(row["spi"], row["birth_name"], row["first_names"], row["filer_number"], row["reference_income"],
                       row["household"], b"") for row in csv.DictReader(file)]


class Taxpayer:
    def __init__(self, office, person, place, email="contribuable@example.fr"):
        self.office, self.person, self.place, self.email = office, person, pathlib.Path(place), email
        self.place.mkdir(parents=True, exist_ok=True)
        self.key_file = self.place / "me.p12"
        self.password_file = self.place / "password"
        self.password_file.write_text(PASSWORD + "\n", encoding="utf-8")
        self.return_file = self.place / "2042.json"
        self.return_file.write_bytes(person.content)

    def run(self, *words, code=OK, **options):
        return guichet(program_of(self.office), *words, code=code, cwd=self.place, **options)

    def office_words(self):
        return "--server", f"127.0.0.1:{self.office.port}", "--trust", self.office.public

    def password_words(self):
        return "--password-file", self.password_file

    def enrol_words(self, **changed):
        facts = {"spi": self.person.spi, "birth-name": self.person.birth_name, "filer-number": self.person.filer_number,
                 "reference-income": self.person.reference_income, "email": self.email, "out": self.key_file,
                 "key": "p256", **changed}  # an RSA key takes long to make
        return "enrol", *self.office_words(), "--accept-contract", *self.password_words(), \
            *(word for name, value in facts.items() if value is not None for word in (f"--{name}", value))

    def enrol(self, code=OK, **changed):
        """-> what it said, from its JSON."""
        return json.loads(self.run(*self.enrol_words(**changed), "--json", code=code).stdout)

    def online(self, command, *words, code=OK, **options):
        """A command after log-in."""
        return self.run(command, *self.office_words(), "--as", self.key_file, *self.password_words(), *words, code=code,
                        **options)

    def asked(self, command, *words, code=OK):
        return json.loads(self.online(command, "--json", *words, code=code).stdout)

    def file(self, *words, out="receipt.json"):
        """Files the person's return, or what `words` say; -> the receipt."""
        self.online("file", "--out", out, *(words or (self.return_file,)))
        return self.receipt(out)

    def refused(self, *words, out="receipt.json", code=REFUSED):
        """The same, refused; -> the error as JSON."""
        error = self.asked("file", "--out", out, *(words or (self.return_file,)), code=code)
        assert not (self.place / out).exists()
        return error

    def receipt(self, out="receipt.json"):
        return json.loads((self.place / out).read_text(encoding="utf-8"))

    def evidence(self, out="receipt.json"):
        """The bytes of receipt and proof."""
        receipt = self.place / out
        return receipt.read_bytes(), receipt.with_suffix(".tlog-proof").read_bytes()

    def verify(self, *documents, out="receipt.json", code=OK, options=()):
        return self.run("verify", "--trust", self.office.public, *options, out, *documents, code=code)
