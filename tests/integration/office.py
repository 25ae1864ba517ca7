# SPDX-License-Identifier: Apache-2.0
"""A real office for tests: `guichetd` as a process, in a directory of its own, on a port that the system chose.

    with Office(directory) as office:
        office.make()
        people = office.people(10)
        office.start()
        ... office.port, office.public ...
        office.kill(); office.start()
        assert office.stop() == 0

Which guichetd: GUICHETD when set, otherwise the one in GUICHET_BUILD (default build). Nothing waits for a fixed time:
what is waited for is the port file or the end of a process, with a deadline."""
import csv
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Generous: a busy machine is no failure. Nobody waits so long for what is well.
DEADLINE_S = 60


def guichetd():
    """The program under test."""
    build = os.environ.get("GUICHET_BUILD", "build")
    program = pathlib.Path(os.environ.get("GUICHETD", ROOT / build / "bin" / "guichetd")).resolve()
    assert program.exists(), "there is no guichetd: make first"
    return program


@dataclasses.dataclass
class Person:
    """Somebody in the register, and the return of the household as bytes."""
    spi: str
    birth_name: str
    first_names: str
    filer_number: str
    reference_income: str
    household: str
    content: bytes

    @property
    def facts(self):
        return self.spi, self.birth_name, self.filer_number, self.reference_income


def wait_until(condition, what):
    """Polls until condition() is true; fails with `what` at the deadline. -> what condition() gave"""
    deadline = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.005)
    return value


class Office:
    def __init__(self, directory, program=None):
        self.program = program or guichetd()
        self.place = pathlib.Path(directory)
        self.directory = self.place / "office"
        self.public = self.directory / "public"
        self.keys = self.directory / "keys"
        self.verifier_key = self.public / "log.vkey"
        self.tls_pem = self.public / "tls.pem"
        self.port_file = self.place / "port"
        self.log = self.place / "guichetd.log"
        self.process = None
        self.port = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.kill()

    # ---- offline ----

    def run(self, command, *arguments, code=0, options=()):
        """guichetd COMMAND [WORDS] DIR: asserts the exit code; -> the finished process."""
        words = [self.program, command, *arguments, *options]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == code, f"guichetd {command}: exit {done.returncode}, not {code}\n{done.stderr}"
        return done

    def make(self, *options):
        self.place.mkdir(parents=True, exist_ok=True)
        self.run("init", self.directory, options=options)
        # A machine that runs tests is slow at times; nobody is to be told busy for that.
        self.set_settings(busy_after_ms=600000)
        return self

    def set_settings(self, **settings):
        path = self.directory / "guichet.json"
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **settings}), encoding="utf-8")

    def campaign(self):
        return json.loads((self.public / "campaign.json").read_text(encoding="utf-8"))

    def copy_public(self, place):
        """What the office publishes, while it may be publishing; -> the copy's path."""
        return shutil.copytree(self.public, place, ignore=shutil.ignore_patterns("*.new"))

    def import_taxpayers(self, register, code=0):
        """register: path of a CSV file."""
        return self.run("import", "taxpayers", self.directory, register, code=code)

    def people(self, households, seed=1):
        """Draws a register, imports it; -> its persons, each with the household's return."""
        rows, returns = generate.generate(households, seed, self.campaign()["income_year"])
        register = self.place / "register.csv"
        generate.register_write(register, rows)
        self.import_taxpayers(register)
        with open(register, encoding="utf-8", newline="") as file:
            return [Person(*(row[name] for name in ("spi", "birth_name", "first_names", "filer_number",
                                                    "reference_income", "household")),
                           generate.document_text(returns[int(row["household"][1:]) - 1]).encode())
                    for row in csv.DictReader(file)]

    # ---- the server ----

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, *options, environment=None):
        """Starts the server and waits until it takes connections."""
        assert not self.is_running()
        self.port_file.unlink(missing_ok=True)
        command = [self.program, "serve", self.directory, "--listen", "127.0.0.1:0", "--port-file", self.port_file]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(list(map(str, [*command, *options])), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, **(environment or {})})
        self.port = wait_until(lambda: self.port_written() or (self.process.poll() is not None and -1), "port file")
        assert self.process.poll() is None, f"guichetd serve: exit {self.process.returncode}\n{self.log_text()}"
        return self

    def port_written(self):
        """-> the port, or None while no file says it; a power cut may take the file away again."""
        try:
            return int(self.port_file.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """-> the exit code once the server has ended, negative after a signal."""
        return self.process.wait(DEADLINE_S)

    def stop(self):
        """SIGTERM; -> exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """SIGKILL: what a power cut is to a process."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def restart(self):
        self.kill()
        return self.start()

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def sanitizer_text(self):
        """What a sanitizer or a failed check() wrote; empty when all is well."""
        marks = ("ERROR: ", "runtime error", "SUMMARY: ", "internal check failed")
        lines = self.log_text().splitlines()
        found = [at for at, line in enumerate(lines) if any(mark in line for mark in marks)]
        return "\n".join(lines[found[0]:found[0] + 60]) if found else ""
