# SPDX-License-Identifier: Apache-2.0
"""What a receipt proves, to `guichet verify` and to tools that know nothing of Guichet: each thing accepted as it is, and
refused with any one thing changed."""
import base64
import json
import re
import shutil
import subprocess

import pytest
import verify_receipt
from taxpayer import FAILED, OK, Taxpayer, guichet, households, program_of


@pytest.fixture(scope="module")
def office(offices):
    made = offices()
    made.crowd = households(made.people(12))
    return made.start()


def come(office, place, key="p256"):
    taxpayer = Taxpayer(office, office.crowd.pop(), place)
    taxpayer.enrol(key=key)
    return taxpayer


@pytest.fixture(scope="module")
def filed(office, tmp_path_factory):
    """Somebody's filing, with an attachment, inside a log that has gone on since."""
    taxpayer = come(office, tmp_path_factory.mktemp("filed"))
    (taxpayer.place / "rib.pdf").write_bytes(b"%PDF-1.4\nRIB\n")
    taxpayer.checkpoint_before = taxpayer.place / "before.checkpoint"
    keep_checkpoint(taxpayer, taxpayer.checkpoint_before)
    taxpayer.file("--attach", "rib.pdf", taxpayer.return_file)
    taxpayer.checkpoint_at = taxpayer.place / "at.checkpoint"
    keep_checkpoint(taxpayer, taxpayer.checkpoint_at)
    for n in range(3):
        come(office, tmp_path_factory.mktemp(f"later{n}")).file()
    taxpayer.checkpoint_after = taxpayer.place / "after.checkpoint"
    keep_checkpoint(taxpayer, taxpayer.checkpoint_after)
    return taxpayer


@pytest.fixture
def copy(filed, tmp_path):
    """The filer's files, to be altered."""
    taken = Taxpayer(filed.office, filed.person, tmp_path / "copy", filed.email)
    for path in filed.place.iterdir():
        shutil.copy(path, taken.place)
    return taken


def keep_checkpoint(taxpayer, path):
    taxpayer.run("checkpoint", *taxpayer.office_words(), "--out", path)


def alter(path, old, new):
    content = path.read_bytes()
    assert content.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_bytes(content.replace(old, new, 1))


def failures(taxpayer, *words, options=()):
    """verify fails; -> the checks that did, by their first words."""
    told = json.loads(taxpayer.verify(*words, code=FAILED, options=["--json", *options]).stdout)
    assert told["holds"] is False
    return {check["text"].split(":")[0] for check in told["checks"] if not check["passed"]}


# ---- guichet verify ----

def test_all_holds(filed):
    told = filed.verify(filed.return_file, "rib.pdf").stdout
    assert "All checks hold." in told and told.count("ok ") == len(told.splitlines()) - 1
    # Without any document it says that it compared none.
    assert "Not compared, since no such file was given: 2042 (" in filed.verify().stdout


@pytest.mark.parametrize("member", ["number", "received_at", "filing_id", "spi", "digest", "in_time", "nonce", "origin"])
def test_altered_receipt(copy, member):
    receipt = copy.place / "receipt.json"
    text = receipt.read_text(encoding="utf-8")
    match = re.search(rf'"{member}":("?)([^",}}]+)', text)
    value = match[2]
    last = {"true": "false", "false": "true"}.get(value) or value[:-1] + ("0" if value[-1] != "0" else "1")
    receipt.write_text(text[:match.start(2)] + last + text[match.end(2):], encoding="utf-8")
    assert failures(copy) & {"inclusion", "number", "office", "receipt"}


def test_altered_proof(copy):
    proof = copy.place / "receipt.tlog-proof"
    whole = proof.read_bytes()
    for line in whole.decode().split("\n"):
        if len(line) > 8:
            at = whole.index(line.encode()) + len(line.encode()) // 2
            proof.write_bytes(whole[:at] + (b"A" if whole[at:at + 1] != b"A" else b"B") + whole[at + 1:])
            assert failures(copy), line
    proof.write_bytes(b"")
    assert failures(copy)


def test_altered_document(copy):
    alter(copy.return_file, b'"1AJ":', b'"1AJ": ')
    assert failures(copy, copy.return_file) == {"document"}
    (copy.place / "other.pdf").write_bytes(b"%PDF-1.4\nanother\n")
    assert failures(copy, "rib.pdf", "other.pdf") == {"document"}


def test_proof_of_another_receipt(copy, office, tmp_path):
    other = come(office, tmp_path / "other")
    other.file()
    shutil.copy(other.place / "receipt.tlog-proof", copy.place / "receipt.tlog-proof")
    assert failures(copy) == {"inclusion"}


def test_another_leaf_is_no_receipt(copy):
    """A body that is not a receipt's is refused whatever is proven of it."""
    (copy.place / "receipt.json").write_text('{"type":"guichet-certificate","nonce":"00"}')
    assert "receipt" in failures(copy)


def test_wrong_log_key(copy, offices, tmp_path):
    other = offices()
    trust = tmp_path / "trust"
    copy.office.copy_public(trust)
    shutil.copy(other.public / "log.vkey", trust / "log.vkey")
    words = "verify", "--trust", trust, "--json", "receipt.json"
    told = json.loads(guichet(program_of(copy.office), *words, cwd=copy.place, code=FAILED).stdout)
    assert [check["text"].split(":")[0] for check in told["checks"] if not check["passed"]][0] in ("checkpoint", "office")
    # The same name with another key: only the signature can tell.
    name, _, rest = (other.public / "log.vkey").read_text().partition("+")
    assert name == (copy.office.public / "log.vkey").read_text().partition("+")[0] and rest


