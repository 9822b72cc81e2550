"""A soak: gunicorn and uvicorn with 4 workers each, good and bad requests at 70 % of what they can take.

    python tests/soak.py [--minutes 10] [--share 0.7] [--servers gunicorn uvicorn]

Of each request the answer is known: 200 with what was signed, or the refusal's status. Stated are the resident memory
and its slope over the second half, and the CPU time a request of the unprotected application in paired runs. It fails
where an answer is not the known one, a worker was lost, or memory grows by more than 1 MiB a minute and worker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import linear_regression, median
from threading import Thread
from typing import Any

from judged import HOST, KEY, RFC9421
from matrix.running import family
from reference import Message
from served_case import on_wire
from served_socket import Connection, connected
from servers import Running, Server, serving
from soak_served import LIMIT, told

CLIENTS, THREADS = 2, 4
_WORKERS = 4
_COMMANDS = {
    "gunicorn": "-m gunicorn --bind 127.0.0.1:{port} --workers 4 --worker-class gthread --threads 4 --log-level error"
    " --keep-alive 60 --backlog 512 soak_served:app",
    "uvicorn": "-m uvicorn --host 127.0.0.1 --port {port} --workers 4 --no-access-log --log-level critical"
    " --timeout-keep-alive 60 soak_served:aapp",
}
#: Seconds: of the runs that say what a server can take, of each paired run, between two looks at memory.
_CAPACITY, _PAIRED, _LOOK = 6.0, 8.0, 2.0
_PAIRS = 3
#: Octets a minute and worker.
_GROWTH = 2**20
_SPAWN = multiprocessing.get_context("spawn")


def _plain() -> Message:
    fields = [("Host", HOST), ("Content-Type", "application/json")]
    number = random.randrange(10**9)
    if number % 3 == 0:
        return Message("GET", f"/orders/{number}?page={number % 7}", fields[:1])
    return Message("POST", f"/orders/{number}", fields, secrets.token_bytes(16).hex().encode() * (number % 40 + 1))


def _signed(message: Message, *, age: int = 0, key: bytes = KEY) -> Message:
    return RFC9421.signed(message, key, int(time.time()) - age, secrets.token_urlsafe(18))


def _changed_body() -> tuple[bytes, int]:
    message = _signed(replace(_plain(), method="POST", body=b'{"total": 1}'))
    return on_wire(replace(message, body=b'{"total": 9}')), 401


def _changed_query() -> tuple[bytes, int]:
    message = _signed(_plain())
    return on_wire(replace(message, target=message.path + "?admin=1")), 401


def _without(name: str) -> Callable[[], tuple[bytes, int]]:
    def unsigned() -> tuple[bytes, int]:
        message = _signed(_plain())
        return on_wire(replace(message, headers=[pair for pair in message.headers if pair[0] != name])), 401

    return unsigned


def _odd_signature() -> tuple[bytes, int]:
    message = _signed(_plain())
    name, value = message.headers[-1]
    at = random.randrange(len(value))
    odd = value[:at] + random.choice("\xe9,;:=\"'A") + value[at + 1 :]
    headers = [*message.headers[:-1], (name, odd if odd != value else "x")]
    return on_wire(replace(message, headers=headers)), 401


#: What is sent beside the good requests, each with the status that it must have.
BAD: dict[str, Callable[[], tuple[bytes, int]]] = {
    "unsigned": lambda: (on_wire(_plain()), 401),
    "another key": lambda: (on_wire(_signed(_plain(), key=b"thirty-two octets of test key, B")), 401),
    "expired": lambda: (on_wire(_signed(_plain(), age=1000)), 401),
    "a changed body": _changed_body,
    "a changed query": _changed_query,
    "no Signature": _without("Signature"),
    "no Signature-Input": _without("Signature-Input"),
    "an odd Signature": _odd_signature,
    "two slashes": lambda: (on_wire(_signed(_plain()), line="GET //evil/orders HTTP/1.1"), 400),
    "too large": lambda: (on_wire(_signed(Message("POST", "/large", [("Host", HOST)], bytes(LIMIT + 1)))), 413),
}


@dataclass
class Tally:
    """`wrong`: what was asked, and what came of it."""

    asked: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, other: Tally) -> None:
        self.asked += other.asked
        self.answers += other.answers
        self.wrong += other.wrong
        self.slowest = max(self.slowest, other.slowest)


class _Talk:
    """One connection, opened again where the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: Any = None
        self._connection: Connection | None = None

    def ask(self, wire: bytes) -> tuple[int, bytes]:
        """The status and the content; 0 where there is none, and why."""
        try:
            # A server closes a connection that was idle for a while (RFC 9112, 9.3.1).
            return (self._connection is not None and self._asked(wire)) or self._asked(wire) or (0, b"closed")
        except OSError as error:
            self.close()
            return 0, repr(error).encode()

    def _asked(self, wire: bytes) -> tuple[int, bytes] | None:
        if self._connection is None:
            self._open = connected(self._port)
            self._connection = self._open.__enter__()
        assert self._connection is not None
        self._connection.write(wire)
        self._connection.acknowledge_at_once()
        answer = self._connection.answer()
        # Of a body that is refused by its length the rest is never written.
        if answer is None or answer.fields.get("connection") == "close" or answer.status == 413:
            self.close()
        return answer and (answer.status, answer.body)

    def close(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = self._connection = None


def _talk(port: int, seconds: float, rate: float, bad: float, tally: Tally) -> None:
    """`rate`: requests a second, 0 for as many as it gets; `bad`: the share of bad ones."""
    talk = _Talk(port)
    begin = time.monotonic()
    earlier = b""
    while (now := time.monotonic()) - begin < seconds:
        if rate and (ahead := begin + tally.asked / rate - now) > 0:
            time.sleep(ahead)
        asked = time.monotonic()
        tally.asked += 1
        if random.random() < bad:
            kind = random.choice([*BAD, "replayed"])
            wire, status = (earlier, 401) if kind == "replayed" else BAD[kind]()
            if not wire:
                continue
            given, content = talk.ask(wire)
            right = given == status
        else:
            kind = "good"
            message = _signed(_plain())
            earlier = on_wire(message)
            given, content = talk.ask(earlier)
            right = (given, content) == (200, told(message.method, message.path, message.query, message.body))
        tally.slowest = max(tally.slowest, time.monotonic() - asked)
        tally.answers[f"{kind}: {given}"] += 1
        if not right:
            tally.wrong.append(f"{kind}: {given} {content[:60]!r}")
    talk.close()


def _client(port: int, seconds: float, rate: float, bad: float, results: Any) -> None:
    tallies = [Tally() for _ in range(THREADS)]
    threads = [Thread(target=_talk, args=(port, seconds, rate / THREADS, bad, tally)) for tally in tallies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tally in tallies[1:]:
        tallies[0].add(tally)
    results.put(tallies[0])


@contextmanager
def load(port: int, seconds: float, rate: float = 0, bad: float = 0) -> Iterator[Tally]:
    """While the block runs; the tally is complete after it."""
    results: Any = _SPAWN.Queue()
    clients = [
        _SPAWN.Process(target=_client, args=(port, seconds, rate / CLIENTS, bad, results), daemon=True)
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    tally = Tally()
    yield tally
    for _ in clients:
        tally.add(results.get(timeout=seconds + 120))
    for client in clients:
        client.join()


def cpu(run: Running) -> float:
    """Seconds that its processes have used (proc(5), /proc/PID/stat, utime and stime)."""
    ticks = 0
    for pid in family(run.process.pid):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(run: Running) -> int:
    """Octets, of all its processes."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in family(run.process.pid)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def soak(name: str, protected: Running, plain: Running, minutes: float, share: float) -> list[str]:
    """Prints the figures; gives what is wrong."""
    begin = time.monotonic()
    with load(protected.port, _CAPACITY) as warm:
        pass
    begin = time.monotonic()
    with load(protected.port, _CAPACITY) as most:
        pass
    capacity = most.asked / _CAPACITY
    rate = capacity * share
    print(f"{name}: {capacity:.0f} good requests a second at most, {rate:.0f} at {share:.0%}", flush=True)
    before = family(protected.process.pid)
    looks: list[tuple[float, int]] = []
    begin, used = time.monotonic(), cpu(protected)
    with load(protected.port, 60 * minutes, rate, bad=0.4) as tally:
        while (passed := time.monotonic() - begin) < 60 * minutes:
            looks.append((passed, resident(protected)))
            time.sleep(_LOOK)
    used = cpu(protected) - used
    second = [look for look in looks if look[0] > 30 * minutes]
    slope = linear_regression(*zip(*second, strict=True)).slope * 60
    print(
        f"{name}: {tally.asked} requests in {minutes} min, {len(tally.wrong)} wrong, slowest {tally.slowest * 1e3:.0f} ms, "
        f"{used / tally.asked * 1e6:.0f} us of CPU a request; resident {looks[0][1] / 2**20:.1f} MiB at first, "
        f"{second[0][1] / 2**20:.1f} halfway, {looks[-1][1] / 2**20:.1f} at the end, "
        f"slope of the second half {slope:+.0f} octets a minute for {len(before)} processes"
    )
    for what, count in sorted(tally.answers.items()):
        print(f"    {count:8} {what}")
    pairs = [_pair(protected, plain, rate) for _ in range(_PAIRS)]
    more = median(mine - others for mine, others in pairs)
    print(
        f"{name}: CPU a good request, protected beside plain: "
        + ", ".join(f"{mine * 1e6:.0f} and {others * 1e6:.0f}" for mine, others in pairs)
        + f" us; {more * 1e6:+.0f} us in the median",
        flush=True,
    )
    wrong = [*warm.wrong, *most.wrong, *tally.wrong]
    if before != family(protected.process.pid):
        wrong.append("a worker was lost")
    if slope > _GROWTH * _WORKERS:
        wrong.append(f"memory grows by {slope:.0f} octets a minute")
    return [f"{name}: {each}" for each in wrong]


def _pair(protected: Running, plain: Running, rate: float) -> tuple[float, float]:
    """Seconds of CPU a good request."""
    found = []
    for run in (protected, plain):
        used = cpu(run)
        with load(run.port, _PAIRED, rate) as tally:
            pass
        found.append((cpu(run) - used) / tally.asked)
    return found[0], found[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--servers", nargs="+", choices=_COMMANDS, default=list(_COMMANDS))
    asked = parser.parse_args()
    wrong = []
    for name in asked.servers:
        with tempfile.TemporaryDirectory(prefix="sealgate-soak-") as home:
            store = (("SOAK_REPLAY", f"sqlite://{home}/replay.db"),)
            protected = Server("protected", _COMMANDS[name], (), settings=store)
            plain = Server("plain", _COMMANDS[name], ())
            with serving([protected, plain], Path(home)) as runs:
                wrong += soak(name, runs["protected"], runs["plain"], asked.minutes, asked.share)
    for each in wrong[:50]:
        print(each, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
