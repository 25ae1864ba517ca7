#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the revocation list costs when very many certificates are revoked. Not part of the test run.

    measure_crl.py [COUNT] [DIRECTORY]       (300,000 certificates; a temporary directory)

After `make all build/tests/revoke_many`. An empty office and one with COUNT revoked certificates (which a DIRECTORY
keeps for the next time) do the same: the server starts and publishes its list, then one more certificate is revoked.
All the while a client asks hello without a pause; printed are its longest wait, the longest that the loop's thread ran
during one, and the longest that it stood: neither ran nor waited for a processor. On a busy machine the first says
little; the others still do, as finely as the kernel counts, which for a thread that never sleeps is its tick. Then the
seconds from the revocation to the list (the server looks once a second), the greatest RssAnon, and what `openssl crl`
says."""
import gc
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "docs"))

import stranger
from measure_import import rss_anon_kb
from office import DEADLINE_S, Office, Person, wait_until
from test_operator import Staff, revoke_many

PAUSE_S = 60


def schedule(pid):
    """Seconds that a process's first thread ran, and waited for a processor."""
    ran, waited, _ = pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(ran) / 1e9, int(waited) / 1e9


def ask_on(port, tls_pem, pid, ended, results):
    """Asks until `ended`; puts (asked, longest wait, longest run, longest stand) of the loop, in milliseconds."""
    gc.disable()
    asked, worst = 0, [0.0, 0.0, 0.0]
    with stranger.Connection("127.0.0.1", port, tls_pem) as connection:
        while not ended.is_set():
            (ran, waited), (own_ran, own_waited) = schedule(pid), schedule(os.getpid())
            begun = time.monotonic()
            connection.hello()
            took = time.monotonic() - begun
            ran, waited = (now - before for now, before in zip(schedule(pid), (ran, waited)))
            own_ran, own_waited = (now - before for now, before in zip(schedule(os.getpid()), (own_ran, own_waited)))
            stood = took - ran - waited - own_ran - own_waited
            worst = [max(pair) for pair in zip(worst, (took, ran, stood))]
            asked += 1
    results.put((asked, *(1000 * each for each in worst)))


class Watched:
    """The longest waits of a client, and the most memory of the server, while the block runs."""

    def __init__(self, office, what):
        self.office, self.what, self.most = office, what, 0
        self.ended, self.results = multiprocessing.Event(), multiprocessing.Queue()

    def __enter__(self):
        pid = self.office.process.pid
        self.asker = multiprocessing.Process(target=ask_on, args=(self.office.port, self.office.tls_pem, pid, self.ended,
                                                                  self.results))
        self.asker.start()
        return self

    def until(self, condition, what):
        def look():
            self.most = max(self.most, rss_anon_kb(self.office.process.pid))
            return condition()
        return wait_until(look, what)

    def __exit__(self, *_):
        self.ended.set()
        asked, took, ran, stood = self.results.get(timeout=DEADLINE_S)
        self.asker.join()
        print(f"  {self.what}: {asked} answers, longest wait {took:.1f} ms, loop ran {ran:.1f} ms, stood {stood:.1f} ms; "
              f"RssAnon at most {self.most / 1024:.1f} MiB")


def verify(office):
    path = office.public / "crl.pem"
    begun = time.monotonic()
    done = subprocess.run(["openssl", "crl", "-in", path, "-noout", "-crlnumber", "-CAfile", office.public / "ca.pem"],
                          capture_output=True, text=True, check=True)
    print(f"  crl.pem: {path.stat().st_size} bytes, openssl crl says {done.stderr.strip()} in "
          f"{time.monotonic() - begun:.1f} s")


def measure(office, name):
    print(name)
    place = office.place / f"staff-{time.time_ns()}"
    operator, other = Staff(office, "operator", place / "operator"), Staff(office, "professional", place / "other")
    crl = office.public / "crl.pem"
    before, begun = crl.stat().st_mtime_ns, time.monotonic()
    office.start()
    started = time.monotonic()
    print(f"  started in {started - begun:.2f} s")
    with Watched(office, "list at the start") as watched:
        watched.until(lambda: crl.stat().st_mtime_ns != before, "the first list")
    with Watched(office, "no list") as watched:
        watched.until(lambda: time.monotonic() > started + PAUSE_S / 2, "half a minute")
    time.sleep(max(0.0, started + PAUSE_S + 2 - time.monotonic()))
    before = crl.stat().st_mtime_ns
    with Watched(office, "one more revoked") as watched:
        operator.cli.asked("revoke", "--serial", other.serial())
        revoked = time.monotonic()
        watched.until(lambda: crl.stat().st_mtime_ns != before, "the list")
        appeared = time.monotonic()
        # What is given back and what is served from now on.
        watched.until(lambda: time.monotonic() > appeared + 2, "two seconds")
    print(f"  published {appeared - revoked:.2f} s after the revocation; RssAnon then "
          f"{rss_anon_kb(office.process.pid) / 1024:.1f} MiB")
    verify(office)
    assert office.stop() == 0


def main(count, place):
    offices = [Office(pathlib.Path(place) / "empty"), Office(pathlib.Path(place) / str(count))]
    for office in offices:
        office.crowd = [Person("", "", "", "", "", "", b"")]
        if not office.directory.exists():
            office.make()
            if office is offices[-1]:
                revoke_many(office, count)
    measure(offices[0], "an empty office")
    measure(offices[1], f"{count} revoked certificates")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    if len(sys.argv) > 2:
        main(number, sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(number, directory)
