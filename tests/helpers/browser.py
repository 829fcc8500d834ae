"""Chromium without a window, over the DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or ""

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

PATIENCE = 300
"""Seconds after which it is taken for dead."""

KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35,
        "Escape": 27, "Tab": 9, "Enter": 13}  # fmt: skip
"""Windows's numbers of keys, which Chromium wants."""


class Browser:
    """A browser with one page. What the page complains of is in `complaints`."""

    def __init__(self, to: int, back: int) -> None:
        """`to` and `back` are the descriptors of its pipes."""
        self.complaints: list[str] = []
        self._to, self._back = to, back
        self._numbers = itertools.count(1)
        self._unread = b""
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol; return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (reply := self._message()).get("id") != number:
            self._notice(reply)
        assert "error" not in reply, reply
        return reply["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select.select([self._back], [], [], PATIENCE)[0], "chromium says nothing"
            read = os.read(self._back, 1 << 20)
            assert read, "chromium has gone"
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _notice(self, event: dict[str, Any]) -> None:
        """Remember what is no good; no dialog may keep the page waiting."""
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" or (
            method == "Log.entryAdded" and params["entry"]["level"] != "verbose"
        ):
            self.complaints.append(json.dumps(params))
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("file:", "about:")):
                self.complaints.append(url)
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog {params['message']}")

    def open(
        self, path: Path, width: int = 1280, height: int = 900, *, dark: bool = False,
        language: str = "en",
    ) -> None:  # fmt: skip
        """Open a page; phones are what is narrower than 500 pixels."""
        phone = width < 500
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)  # fmt: skip
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        agent = self.call("Browser.getVersion")["userAgent"]
        self.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        self.call("Page.navigate", url=path.absolute().as_uri())
        loaded = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        while self.run("document.readyState") != "complete":
            self.call("Runtime.evaluate", expression=loaded, awaitPromise=True)
        self.call("Runtime.evaluate", expression=loaded, awaitPromise=True)

    def run(self, expression: str) -> Any:
        """Return what an expression in the page gives, as JSON."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        found: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=KEYS[key])  # fmt: skip

    def middle(self, selector: str) -> dict[str, float]:
        """Scroll an element into view; return where its middle is."""
        quoted = json.dumps(selector)
        found: dict[str, float] = self.run(
            f"(() => {{const e = document.querySelector({quoted});"
            "e.scrollIntoView({block: 'center'}); const r = e.getClientRects()[0];"
            "return {x: r.x + r.width / 2, y: r.y + r.height / 2}})()"
        )
        return found

    def point(self, selector: str) -> None:
        """Move the mouse to an element."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **self.middle(selector))

    def click(self, selector: str) -> None:
        """Click on an element."""
        at = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def tap(self, selector: str) -> None:
        """Tap on an element."""
        at = self.middle(selector)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self, path: Path) -> None:
        """Write what is in view as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own, as long as the context lasts."""
    read, to = os.pipe()
    back, write = os.pipe()
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--remote-debugging-pipe", f"--user-data-dir={profile}"]  # fmt: skip
    # Chromium reads descriptor 3 and writes to 4.
    launch = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "chromium", *command]
    with subprocess.Popen(
        launch, pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        os.close(read)
        os.close(write)
        try:
            yield Browser(to, back)
        finally:
            os.close(to)
            process.terminate()
            process.wait()
            os.close(back)
