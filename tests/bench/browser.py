# SPDX-License-Identifier: Apache-2.0
"""A real browser for tests of pages: Chromium without a window and without a network, driven over a pair of pipes
(--remote-debugging-pipe: JSON messages, each ended by a byte of 0)."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

DEADLINE_S = 30
# Nothing but the page: no network, no services of the browser's own, no names that resolve.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"]


class Browser:
    """One Chromium with a fresh profile in `directory`; ends with the `with` block."""

    def __init__(self, directory):
        program = shutil.which("chromium")
        assert program, "chromium is not installed: `make deps` installs it"
        self.log = open(directory / "chromium.log", "wb")
        read, self.to = os.pipe()
        self.source, write = os.pipe()
        # Chromium reads from 3 and writes to 4, which are somebody else's here: bash puts them there.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (read, write)]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", program, *FLAGS,
             f"--user-data-dir={directory / 'profile'}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=ends)
        for fd in (read, write, *ends):
            os.close(fd)
        self.received, self.number, self.events = b"", 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.to)  # the end of its pipe is the end of the browser
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.source)
        self.log.close()

    def message(self):
        """The next message, an answer or an event."""
        until = time.monotonic() + DEADLINE_S
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.source], [], [], max(0, until - time.monotonic()))
            got = os.read(self.source, 1 << 20) if ready else b""
            assert got, f"chromium says nothing more; its words are in {self.log.name}"
            self.received += got
        one, self.received = self.received.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, session=None, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self.events.append(message)

    def open(self, path, width=1200, height=900, dark=False):
        return Page(self, path, width, height, dark)


class Page:
    """A file opened in a tab of its own, loaded to its end."""

    def __init__(self, browser, path, width, height, dark):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.media([{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not self.said("Page.loadEventFired"):
            browser.events.append(browser.message())

    def media(self, features):
        self.call("Emulation.setEmulatedMedia", features=features)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def said(self, *methods):
        """What the page's events of these kinds carried, so far."""
        return [event["params"] for event in self.browser.events
                if event.get("sessionId") == self.session and event["method"] in methods]

    def value(self, script):
        """What an expression is in the page; JSON can carry it."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def texts(self, selector):
        """The text of every element that matches, as it is in the document."""
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((node) => node.textContent)")

    def count(self, selector):
        return len(self.texts(selector))

    def press(self, key):
        """A key as a keyboard sends it, to whatever has the focus."""
        code = {"Enter": ("\r", 13), " ": (" ", 32), "Tab": ("\t", 9), "ArrowDown": ("", 40)}[key]
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=code[0] if kind == "keyDown" else "",
                      windowsVirtualKeyCode=code[1])

    def faults(self):
        """Errors of scripts, and whatever the browser wrote to its console as an error."""
        thrown = [one["exceptionDetails"].get("exception", {}).get("description", one["exceptionDetails"]["text"])
                  for one in self.said("Runtime.exceptionThrown")]
        logged = [one["entry"]["text"] for one in self.said("Log.entryAdded") if one["entry"]["level"] == "error"]
        return thrown + logged

    def requests(self):
        """Everything the page asked for, itself included."""
        return [one["request"]["url"] for one in self.said("Network.requestWillBeSent")]

    def screenshot(self, path):
        """The whole page, however long."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))

    def pdf(self, path):
        sheet = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(sheet["data"]))
