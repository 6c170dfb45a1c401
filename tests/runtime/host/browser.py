"""A real browser, driven over the pipe of its debugging protocol; the standard library suffices."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""A browser of the Chromium family on PATH, None if there is none."""
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for number, end in zip((3, 4), ends):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads commands from descriptor 3 and writes answers to 4."""
_ANSWER_SECONDS = 60.0
_KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27}


class Browser:
    """One tab. `problems` are exceptions and warnings of the page, `requests` what it asked for."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._received = b""
        self._number = 0
        self._session: str | None = None
        self.problems: list[Any] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(1600, 1000)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol and its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._from], [], [], _ANSWER_SECONDS)
            assert ready, "the browser does not answer"
            part = os.read(self._from, 1 << 20)
            assert part, "the browser has ended"
            self._received += part
        first, self._received = self._received.split(b"\0", 1)
        return json.loads(first)

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Runtime.exceptionThrown" | "Log.entryAdded":
                self.problems.append(event["params"])
            case "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])

    def resize(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the window's size in pixels and whether the user prefers "light" or "dark"."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, page: Path) -> None:
        """Show a trace page and wait until it is drawn."""
        self.call("Page.navigate", url=page.as_uri())
        end = time.monotonic() + _ANSWER_SECONDS
        ready = "!!window.app || document.getElementById('problem')?.hidden === false"
        while not self.run(ready):
            assert time.monotonic() < end, "the page does not start"
            time.sleep(0.02)
        self.settle()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def settle(self) -> None:
        """Wait for two frames, so that everything asked for is drawn."""
        self.run("new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def choose(self, name: str, value: str) -> None:
        """Choose an option of a select element."""
        self.run(
            f"(() => {{ const s = document.getElementById({json.dumps(name)}); "
            f"s.value = {json.dumps(value)}; s.dispatchEvent(new Event('change')); "
            f"if (s.value !== {json.dumps(value)}) throw Error('no such option'); }})()"
        )
        self.settle()

    def click(self, selector: str, x: float, y: float) -> None:
        """Click at a place of an element, in pixels from its upper left corner."""
        left, top = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [b.left, b.top]; })()"
        )
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            button = "none" if kind == "mouseMoved" else "left"
            self.call(
                "Input.dispatchMouseEvent",
                type=kind, x=left + x, y=top + y, button=button, buttons=buttons, clickCount=1,
            )  # fmt: skip
        self.settle()

    def press(self, key: str, shift: bool = False) -> None:
        """Press a key."""
        code = _KEYS.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, windowsVirtualKeyCode=code, modifiers=8 * shift,
            )  # fmt: skip
        self.settle()

    def text(self, selector: str) -> str:
        """The text that an element shows."""
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def pixel(self, canvas: str, x: float, y: float) -> list[int]:
        """Red, green and blue of a canvas, x and y in pixels from its upper left corner."""
        return self.run(
            "(() => { const one = document.createElement('canvas'); one.width = one.height = 1; "
            "const c = one.getContext('2d', { willReadFrequently: true }); "
            f"c.drawImage(document.querySelector({json.dumps(canvas)}), "
            f"{round(x)}, {round(y)}, 1, 1, 0, 0, 1, 1); "
            "return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); })()"
        )


@contextmanager
def browser(directory: Path) -> Iterator[Browser]:
    """A running browser whose profile lies in `directory`."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    flags = (*_FLAGS, f"--user-data-dir={directory}")
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(to_read), str(from_write), str(PROGRAM), *flags],
        pass_fds=(to_read, from_write), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        os.close(to_write)  # the browser ends when nobody can command it
        os.close(from_read)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
