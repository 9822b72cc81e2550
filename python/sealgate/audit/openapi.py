"""The audit beside an OpenAPI document: what it promises and the application does not keep, and the other way round."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from sealgate import schemes
from sealgate.audit.entry import Entry
from sealgate.audit.report import VERDICTS, Mismatch
from sealgate.exceptions import ConfigurationError

__all__ = ["join", "own_document", "read", "template"]

#: Path Item Object (OpenAPI 3.1, 4.8.9).
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
#: Methods that frameworks add by themselves: nobody documents them.
_AUTOMATIC = frozenset({"HEAD", "OPTIONS"})
#: How REST framework names the routes that it adds for `.json` and the like; drf-spectacular leaves them out.
_FORMAT_SUFFIX = re.compile(r"<drf_format_suffix\w*:|\\\.\(\?P<format>")
_Asked = Literal["signature", "optional", "nothing", "other"]


def join(entries: Iterable[Entry], document: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    """By path and method, whatever notation their parameters have. Raises `ConfigurationError` for no document.

    A requirement is one for a signature where its security scheme has `x-sealgate`, is the HTTP scheme `signature`, or
    is an API key in a field that a scheme of ours writes or that is named after a signature.
    """
    entries = tuple(entries)
    routes = _routes(entries)
    operations = tuple(_operations(document))
    prefix = _prefix(document, operations, routes)
    documented: set[tuple[str, str]] = set()
    found = []
    for operation in operations:
        place = template(prefix + operation.path)
        here = routes.get(place, {})
        documented |= {(place, operation.method), (place, "*")}
        entry = here.get(operation.method, here.get("*"))
        found.append(_no_route(operation, here) if entry is None else _judged(operation, entry))
    undocumented = _undocumented(entries, documented)
    return tuple(sorted({*filter(None, found), *undocumented}, key=lambda m: (m.path, m.method, m.code)))


def template(path: str) -> str:
    """A path with every parameter as `{}`: `/orders/<int:id>`, `/orders/{id}` and `^orders/(?P<id>[0-9]+)$` are one.

    Anchors and the escapes of a regular expression are left out, where the path is or contains one.
    """
    if "(?" in path or "^" in path or "\\" in path or path.endswith("$"):
        path = re.sub(r"\^|\$|\\[AZz]|\?$", "", _grouped(path))
        path = re.sub(r"\\(.)", r"\1", path)
    path = re.sub(r"<[^<>/]*>|\{[^{}/]*\}", "{}", path)
    return path if path.startswith("/") else f"/{path}"


def read(file: Path) -> Mapping[str, Any]:
    """A document in JSON, or in YAML where PyYAML is installed. Raises `ConfigurationError`."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"OpenAPI document {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"OpenAPI document {file}: not UTF-8") from error
    document = _yaml(file, text) if file.suffix.lower() in {".yaml", ".yml"} else _json(file, text)
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"OpenAPI document {file}: not an object")
    return document


def own_document(app: Any, framework: str) -> Mapping[str, Any]:
    """The one that the application makes of itself: FastAPI's, or drf-spectacular's. Raises `ConfigurationError`."""
    if framework == "fastapi":
        document: Mapping[str, Any] = app.openapi()
        return document
    if framework == "django":
        try:
            generators = import_module("drf_spectacular.generators")
        except ModuleNotFoundError as error:
            raise ConfigurationError("OpenAPI: without drf-spectacular, name a file") from error
        made: Mapping[str, Any] = generators.SchemaGenerator().get_schema(request=None, public=True)
        return made
    raise ConfigurationError(f"OpenAPI: {framework} makes no document of an application; name a file")


class _Operation(NamedTuple):
    path: str
    method: str
    asked: _Asked
    told: str


def _judged(operation: _Operation, entry: Entry) -> Mismatch | None:
    asked, verdict = operation.asked, entry.verdict
    code = what = ""
    if asked == "signature" and verdict in {"open", "exempt"}:
        code, what = "not-enforced", f"{operation.told}, the application takes the request without a signature"
    elif asked == "optional":
        code, what = "optional", f"{operation.told}: a client may believe that it need not sign"
    elif asked in {"nothing", "other"} and verdict == "verified":
        code, what = "not-declared", f"{operation.told}, the application asks for a signature"
    return Mismatch(operation.path, operation.method, code, what) if code else None


def _no_route(operation: _Operation, here: Mapping[str, Entry]) -> Mismatch:
    what = f"the route takes {', '.join(sorted(here))}" if here else "no route has this path"
    return Mismatch(operation.path, operation.method, "no-such-route", what)


