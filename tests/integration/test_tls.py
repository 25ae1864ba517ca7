# SPDX-License-Identifier: Apache-2.0
"""The server's TLS certificate: a server that its clients would refuse does not start, one that they soon will says so,
and after a renewal they need nothing new."""
import fcntl
import os
import re
import shutil
import signal
import subprocess

import pytest
import stranger
from office import wait_until
from taxpayer import FAILED, REFUSED, Taxpayer


@pytest.fixture
def office(offices):
    return offices()


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True)


def certify(office, days, key=None):
    """Another certificate for the server's key, by the office's TLS root."""
    request, extensions = office.place / "request", office.place / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n", encoding="ascii")
    openssl("req", "-new", "-key", key or office.keys / "tls-server.key", "-subj", "/CN=anew", "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", office.public / "tls.pem", "-CAkey", office.keys / "tls-root.key",
            "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", office.keys / "tls-server.pem")


def refused(office, place, found):
    told = office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=FAILED).stderr
    assert "the server's TLS certificate or protocol is not the one trusted" in told
    assert f"where:    {place}" in told and found in told and "expected: " in told


def test_what_clients_would_refuse_is_not_served(office, offices):
    other = offices()
    shutil.copy(office.public / "tls.pem", office.place / "tls.pem")
    shutil.copy(other.public / "tls.pem", office.public / "tls.pem")
    refused(office, "tls-server.pem", "/CN=TLS server, issued by ")
    shutil.copy(office.place / "tls.pem", office.public / "tls.pem")
    openssl("req", "-x509", "-key", office.keys / "tls-server.key", "-subj", "/CN=localhost", "-out",
            office.keys / "tls-server.pem")
    refused(office, "tls-server.pem", "self-signed certificate: /CN=localhost")
    certify(office, 3, other.keys / "tls-server.key")
    refused(office, "tls-server.key", "another key")


@pytest.mark.parametrize("days, is_told", [(29, True), (32, False)])
def test_the_end_is_told_a_month_before(office, days, is_told):
    certify(office, days)
    office.start()
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
    if is_told:
        wait_until(lambda: re.search(r" warn tls_certificate_expires days_left=2[89]\n", office.log_text()), "a warning")
    assert office.stop() == 0
    assert office.log_text().count("tls_certificate_expires") == is_told


def served(office):
    """The certificate that the server shows."""
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        return connection.tls.getpeercert(True)


def test_clients_of_before_come_in_after_a_renewal(office, tmp_path):
    taxpayer = Taxpayer(office, office.people(1)[0], tmp_path / "someone")
    office.start()
    taxpayer.enrol()
    before = served(office)
    assert office.stop() == 0
    trust = office.copy_public(tmp_path / "trust")
    assert "expires   20" in office.run("renew-tls", office.directory).stdout
    office.start()
    assert served(office) != before
    office.public, public = trust, office.public
    taxpayer.file()
    office.public = public
    assert office.stop() == 0
    office.run("audit", office.directory)


def reload(office, line):
    """SIGHUP; waits for another such line in the log."""
    before = len(re.findall(line, office.log_text()))
    office.signal(signal.SIGHUP)
    wait_until(lambda: len(re.findall(line, office.log_text())) > before, line)


def test_a_server_that_runs_shows_what_was_renewed(office):
    office.start()
    before = served(office)
    with stranger.Connection("127.0.0.1", office.port, office.tls_pem) as connection:
        connection.hello()
        office.run("renew-tls", office.directory)
        assert served(office) == before
        reload(office, r" info tls_renewed not_after=20\S+Z\n")
        after = served(office)
        assert after != before
        # Whoever was there stays, and nothing is renewed by a reload alone.
        assert connection.checkpoint()
        reload(office, " info reloaded ")
        assert (served(office), office.log_text().count("tls_renewed")) == (after, 1)
        kept = (office.keys / "tls-server.pem").read_bytes()
        (office.keys / "tls-server.pem").write_bytes(kept[:300])
        reload(office, r' error reload_refused error=file_unreadable .* answer="the TLS certificate of before is shown"\n')
        assert served(office) == after and connection.checkpoint()
        (office.keys / "tls-server.pem").write_bytes(kept)
    assert office.stop() == 0


def test_one_renewal_at_a_time(office):
    directory = os.open(office.keys, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    for told in (office.run("renew-tls", office.directory, code=REFUSED).stderr,
                 office.run("serve", office.directory, options=["--listen", "127.0.0.1:0"], code=REFUSED).stderr):
        assert "a renewal of the TLS certificate under way" in told
    os.close(directory)
    office.start()
    before = served(office)
    office.run("renew-tls", office.directory, options=["--host", "one.example", "--host", "two.example"])
    directory = os.open(office.keys, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    reload(office, " error reload_refused error=directory_locked ")
    assert served(office) == before
    os.close(directory)
    reload(office, " info tls_renewed ")
    shown = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "subjectAltName"], input=served(office),
                           capture_output=True, check=True).stdout
    assert b"DNS:one.example" in shown and b"DNS:two.example" in shown
    assert office.stop() == 0


def test_a_foreign_certificate_is_mended_by_a_renewal(office):
    openssl("req", "-x509", "-key", office.keys / "tls-server.key", "-subj", "/CN=localhost", "-out",
            office.keys / "tls-server.pem")
    told = office.run("renew-tls", office.directory, code=FAILED).stderr
    assert "where:    tls-server.pem" in told and "hosts by name" in told
    office.run("renew-tls", office.directory, options=["--host", "guichet.example"])
    office.start()
    assert served(office)
    assert office.stop() == 0
