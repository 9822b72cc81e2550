"""A storm: 8 gunicorn and 8 uvicorn workers with one replay store, and each request offered five times at once.

    python tests/storm.py [--requests 5000] [--store sqlite|redis|django-cache] [--workers 8] [--hurt] [--slow SECONDS]
                          [--acknowledge] [--kind request|link|token|any]

Of each request, and of each link and token that is good once, exactly one offer is accepted. With --hurt a worker of each
server is killed by signal 9, and then, when all workers have seen Redis, that is killed and comes back empty: a process
that has not seen the one before cannot know what it knew (docs/replay.md). With --slow each of its answers takes so long: then never two, and beside 200 and 401 only
503. With --acknowledge the other offers are answered 200 as well, and the view still runs once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import scope_reference
import sealgate
from judged import HOST, KEY, KEY_ID, ORIGIN, RFC9421
from reference import Message, sign_link
from replay_redis import RedisServer, SlowRoad, free_port

STORES = ("sqlite", "redis", "django-cache")
KINDS = ("request", "link", "token")
SCOPE = "storm:number"
#: Seconds that links and tokens last.
_LASTS = 300
#: Each client process offers each request once, so this is how often it is offered.
CLIENTS, THREADS = 5, 4
#: Requests that are signed and offered together; the clients wait for each other in between.
WAVE = 100
#: How often a request is offered again that was not answered, or by 503.
_PATIENCE = 40
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Report:
    """`accepted`: how often the view ran, by target. `answers`: status codes, as the clients saw them; 0 is none."""

    requests: int
    accepted: Counter[str]
    answers: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def twice(self) -> int:
        return sum(count > 1 for count in self.accepted.values())

    @property
    def never(self) -> int:
        return self.requests - len(self.accepted)

    def __str__(self) -> str:
        answers = ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(self.answers.items()))
        rate = sum(self.answers.values()) / self.seconds
        return (
            f"{self.requests} requests, {self.twice} accepted twice, {self.never} never; {answers}; "
            f"{self.seconds:.1f} s, {rate:.0f} offers/s"
        )


def storm(
    store: str,
    *,
    requests: int,
    workers: int,
    hurt: bool = False,
    slow: float = 0,
    duplicates: str = "reject",
    kind: str = "request",
) -> Report:
    """`kind`: of `KINDS`, or `any` for all of them in turn."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sealgate-storm-")))
        redis = stack.enter_context(RedisServer()) if store != "sqlite" else None
        port = redis.port if redis is not None else 0
        if slow:
            port = stack.enter_context(SlowRoad(port, slow)).port
        environment = _environment(store, directory, f"redis://127.0.0.1:{port}/0") | {
            "STORM_DUPLICATES": duplicates,
            "STORM_SCOPE": SCOPE,
        }
        servers = stack.enter_context(_servers(environment, directory, workers))
        ports = [server.port for server in servers]
        waves = -(-requests // WAVE)
        barrier = _SPAWN.Barrier(CLIENTS + 1)
        answers: Any = _SPAWN.SimpleQueue()
        created = _SPAWN.Array("q", waves)
        clients = [
            _SPAWN.Process(target=_client, args=(place, ports, requests, barrier, created, answers, hurt, kind))
            for place in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        begin = 0.0
        harm: threading.Thread | None = None
        for wave in range(waves):
            if harm is not None:
                harm.join()
                if redis is not None:
                    _acquaint(servers, redis, workers, kind)
            created[wave] = int(time.time())
            barrier.wait(120)
            begin = begin or time.monotonic()
            harms = {waves // 2 - 1: _kill_workers, waves // 2: _kill_redis} if hurt else {}
            if wave in harms:
                harm = threading.Thread(target=harms[wave], args=(servers, redis))
                harm.start()
        counted = Counter[int]()
        for _ in clients:
            counted.update({int(status): count for status, count in json.loads(answers.get()).items()})
        seconds = time.monotonic() - begin
        for client in clients:
            client.join()
        if harm is not None:
            harm.join()
        ran = (directory / "ran").read_text().split()
        accepted = Counter(target for target in ran if int(target[1:]) < requests)
    return Report(requests, accepted, counted, seconds)


@dataclass
class _Server:
    port: int
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def _servers(environment: dict[str, str], directory: Path, workers: int) -> Iterator[list[_Server]]:
    commands = (
        "-m gunicorn --bind 127.0.0.1:{port} --workers {workers} --worker-class gthread --threads 4 --log-level warning"
        " --preload --backlog 512 storm_served:app",
        "-m uvicorn --host 127.0.0.1 --port {port} --workers {workers} --no-access-log --log-level warning"
        " storm_served:aapp",
    )
    servers = list[_Server]()
    with (directory / "log").open("wb") as log:
        try:
            for command in commands:
                port = free_port()
                arguments = command.format(port=port, workers=workers).split()
                process = subprocess.Popen(
                    [sys.executable, *arguments], cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT
                )
                servers.append(_Server(port, process))
            for server in servers:
                _wait(server, directory / "log")
            yield servers
        finally:
            for server in servers:
                server.process.terminate()
            for server in servers:
                server.process.wait(30)


def _wait(server: _Server, log: Path) -> None:
    end = time.monotonic() + 90
    while True:
        with (
            suppress(OSError, http.client.HTTPException),
            closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection,
        ):
            connection.request("GET", "/ready")
            with connection.getresponse() as answer:
                if answer.status == 401:
                    return
        assert server.process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.05)


def _environment(store: str, directory: Path, url: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "WEB_"))}
    paths = [str(Path(sealgate.__file__).parent.parent), str(Path(__file__).parent)]
    replay = {"sqlite": f"sqlite://{directory}/replay.db", "redis": url, "django-cache": "django-cache:default"}[store]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "STORM_REPLAY": replay, "STORM_RAN": str(directory / "ran")}
    (directory / "ran").touch()
    return environment | ({"STORM_CACHE": url} if store == "django-cache" else {})


