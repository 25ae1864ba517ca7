# SPDX-License-Identifier: Apache-2.0
"""Somebody from the register at an office: enrols and files with the client of tests/docs/stranger.py."""
import json

import stranger
import verify_receipt

EMAIL = "someone@example.org"


class Visit:
    def __init__(self, office, person, place, kind="p256"):
        self.office, self.person, self.holder = office, person, stranger.Holder(place)
        self.holder.make_key(kind)

    def connect(self, timeout=20):
        return stranger.Connection("127.0.0.1", self.office.port, self.office.tls_pem, timeout)

    def enrol(self):
        with self.connect() as connection:
            contract = json.loads(connection.publication("campaign.json"))["contract"]["version"]
            certificate, serial = connection.enrol(self.person.facts, EMAIL, self.holder.csr(), contract)
        self.holder.certificate.write_bytes(certificate)
        assert self.holder.serial() == serial
        return self

    def manifest(self, documents, replaces="none"):
        origin = self.office.verifier_key.read_text(encoding="utf-8").split("+")[0]
        campaign = self.office.campaign()["name"]
        return stranger.manifest_text(origin, campaign, self.person.spi, documents, replaces)

    def sign(self, documents, replaces="none"):
        """documents: (type, media type, content) each. -> what `file` and `upload` carry"""
        with self.connect() as connection:
            now = connection.hello()[3]
        return stranger.filing_sign(self.holder, self.manifest(documents, replaces), now)

    def own_return(self):
        return "2042", "application/json", self.person.content

    def file(self, filing, *contents):
        with self.connect() as connection:
            return connection.file(filing, [stranger.document_sent(content) for content in contents])[:2]

    def verify(self, receipt, proof):
        verify_receipt.verify(self.office.verifier_key.read_text(encoding="utf-8"), receipt, proof.decode(), lambda _: None)