def test_nothing_but_the_log_key_is_needed(copy, tmp_path):
    (tmp_path / "trust").mkdir()
    shutil.copy(copy.office.public / "log.vkey", tmp_path / "trust")
    guichet(program_of(copy.office), "verify", "--trust", tmp_path / "trust", "receipt.json", copy.return_file,
            cwd=copy.place, code=OK)


# ---- checkpoints kept ----

def server_words(taxpayer):
    return "--server", f"127.0.0.1:{taxpayer.office.port}"


@pytest.mark.parametrize("kept", ["checkpoint_before", "checkpoint_at", "checkpoint_after"])
def test_the_log_still_extends_a_kept_checkpoint(filed, kept):
    options = ["--checkpoint", getattr(filed, kept), *server_words(filed), "--json"]
    told = json.loads(filed.verify(options=options).stdout)
    assert any(check["text"].startswith("consistency") for check in told["checks"]), told


def test_consistency_offline(filed, copy, tmp_path):
    """Out of the published tiles; without them a server is needed; altered ones prove nothing."""
    options = ["--checkpoint", filed.checkpoint_after]
    filed.verify(options=options)
    trust = tmp_path / "trust"
    filed.office.copy_public(trust)
    words = ["verify", "--trust", trust, *options, "receipt.json"]
    guichet(program_of(filed.office), *words, cwd=copy.place, code=OK)
    for path in trust.glob("tile/0/000.p/*"):
        path.write_bytes(bytes(path.stat().st_size))
    guichet(program_of(filed.office), *words, cwd=copy.place, code=FAILED)
    shutil.rmtree(trust / "tile")
    told = guichet(program_of(filed.office), *words, cwd=copy.place, code=FAILED)
    assert "tiles missing" in told.stderr
    # Of the same size nothing more is needed.
    words[4] = filed.checkpoint_at
    guichet(program_of(filed.office), *words, cwd=copy.place, code=OK)


def test_a_checkpoint_that_was_altered(copy):
    kept = copy.place / "before.checkpoint"
    lines = kept.read_text().split("\n")
    for at, line in ((1, "7"), (2, base64.b64encode(bytes(32)).decode())):
        kept.write_text("\n".join([*lines[:at], line, *lines[at + 1:]]))
        assert failures(copy, options=["--checkpoint", kept, *server_words(copy)])


# ---- openssl ----

def openssl(*words, code=0, place=None):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, cwd=place, check=False)
    assert (done.returncode == 0) == (code == 0), f"openssl {words[0]}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.mark.parametrize("key", ["p256", "rsa3072"])
def test_openssl_accepts_the_exported_signature(office, tmp_path, key):
    taxpayer = come(office, tmp_path / "someone", key)
    receipt = taxpayer.file()
    taxpayer.online("export-signature", receipt["number"], "--out", "filing.p7s")
    words = ["cms", "-verify", "-inform", "DER", "-in", "filing.p7s", "-content", "filing.manifest", "-binary", "-CAfile",
             office.public / "ca.pem", "-purpose", "any", "-out", "/dev/null"]
    openssl(*words, place=taxpayer.place)
    manifest = taxpayer.place / "filing.manifest"
    digest = subprocess.run(["sha256sum", manifest], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest == receipt["filing_id"]
    digest = subprocess.run(["sha256sum", taxpayer.return_file], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest in manifest.read_text()
    whole = manifest.read_bytes()
    for old, new in ((b"mode online", b"mode offline"), (digest.encode(), b"0" * 64), (b"\n", b"\r\n")):
        manifest.write_bytes(whole.replace(old, new, 1))
        openssl(*words, place=taxpayer.place, code=1)
    manifest.write_bytes(whole)
    assert "CAdES" in openssl("cms", "-cmsout", "-print", "-inform", "DER", "-in", "filing.p7s", place=taxpayer.place).stdout \
        or "signingCertificateV2" in openssl("cms", "-cmsout", "-print", "-inform", "DER", "-in", "filing.p7s",
                                             place=taxpayer.place).stdout


def certificate_of(taxpayer):
    path = taxpayer.place / "certificate.pem"
    openssl("pkcs12", "-in", taxpayer.key_file, "-passin", f"file:{taxpayer.password_file}", "-nokeys", "-clcerts", "-out",
            path)
    return path


def test_openssl_accepts_certificates_and_crl(office, tmp_path):
    taxpayer = come(office, tmp_path / "someone")
    certificate, ca, crl = certificate_of(taxpayer), office.public / "ca.pem", office.public / "crl.pem"
    openssl("verify", "-CAfile", ca, certificate)
    openssl("verify", "-CAfile", ca, "-CRLfile", crl, "-crl_check", certificate)
    assert "verify OK" in openssl("crl", "-in", crl, "-noout", "-CAfile", ca).stderr
    text = openssl("x509", "-in", certificate, "-noout", "-text").stdout
    assert "Digital Signature, Non Repudiation" in text and "CA:TRUE" not in text
    openssl("verify", "-CAfile", office.public / "tls.pem", certificate, code=1)
    # The authority of certificates does not vouch for the server, nor the other way round.
    served = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{office.port}", "-alpn", "guichet/1", "-CAfile",
                             office.public / "tls.pem", "-verify_return_error", "-verify_ip", "127.0.0.1"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert "Verify return code: 0" in served.stdout and "TLSv1.3" in served.stdout


# ---- a page of Python ----

def test_a_page_of_python_verifies_the_receipt(filed):
    receipt, proof = filed.evidence()
    key = filed.office.verifier_key.read_text()
    verify_receipt.verify(key, receipt, proof.decode(), lambda _: None)
    with pytest.raises(verify_receipt.Refused):
        verify_receipt.verify(key, receipt.replace(b'"in_time":true', b'"in_time":false'), proof.decode(), lambda _: None)