def _client(
    place: int, ports: list[int], requests: int, barrier: Barrier, created: Any, answers: Any, hurt: bool, kind: str
) -> None:
    """Each thread offers its share of each wave, in the order of all other clients, to both servers in turn."""
    counted = [Counter[int]() for _ in range(THREADS)]
    connections = [
        [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for port in ports] for _ in range(THREADS)
    ]

    def offer(thread: int, start: int, now: int) -> None:
        for number in range(start + thread, min(start + WAVE, requests), THREADS):
            message = _message(kind, number, now)
            for again in range(_PATIENCE):
                status = _ask(connections[thread][(place + number + again) % len(ports)], message)
                counted[thread][status] += 1
                if status not in (0, 503) or (hurt and again == 3):
                    break

    for start in range(0, requests, WAVE):
        barrier.wait(120)
        now = created[start // WAVE]
        threads = [threading.Thread(target=offer, args=(thread, start, now)) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answers.put(json.dumps(sum(counted, Counter[int]())))


def _message(kind: str, number: int, now: int) -> Message:
    """What is offered: signed by the judge, the same by all clients."""
    target, nonce = f"/{number}", f"nonce-of-the-storm-{number}"
    plain = Message("GET", target, [("Host", HOST)])
    match KINDS[number % len(KINDS)] if kind == "any" else kind:
        case "link":
            how = {"key_id": KEY_ID, "created": now, "expires": now + _LASTS, "nonce": nonce}
            return replace(plain, target=sign_link(ORIGIN + target, KEY, **how).removeprefix(ORIGIN))
        case "token":
            said = scope_reference.Said(KEY_ID, now, _LASTS, number.to_bytes(16, "big"))
            return replace(plain, target=f"{target}?token={scope_reference.token_of(said, SCOPE, str(number), KEY)}")
    return RFC9421.signed(plain, KEY, now, nonce)


def _ask(connection: http.client.HTTPConnection, message: Message) -> int:
    """The status, or 0 where there was no answer: the worker was killed."""
    used = connection.sock is not None
    try:
        connection.request(message.method, message.target, headers=dict(message.headers))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        # A server closes a connection that was idle for a while (RFC 9112, 9.3.1).
        return _ask(connection, message) if used else 0
    return answer.status


def _kill_workers(servers: list[_Server], _: RedisServer | None) -> None:
    for server in servers:
        os.kill(max(server.workers()), signal.SIGKILL)


def _kill_redis(_: list[_Server], redis: RedisServer | None) -> None:
    if redis is not None:
        redis.kill()
        redis.start()


def _acquaint(servers: list[_Server], redis: RedisServer, workers: int, kind: str) -> None:
    """Lets every worker see who answers: each store of it has a connection, by what is offered here besides."""
    stores, end = len(KINDS) if kind == "any" else 1, time.monotonic() + 60
    numbers = iter(range(10**6, 10**7))
    for server in servers:
        while sum(_connections(child, redis.port) >= stores for child in server.workers()) < workers:
            assert time.monotonic() < end, "a worker does not ask Redis"
            for number in (next(numbers) for _ in range(2 * workers * len(KINDS))):
                with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
                    _ask(connection, _message(kind, number, int(time.time())))


def _connections(pid: int, port: int) -> int:
    """Of a process to a port of this machine."""
    own = set[str]()
    with suppress(OSError):  # it ends meanwhile
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                own.add(str(descriptor.readlink()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        line[3] == "01" and int(line[2].rpartition(":")[2], 16) == port and f"socket:[{line[9]}]" in own
        for line in lines
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--store", choices=STORES, action="append")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--hurt", action="store_true")
    parser.add_argument("--slow", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--acknowledge", action="store_true")
    parser.add_argument("--kind", choices=[*KINDS, "any"], default="request")
    asked = parser.parse_args()
    wrong = False
    for store in asked.store or STORES:
        slow = asked.slow if store != "sqlite" else 0
        duplicates = "acknowledge" if asked.acknowledge else "reject"
        settings = {"hurt": asked.hurt, "slow": slow, "duplicates": duplicates, "kind": asked.kind}
        report = storm(store, requests=asked.requests, workers=asked.workers, **settings)
        strange = set(report.answers) - {200, 503} - ({0} if asked.hurt else set())
        strange -= set() if asked.acknowledge else {401}
        wrong |= bool(report.twice or strange or (report.never and not (asked.hurt or slow)))
        print(f"{store} {settings}: {report}", flush=True)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
