# SPDX-License-Identifier: Apache-2.0
"""A wire between client and server that counts what goes through it, and does something when enough has.

    with Proxy(lambda: office.port) as wire:
        wire.at(1_000_000, office.kill)       # called once, when so many bytes have gone to the server
        ... connect to wire.port ...
        wire.sent                             # bytes that have gone to the server, over all connections
        wire.received                         # bytes that have come from it
        wire.withhold(1000)                   # what comes from it after so many more bytes stays on the way"""
import socket
import threading

CHUNK = 16384


class Proxy:
    def __init__(self, target):
        """target(): the server's port, asked for each connection."""
        self.target, self.sent, self.received, self.connections = target, 0, 0, 0
        self.mark = self.action = self.held_from = None
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def at(self, mark, action):
        self.mark, self.action = mark, action

    def withhold(self, size):
        self.held_from = self.received + size

    def cut(self):
        """Ends every connection."""
        for end in self.open:
            _shut(end)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target()))
            except OSError:
                client.close()
                continue
            self.connections += 1
            self.open += [client, server]
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source, target, counts):
        try:
            while part := source.recv(CHUNK):
                target.sendall(part if counts else self._let_through(part))
                if counts:
                    self._count(len(part))
        except OSError:
            pass
        _shut(source)
        _shut(target)

    def _let_through(self, part):
        with self.lock:
            through = part if self.held_from is None else part[:max(0, self.held_from - self.received)]
            self.received += len(part)
        return through

    def _count(self, size):
        with self.lock:
            self.sent += size
            action = self.action if self.mark is not None and self.sent >= self.mark else None
            if action is not None:
                self.mark = None
        if action is not None:
            action()


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
