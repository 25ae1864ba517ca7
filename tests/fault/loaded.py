# SPDX-License-Identifier: Apache-2.0
"""An office under load: the server, the load that outlives it, and what both must agree on in the end."""
import json
import os
import pathlib
import re
import subprocess

import pytest

import generate
import verify_receipt
from office import ROOT, Office, guichetd, wait_until

BUILD = ROOT / os.environ.get("GUICHET_BUILD", "build")
LOAD = BUILD / "tests" / "load"
FAIL_CALLS = BUILD / "tests" / "fail_calls.so"


def preloaded(fault):
    """The environment in which a call fails."""
    if b"__asan_init" in guichetd().read_bytes():
        pytest.skip("the sanitizer wants to be loaded before all others")
    return {"LD_PRELOAD": str(FAIL_CALLS), "FAIL_CALL": fault}


class LoadedOffice(Office):
    """An Office with taxpayers, and the program that enrols and files for them."""

    def __init__(self, directory, households, seed):
        super().__init__(directory)
        self.make()
        rows, returns = generate.generate(households, seed, self.campaign()["income_year"])
        register, folder, attachments = self.place / "register.csv", self.place / "returns", self.place / "attachments"
        generate.register_write(register, rows)
        self.import_taxpayers(register)
        folder.mkdir()
        attachments.mkdir()
        for number, document in enumerate(returns, 1):
            (folder / ("%04d.json" % number)).write_text(generate.document_text(document), encoding="utf-8")
        self.journal = self.place / "journal"
        self.load = subprocess.Popen(list(map(str, [LOAD, self.public, register, folder, attachments, self.journal, seed])),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self.hear("ready")
        self.acknowledged = 0
        self.active = 0
        self.log_start = 0

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.load.kill()
        self.load.communicate()

    # ---- the load ----

    def say(self, command):
        self.load.stdin.write(command + "\n")
        self.load.stdin.flush()

    def line(self):
        line = self.load.stdout.readline().rstrip("\n")
        assert line and not line.startswith("wrong"), (
            f"the load says: {line or 'nothing more'}\n{self.log_text()[-3000:]}")
        if line.startswith(("acknowledged", "end")):
            self.acknowledged = int(line.split()[1])
        return line

    def hear(self, word):
        """Reads up to the line that begins so; -> its words and numbers."""
        while not (line := self.line()).startswith(word):
            pass
        words = line.split()
        return dict(zip(words[::2], map(int, words[1::2]))) if len(words) % 2 == 0 else words

    def run_load(self, connections=3, window=8):
        self.say(f"run {self.port} {connections} {window}")

    def hear_acknowledged(self, count):
        """Reads until so many answers came, or the run ended; -> True when it goes on."""
        while self.acknowledged < count:
            if self.line().startswith("end"):
                return False
        return True

    # ---- what must hold ----

    def start(self, *options, environment=None):
        self.log_start = len(self.log_text())
        return super().start(*options, environment=environment)

    def log_size(self):
        """Of the log, as this start found it; said a moment after the port."""
        return int(wait_until(lambda: re.search(r" log_size=(\d+)", self.log_text()[self.log_start:]), "log_size")[1])

    def verify(self):
        """With the server running: all acknowledged is there, to the byte; the log has one leaf for each, and none
        beside but for answers that were lost. -> the load's counts"""
        self.say(f"verify {self.port}")
        counts = self.hear("verified")[1:]
        counts = dict(zip(counts[::2], map(int, counts[1::2])))
        assert counts["certificates"] + counts["receipts"] == self.acknowledged
        self.check_journal(counts)
        return counts

    def check_journal(self, counts):
        """The journal by Python and openssl alone: numbers, filings and leaves are unique; a sample of proofs holds."""
        receipts = []
        for line in self.journal.read_text(encoding="ascii").splitlines():
            word, *fields = line.split(" ")
            if word == "receipt":
                receipts.append(tuple(map(bytes.fromhex, fields)))
        assert len(receipts) == counts["receipts"]
        bodies = [json.loads(body) for _, body, _ in receipts]
        indices = [int(re.search(rb"^index (\d+)$", proof, re.M)[1]) for _, _, proof in receipts]
        for unique in ([body["number"] for body in bodies], [filing for filing, _, _ in receipts], indices):
            assert len(set(unique)) == len(receipts)
        assert all(index < counts["log_size"] for index in indices)
        for _, body, proof in receipts[::max(1, len(receipts) // 10)]:
            self.verify_one(body, proof)

    def verify_one(self, body, proof):
        receipt, tlog_proof = self.place / "receipt.json", self.place / "receipt.tlog-proof"
        receipt.write_bytes(body)
        tlog_proof.write_bytes(proof)
        subprocess.run(["/usr/bin/python3", verify_receipt.__file__, self.verifier_key, receipt, tlog_proof], check=True,
                       stdout=subprocess.DEVNULL)

    def finish_load(self):
        """Lets the load do all that is left, so that nothing is unacknowledged."""
        self.run_load()
        self.hear("end")

    def audit(self):
        """guichetd audit, with the server stopped."""
        return self.run("audit", self.directory)
