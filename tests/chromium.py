"""Chromium without a head, asked over a pipe by the DevTools protocol."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Chromium", "Tab"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
_SECONDS = 20.0


class Chromium:
    """One browser with a profile of its own, until it is left."""

    def __init__(self) -> None:
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        if found is None:
            raise FileNotFoundError("chromium is needed: apt-get install chromium")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs, self._out = os.pipe()
        self._in, ours = os.pipe()
        flags = " ".join([*_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}"])
        # The protocol is spoken on file descriptors 3 and 4.
        shell = f"exec {found} {flags} about:blank 3<&{theirs} 4>&{ours}"
        self._process = subprocess.Popen(
            ["bash", "-c", shell], pass_fds=(theirs, ours), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        os.close(ours)
        self._number = 0
        self._left = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self.ask("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The result of one command. Raises `RuntimeError` for an error."""
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while (told := self._read()).get("id") != number:
            self._events.append(told)
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        result: dict[str, Any] = told["result"]
        return result

    def events(self) -> list[dict[str, Any]]:
        """What the browser has told since it was asked last."""
        told, self._events = self._events, []
        return told

    def wait_for(self, method: str) -> None:
        while not any(event.get("method") == method for event in self._events):
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._left:
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser says nothing")
            octets = os.read(self._in, 1 << 20)
            if not octets:
                raise ConnectionError("the browser has gone")
            self._left += octets
        told, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(told)
        return message


class Tab:
    """A page in a browser. `problems`: what it logged, threw, asked for, or wanted from elsewhere."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **params)

    def open(self, file: Path, width: int, height: int = 900, *, scheme: str = "light", media: str = "") -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self._browser.events()
        self.ask("Page.navigate", url=file.as_uri())
        self._browser.wait_for("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression, or what it promises; it runs whatever the page's policy says."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of the first element of this selector."""
        self.value(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.value(f"[{box}.x + {box}.width / 2, {box}.y + {box}.height / 2]")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def problems(self, page: Path) -> list[str]:
        found = []
        for event in self._browser.events():
            seen = _SEEN.get(event.get("method", ""))
            if seen is not None and (said := seen(event["params"])) not in {None, page.as_uri()}:
                found.append(f"{event['method']}: {said}")
        return found


_SEEN: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "Runtime.consoleAPICalled": lambda told: json.dumps(told["args"]),
    "Runtime.exceptionThrown": lambda told: json.dumps(told["exceptionDetails"]),
    "Log.entryAdded": lambda told: str(told["entry"]["text"]),
    "Page.javascriptDialogOpening": lambda told: str(told["message"]),
    "Network.requestWillBeSent": lambda told: str(told["request"]["url"]),
}