def _undocumented(entries: Iterable[Entry], documented: set[tuple[str, str]]) -> Iterator[Mismatch]:
    """Of views only. One that takes every method (TRACE, too) is documented where any method of its path is."""
    taken: dict[str, set[str]] = defaultdict(set)
    paths: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "view" and not _FORMAT_SUFFIX.search(entry.path):
            place = template(entry.path)
            paths.setdefault(place, entry.path)
            taken[place].update(entry.methods)
    for place, path in paths.items():
        for method in ["*"] if {"*", "TRACE"} & taken[place] else sorted(taken[place] - _AUTOMATIC):
            if (place, method) not in documented:
                what = "the application has this route, the document has not"
                yield Mismatch(path, method, "undocumented", what)


def _routes(entries: Iterable[Entry]) -> dict[str, dict[str, Entry]]:
    """By template and method; of several the worst."""
    routes: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in sorted(entries, key=lambda entry: VERDICTS.index(entry.verdict), reverse=True):
        for method in entry.methods:
            routes[template(entry.path)][method] = entry
    return dict(routes)


def _operations(document: Mapping[str, Any]) -> Iterator[_Operation]:
    paths = _object(document, "paths")
    signatures = {
        name for name, scheme in _object(_object(document, "components"), "securitySchemes").items() if _is_ours(scheme)
    }
    everywhere = document.get("security")
    for path, item in paths.items():
        for method, operation in (item if isinstance(item, Mapping) else {}).items():
            if method in _METHODS and isinstance(operation, Mapping):
                security = operation.get("security", everywhere)
                yield _Operation(path, method.upper(), *_asked(security, signatures))


def _asked(security: Any, signatures: set[str]) -> tuple[_Asked, str]:
    """Security Requirement Object (OpenAPI 3.1, 4.8.30): any one of the list is enough, and `{}` is none."""
    if security is None:
        return "nothing", "the document says nothing of security"
    if not isinstance(security, list) or not all(isinstance(each, Mapping) for each in security):
        raise ConfigurationError("OpenAPI document: security is not a list of objects")
    if not security:
        return "nothing", "the document says that nothing is asked (security: [])"
    signed = sorted({name for each in security for name in each if name in signatures})
    if {} in security:
        told = "the document makes the signature optional (security has {})" if signed else "the document asks nothing"
        return ("optional", told) if signed else ("nothing", f"{told} (security has {{}})")
    if all(signatures & set(each) for each in security):
        return "signature", f"the document asks for {' or '.join(signed)}"
    if signed:
        return "optional", f"the document takes others in place of {' or '.join(signed)}"
    names = sorted({name for each in security for name in each})
    return "other", f"the document asks for {' or '.join(names)}, which is no signature"


def _is_ours(scheme: Any) -> bool:
    """Whether a Security Scheme Object (OpenAPI 3.1, 4.8.27) is about a signature."""
    if not isinstance(scheme, Mapping):
        return False
    kind, name = scheme.get("type"), str(scheme.get("name", "")).lower()
    if "x-sealgate" in scheme or (kind == "http" and str(scheme.get("scheme", "")).lower() == "signature"):
        return True
    written = {field.lower() for each in schemes.by_name().values() for field in each.fields}
    return kind == "apiKey" and (name in written or "signature" in name or "hmac" in name)


def _prefix(
    document: Mapping[str, Any], operations: Iterable[_Operation], routes: Mapping[str, Mapping[str, Entry]]
) -> str:
    """The path of a server (OpenAPI 3.1, 4.8.5) if with it more of the paths are routes than without."""
    servers = document.get("servers")
    urls = [str(server.get("url", "")) for server in servers or () if isinstance(server, Mapping)]
    prefixes = ["", *(re.sub(r"^\{[^}]*\}", "", _path_of(url)).rstrip("/") for url in urls)]
    return max(prefixes, key=lambda prefix: sum(template(prefix + each.path) in routes for each in operations))


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _grouped(path: str) -> str:
    """With each group of a regular expression as one parameter."""
    shown: list[str] = []
    depth = 0
    escaped = False
    for char in path:
        if char == "(" and not escaped:
            depth += 1
            shown.extend(["{}"] if depth == 1 else [])
        elif char == ")" and not escaped and depth:
            depth -= 1
        elif not depth:
            shown.append(char)
        escaped = char == "\\" and not escaped
    return "".join(shown)


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name, {})
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"OpenAPI document: {name} is not an object")
    return found


def _json(file: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"OpenAPI document {file}: not JSON") from error


def _yaml(file: Path, text: str) -> Any:
    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"OpenAPI document {file}: YAML needs PyYAML: pip install pyyaml") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"OpenAPI document {file}: not YAML") from error
