"""Sends what `curl --aws-sigv4` signs to real servers of ours: `python tests/curl_aws_sigv4.py`.

Needs curl 7.75 or newer; older ones sign a query as it stands, so those here stand in order. Prints a line for each request on each server; exit code 1 where an answer is another than it
should be.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from served_views import HOST, KEY, KEY_ID
from servers import Running, Server, serving

SERVERS = [
    Server(
        "uvicorn",
        "-m uvicorn --host 127.0.0.1 --port {port} --lifespan off --log-level warning --no-access-log served_aws:asgi",
        (),
    ),
    Server("gunicorn", "-m gunicorn --bind 127.0.0.1:{port} --workers 1 --log-level warning served_aws:wsgi", ()),
]
_JSON = ("-H", "Content-Type: application/json")


@dataclass(frozen=True)
class Case:
    """`expect`: the status, and for 200 what the application must have been told of the request."""

    title: str
    arguments: tuple[str, ...]
    target: str
    expect: int = 200
    method: str = "GET"
    body: str = ""
    scope: str = "aws:amz:us-east-1:service"
    key: str = KEY.decode()


CASES = [
    Case("GET", (), "/orders"),
    Case("GET with a query", (), "/orders?colour=dark%20red&page=1&page=2"),
    Case("GET with an empty value", (), "/orders?dry="),
    Case("DELETE", ("-X", "DELETE"), "/orders/7", method="DELETE"),
    Case("PUT with a body", ("-X", "PUT", "-d", '{"a": 1}', *_JSON), "/orders/7", method="PUT", body='{"a": 1}'),
    Case("POST with a body", ("-d", '{"a": 1}', *_JSON), "/orders", method="POST", body='{"a": 1}'),
    Case("POST with a query and a body", ("-d", "a=1", *_JSON), "/orders?all=2&dry=1", method="POST", body="a=1"),
    Case("another key", (), "/orders", 401, key=KEY.decode()[::-1]),
    Case("another region", (), "/orders", 401, scope="aws:amz:eu-west-1:service"),
    Case("a body whose type curl makes up, and does not sign", ("-d", "a=1"), "/orders", 401),
    Case("a field of AWS's own twice", ("-H", "X-Amz-Meta-A: 1", "-H", "X-Amz-Meta-A: 2"), "/orders", 401),
]


def answer(case: Case, run: Running) -> tuple[int, str]:
    """Status and body."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--aws-sigv4", case.scope]
    command += ["--user", f"{KEY_ID}:{case.key}", "--connect-to", f"{HOST}:80:127.0.0.1:{run.port}"]
    command += [*case.arguments, "--write-out", "\n%{http_code}", f"http://{HOST}{case.target}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text, _, status = output.rpartition("\n")
    return int(status), text


def holds(case: Case, status: int, text: str) -> bool:
    if (status, case.expect) != (200, 200):
        return status == case.expect
    told = json.loads(text)
    path, _, query = case.target.partition("?")
    asked = {"by": KEY_ID, "method": case.method, "path": path, "query": query, "body": case.body}
    return bool(
        {name: told[name] for name in asked} == asked and {"@method", "@path", "@query", "body"} <= {*told["covered"]}
    )


def main() -> int:
    version = subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (7, 75):
        print(f"curl 7.75 or newer is needed for --aws-sigv4, and this is {version}", file=sys.stderr)
        return 1
    wrong = 0
    with tempfile.TemporaryDirectory() as directory, serving(SERVERS, Path(directory)) as started:
        for name, run in started.items():
            for case in CASES:
                status, text = answer(case, run)
                right = holds(case, status, text)
                wrong += not right
                print(f"curl {version}  {name:10}{case.title:55}{status}{'' if right else f'  WRONG: {text}'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if shutil.which("curl") is None:
        sys.exit("curl 7.75 or newer is needed, and there is none")
    sys.exit(main())
