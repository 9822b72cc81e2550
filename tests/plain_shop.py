"""Applications without a framework's routes, behind the plain layers, which keep what they have read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import starlette.requests
import starlette.responses
import werkzeug
from werkzeug.datastructures import MultiDict

from contract import ORDER, PUBLIC_BODY, Instead
from sealgate import Verified

__all__ = ["CANNOT", "asgi_application", "change_environ", "change_scope", "wsgi_application"]

#: The methods of the paths that have some of their own; what stands below `/orders` is read as it is.
METHODS = {
    "/orders": {"GET", "HEAD", "POST", "PUT", "OPTIONS"},
    "/form": {"POST"},
    "/json": {"POST"},
    "/stream": {"POST"},
}
#: What has rules in other adapters, and is an ordinary path here.
ORDINARY = frozenset(
    [
        "/plain",
        "/hook",
        "/either",
        "/narrow",
        "/wide",
        "/loose-query",
        "/loose-body",
        "/health",
        "/once",
        "/still",
        "/class",
        "/subclass",
        "/group/hook",
        "/group/own",
        "/group/open",
        "/group/nested/hook",
        "/public/any",
        "/public/own",
        "/same-hook",
    ]
)


def _status(method: str, path: str) -> int:
    path = "/orders" if path.startswith("/orders/") else path
    if path not in METHODS:
        return 200 if path in ORDINARY else 404
    return 200 if method in METHODS[path] else 405


def proof(verified: Verified | None) -> bytes:
    return b"no proof" if verified is None else (verified.key_id or "anonymous").encode()


def _told(fields: MultiDict[str, str], files: list[bytes]) -> bytes:
    return (",".join(fields.getlist("name")) + "".join(f"+{file.hex()}" for file in files)).encode()


def wsgi_application(seen: list[bytes]) -> Callable[..., Any]:
    @werkzeug.Request.application
    def application(request: werkzeug.Request) -> werkzeug.Response:
        status = _status(request.method, request.path)
        if status != 200:
            return werkzeug.Response(status=status)
        try:
            seen.append(_read(request))
        except ValueError:
            return werkzeug.Response(status=400)
        return werkzeug.Response(proof(request.environ["sealgate.verified"]))

    return application


def _read(request: werkzeug.Request) -> bytes:
    match request.path:
        case "/form":
            return _told(request.form, [file.read() for file in request.files.values()])
        case "/json":
            return str(json.loads(request.get_data())["total"]).encode()
        case "/stream":
            return request.stream.read()
    return request.get_data()


def asgi_application(seen: list[bytes]) -> Callable[..., Any]:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        request = starlette.requests.Request(scope, receive)
        mount = scope.get("root_path", "")
        path = scope["path"].removeprefix(mount)
        status = _status(scope["method"], path)
        answer = b""
        if status == 200:
            try:
                seen.append(await _received(request, path))
                answer = proof(scope["sealgate"].verified)
            except ValueError:
                status = 400
        await starlette.responses.Response(answer, status)(scope, receive, send)

    return application


async def _received(request: starlette.requests.Request, path: str) -> bytes:
    match path:
        case "/form":
            async with request.form() as form:
                files = [await file.read() for file in form.values() if not isinstance(file, str)]
                return _told(MultiDict([(n, v) for n, v in form.multi_items() if isinstance(v, str)]), files)
        case "/json":
            return str((await request.json())["total"]).encode()
        case "/stream":
            return b"".join([chunk async for chunk in request.stream()])
    return await request.body()


def change_environ(application: Any, inside: str | Mapping[str, str] | None) -> Any:
    """What stands between the layer and the application: `inside` as in the contract."""
    if inside is None:
        return application
    answers: dict[str, Any] = {}

    def changed(environ: dict[str, Any], start_response: Any) -> Any:
        if isinstance(inside, Mapping):
            names = {"method": "REQUEST_METHOD", "path": "PATH_INFO", "query": "QUERY_STRING"}
            environ.update({names[what]: value for what, value in inside.items()})
            return application(environ, start_response)
        if environ["PATH_INFO"] not in answers:
            started: list[Any] = []
            answers[environ["PATH_INFO"]] = started, list(application(environ, lambda *given: started.append(given)))
        (given,), parts = answers[environ["PATH_INFO"]]
        start_response(*given)
        return parts

    return changed


def change_scope(application: Any, inside: str | Mapping[str, str] | None) -> Any:
    """As `change_environ`."""
    if inside is None:
        return application
    answers: dict[str, Any] = {}

    async def changed(scope: Any, receive: Any, send: Any) -> None:
        if isinstance(inside, Mapping):
            if scope["type"] == "http":
                changes: dict[str, Any] = {**inside}
                if "query" in changes:
                    changes["query_string"] = changes.pop("query").encode()
                if "path" in changes:
                    changes["raw_path"] = changes["path"].encode()
                scope.update(changes)
            await application(scope, receive, send)
            return
        kept: list[Any] = []

        async def keep(event: Any) -> None:
            kept.append(event)

        if scope["path"] not in answers:
            await application(scope, receive, keep)
            answers[scope["path"]] = kept
        for event in answers[scope["path"]]:
            await send(event)

    return changed


_RULES = "it knows no routes, so none has a rule: every path is for the one verifier"
_VIEW = "what stands inside is the application, which is told what the proof is of"
_REFUSED: tuple[int, list[bytes]] = (401, [])
_TAKEN: tuple[int, list[bytes]] = (200, [ORDER.body])

#: What a layer that knows no routes cannot keep.
CANNOT = {
    "exempt route is open and has no proof": Instead(_RULES, (401, PUBLIC_BODY)),
    "exempt route is closed for other methods": Instead(_RULES, {"HEAD": 401}),
    "exempt route reads no body and needs no store": Instead(_RULES, {(401, False)}),
    "exempt request is no verdict": Instead(_RULES, (401, ["signature-missing"])),
    "after until the route is closed again": Instead(_RULES, {"in the future": 401}),
    "class can be exempt and what derives from it is not": Instead(_RULES, {"/class": (401, 200)}),
    "required verifier replaces the default": Instead(
        _RULES, {"for the required": _REFUSED, "for the default": _TAKEN}
    ),
    "any of several verifiers proves": Instead(_RULES, [200, 401, 401]),
    "body that one verifier has read is there for the next": Instead(_RULES, _REFUSED),
    "key that a route does not admit is 403": Instead(_RULES, {"not admitted": _TAKEN}),
    "403 is one answer that names no key": Instead(_RULES, (200, b"acme")),
    "uncovered query is taken where the route says so and nowhere else": Instead(
        _RULES, {"/loose-query": _REFUSED, "without a query": _REFUSED}
    ),
    "uncovered body is taken where the route says so and nowhere else": Instead(_RULES, {"/loose-body": _REFUSED}),
    "rule of a group holds for what is in it": Instead(_RULES, {"/group": [401, 200, 401], "/public": [401, 401, 401]}),
    "innermost rule counts": Instead(_RULES, {"exempt in a group that requires": 401}),
    "every 401 of a rule is the public one": Instead(
        _RULES, {"another verifier is required": False, "by the group": False}
    ),
    "layer around it is no proof for a route that requires another": Instead(_RULES, {"the layer's": _TAKEN}),
    "hook is told each verdict once with its route": Instead(
        _RULES, {6: ("signature-missing", "POST", "/hook", None, None, True)}
    ),
    "report only leaves what is proven and what is exempt as it is": Instead(
        _RULES,
        (
            [b"acme", b"no proof", b"acme", b"acme", b"no proof", b"no proof"],
            ["verified", "signature-missing", "verified", "verified", "signature-missing", "signature-missing"],
            {False},
        ),
    ),
    "request changed behind the gate is refused": Instead(_VIEW, dict.fromkeys(("method", "path", "query"), _TAKEN)),
}
