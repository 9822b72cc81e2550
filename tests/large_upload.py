"""A large upload that is signed by its digest: neither side has it in memory.

    python tests/large_upload.py [--megabytes 100]

A client in a process of its own sends a file, by requests and by httpx, to each framework on gunicorn and on uvicorn;
the view reads it in pieces. Stated is by how much each side grew, at its most. It fails where that is more than 16 MiB,
where the view did not read what was sent, and where a file of another digest gets to it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from judged import KEY, KEY_ID, ORIGIN
from matrix.running import family
from sealgate import Signer, schemes
from sealgate.hops import content_digest
from servers import Running, Server, serving

_GUNICORN = "-m gunicorn --bind 127.0.0.1:{{port}} --workers 1 --timeout 120 --log-level warning served_uploads:{}"
_UVICORN = "-m uvicorn --host 127.0.0.1 --port {{port}} --log-level warning --no-access-log served_uploads:{}"
_SETTINGS = (("DJANGO_SETTINGS_MODULE", "served_uploads_settings"),)
SERVERS = [
    *(
        Server(f"gunicorn-{app}", _GUNICORN.format(app), (), settings=_SETTINGS)
        for app in ("wsgi", "flask", "wsgi_django")
    ),
    *(
        Server(f"uvicorn-{app}", _UVICORN.format(app), (), settings=_SETTINGS)
        for app in ("asgi", "fastapi", "asgi_django")
    ),
]
CLIENTS = ("requests", "httpx")
#: MiB that a side may grow.
_MOST = 16.0


def send(client: str, port: int, path: Path, digest: str) -> tuple[int, str, float]:
    """In this process: status, content, and by how many MiB it grew."""
    url, fields = f"http://127.0.0.1:{port}/files", {"Host": ORIGIN.partition("://")[2], "Content-Digest": digest}
    signer = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    with path.open("rb") as file:
        if client == "requests":
            import requests

            import sealgate.requests

            fields["Content-Digest"] = digest or content_digest(file)
            before = most_resident(os.getpid())
            answer = requests.post(url, data=file, headers=fields, auth=sealgate.requests.Auth(signer), timeout=120)
        else:
            import httpx

            import sealgate.httpx

            fields["Content-Digest"] = digest or content_digest(file)
            before = most_resident(os.getpid())
            answer = httpx.post(url, content=file, headers=fields, auth=sealgate.httpx.Auth(signer), timeout=120)  # type: ignore[assignment]
    return answer.status_code, answer.text, most_resident(os.getpid()) - before


def most_resident(pid: int) -> float:
    """MiB, since `forget` (proc(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def forget(pid: int) -> None:
    """proc(5), clear_refs: the most is what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def uploaded(run: Running, client: str, path: Path, digest: str) -> tuple[int, str, float, float, float]:
    """Status, content, MiB of growth on the client's and on the server's side, and seconds."""
    pids = family(run.process.pid)
    for pid in pids:
        forget(pid)
    before = sum(map(most_resident, pids))
    begin = time.monotonic()
    told = subprocess.run(
        [sys.executable, __file__, "--client", client, str(run.port), str(path), digest],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    seconds = time.monotonic() - begin
    return int(told[0]), told[2], float(told[1]), sum(map(most_resident, pids)) - before, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--client", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        client, port, path, digest = asked.client
        status, content, grown = send(client, int(port), Path(path), digest)
        print(status, grown, content[:64].split()[0] if content else "-")
        return 0
    wrong = []
    with tempfile.TemporaryDirectory(prefix="sealgate-upload-") as home:
        path = Path(home, "file")
        with path.open("wb") as file:
            for number in range(asked.megabytes):
                file.write(hashlib.shake_256(b"%d" % number).digest(1_000_000))
        with path.open("rb") as file:
            expected = hashlib.file_digest(file, "sha256").hexdigest()
        other = content_digest(Path(__file__).open("rb"))  # noqa: SIM115  of another file
        with serving(SERVERS, Path(home)) as runs:
            for name, run in runs.items():
                for client in CLIENTS:
                    status, content, ours, theirs, seconds = uploaded(run, client, path, "")
                    print(
                        f"{name:22} {client:9} {asked.megabytes} MB: {status} in {seconds:.1f} s; "
                        f"the client grew by {ours:.1f} MiB, the server by {theirs:.1f} MiB",
                        flush=True,
                    )
                    if (status, content) != (200, expected) or max(ours, theirs) > _MOST:
                        wrong.append(f"{name} {client}: {status} {content} {ours} {theirs}")
                status, content, _, theirs, _ = uploaded(run, "requests", path, other)
                print(f"{name:22} another digest: {status}; the server grew by {theirs:.1f} MiB", flush=True)
                if status != 401 or theirs > _MOST:
                    wrong.append(f"{name}, another digest: {status} {content} {theirs}")
    for each in wrong:
        print(each, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
