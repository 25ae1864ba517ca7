# SPDX-License-Identifier: Apache-2.0
"""An office that lies: it has a real office's TLS key and answers as it is told. Once somebody is in who has its keys,
only what is signed and logged is left to believe.

    with Liar(office, {RECEIPT: {1: receipt, 2: proof}}) as liar:
        ... liar.port ...

An answer is a record, or a function of the request's record that gives one; (status, record) refuses."""
import socket
import ssl
import threading

import stranger

LOGIN, REVOKE, FILINGS, RECEIPT, FILING, DOCUMENT = 0x0002, 0x0102, 0x0300, 0x0301, 0x0302, 0x0303
CORRELATION = bytes(8)
# What the real one announces.
HELLO = {1: "liar/1", 3: 1_800_000_000, 4: 1 << 20, 5: 128, 6: 128, 7: 100, 8: 128 * 1024, 9: 20 << 20, 10: 512 * 1024,
         11: 1 << 30, 12: 60, 13: 120, 14: 1 << 32, 15: 256 * 1024, 16: 64 * 1024, 17: 32 * 1024}


class Liar:
    def __init__(self, office, answers, hello=None):
        origin = office.verifier_key.read_text(encoding="ascii").split("+")[0]
        hello = {**HELLO, 2: origin, **(hello or {})}  # None: not told
        self.answers = {stranger.HELLO: {key: value for key, value in hello.items() if value is not None},
                        LOGIN: {1: "taxpayer", 2: "Quelqu'un", 3: 2_000_000_000}, **answers}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["guichet/1"])
        self.context.load_cert_chain(office.keys / "tls-server.pem", office.keys / "tls-server.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def run(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(plain, server_side=True) as peer:
                    self.serve(peer)
            except OSError:
                pass  # the client has gone

    def serve(self, peer):
        file = peer.makefile("rb")
        while header := file.read(stranger.HEADER.size):
            length, op, _, _, stream = stranger.HEADER.unpack(header)
            request = stranger.cbor_decode(file.read(length - 12))
            self.asked.append((op, request))
            answer = self.answers[op]
            if callable(answer):
                answer = answer(request)
            status, record = answer if isinstance(answer, tuple) else (0, answer)
            peer.sendall(stranger.frame(op, stream, stranger.cbor_encode({0: CORRELATION, **record}), 1, status))
