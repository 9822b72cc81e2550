"""Keys rotate fifty times in thirty seconds under load: `python tests/rotation_storm.py`.

Processes of their own rotate, sign and verify, and know of each other's keys by the file alone. Half of the clients look at the
file as a `Signer` does; the others keep a key, and change it at random moments before it ends. Two more go on with the keys that
have ended. Exit code 1 where an honest request is refused, or one by an ended key is accepted.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from judged import KEY_ID, ORIGIN
from key_files import jwk, jwks, written
from sealgate import Key, Rejected, Request, Signer, Unavailable, Verifier, schemes
from sealgate.keys import rotation

_ROTATIONS, _SECONDS, _GRACE, _LEAD = 50, 30, 5, 2
_SERVERS, _EACH = 2, 2
_REQUEST = Request("POST", "/orders", [("Content-Type", "application/json")], b'{"total":1}', origin=ORIGIN)


def main() -> int:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder) / "keys.json", jwks(jwk()))
        done, verdicts = context.Event(), context.Queue()
        inboxes = [context.Queue(maxsize=100) for _ in range(_SERVERS)]
        servers = [context.Process(target=serve, args=(file, inbox, verdicts)) for inbox in inboxes]
        kinds = [kind for kind in (follow, keep, outlive) for _ in range(_EACH)]
        clients = [
            context.Process(target=kind, args=(file, inboxes[n % _SERVERS], done)) for n, kind in enumerate(kinds)
        ]
        for process in (*servers, *clients):
            process.start()
        for _ in range(_ROTATIONS):
            time.sleep(_SECONDS / _ROTATIONS)
            rotation.rotate(file, grace=_GRACE, lead=_LEAD, now=int(time.time()))
        done.set()
        for client in clients:
            client.join()
        for inbox in inboxes:
            inbox.put(None)
        counted: Counter[tuple[str, str]] = sum((verdicts.get() for _ in servers), Counter())
        for server in servers:
            server.join()
    for (kind, verdict), count in sorted(counted.items()):
        print(f"{kind:8} {verdict:18} {count:8}")
    expected = {("honest", "accepted"), ("ended", "InvalidSignature")}
    failed = any(process.exitcode for process in (*servers, *clients))
    return 0 if set(counted) == expected and not failed else 1


def serve(file: Path, inbox: Any, verdicts: Any) -> None:
    verifier = Verifier(schemes.RFC9421, keys=f"file:{file}", origin=ORIGIN)
    counted: Counter[tuple[str, str]] = Counter()
    while (received := inbox.get()) is not None:
        kind, headers = received
        try:
            verifier.verify(Request("POST", "/orders", headers, _REQUEST.body))
        except (Rejected, Unavailable) as error:
            counted[kind, type(error).__name__] += 1
        else:
            counted[kind, "accepted"] += 1
    verdicts.put(counted)


def follow(file: Path, inbox: Any, done: Event) -> None:
    """A client that is given the file."""
    signer = Signer(schemes.RFC9421, key=f"file:{file}")
    while not done.is_set():
        send("honest", signer, inbox)


def keep(file: Path, inbox: Any, done: Event) -> None:
    """A client that is given a key, and the next one at a random moment of the grace period."""
    while not done.is_set():
        now = time.time()
        new = max((jwk for jwk in _read(file) if jwk.get("nbf", 0) <= now), key=lambda jwk: jwk.get("nbf", 0))
        signer = Signer(schemes.RFC9421, key=_key(new), key_id=KEY_ID)
        # Rotations overtake each other here: a key may have its end before it counts. And a request is on its way for less
        # than a second.
        until = random.uniform(now, new.get("exp", now + _GRACE) - 1)
        while time.time() < until and not done.is_set():
            send("honest", signer, inbox)


def outlive(file: Path, inbox: Any, done: Event) -> None:
    """A client that goes on with a key that has ended."""
    seen: dict[str, dict[str, Any]] = {}
    while not done.is_set():
        seen |= {jwk["k"]: jwk for jwk in _read(file)}
        ended = [jwk for jwk in seen.values() if jwk.get("exp", time.time()) < time.time()]
        for one in random.sample(ended, min(5, len(ended))):
            send("ended", Signer(schemes.RFC9421, key=_key(one), key_id=KEY_ID), inbox)
        time.sleep(0.02)


def send(kind: str, signer: Signer, inbox: Any) -> None:
    inbox.put((kind, signer.sign(_REQUEST).headers))
    time.sleep(0.001)


def _read(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_bytes())["keys"]  # type: ignore[no-any-return]


def _key(jwk: dict[str, Any]) -> Key:
    """Without its times: this client has no file that says when it ends."""
    key, _, _ = Key.from_jwk(json.dumps({name: jwk[name] for name in ("kty", "k")}).encode())
    return key


if __name__ == "__main__":
    sys.exit(main())
