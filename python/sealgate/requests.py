"""requests: signs exactly what goes on the wire.

requests.post(url, json=order, auth=Auth(signer))                # one request
adapter = Adapter(signer, origin="https://api.shop.example")     # every redirect, every retry
session.mount("https://api.shop.example/", adapter)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from io import TextIOBase
from typing import Any

from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from sealgate.exceptions import ConfigurationError
from sealgate.hops import Hop, bound_to, checked, content_digest, sign_hop, signs_digest, spelled
from sealgate.signer import Signer

__all__ = ["Adapter", "Auth", "content_digest"]


class Auth(AuthBase):
    """Signs a request when it is prepared, for the authority in its URL, or in the Host field that the caller has set.

    A text body is sent as UTF-8; a generator is read into memory first, and so is a file, which is sent from where it
    stood. For a message signature a file is read for its digest only, a piece at a time, and then sent; and a body
    whose Content-Digest the caller states (`content_digest`) is not read at all. On a redirect the signature is
    dropped: the next hop goes out unsigned. `Adapter` signs that as well, and each of urllib3's retries, which would
    send this signature again. One for many threads.

    `params`: what the route will match, percent-decoded, for a scheme that signs it (`{param:id}`).

    Raises `ConfigurationError`, before a byte is sent.
    """

    def __init__(self, signer: Signer, *, params: Mapping[str, str] | None = None) -> None:
        self._signer = checked(signer)
        self._params = params

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        digest = _digest_of(request) if signs_digest(self._signer) else None
        body = _buffered(request) if digest is None else None
        origin = _origin_of(request)
        if host := request.headers.get("Host"):
            origin = origin.partition("://")[0] + "://" + (host.decode("latin-1") if isinstance(host, bytes) else host)
        fields: list[Any] = list(request.headers.items())
        if digest is not None:
            fields = [*((name, value) for name, value in fields if name.lower() != "content-digest"), digest]
        hop = sign_hop(self._signer, request.method or "", request.path_url, origin, fields, body, self._params)
        unsigned = request.body
        request.headers.clear()
        request.headers.update([*hop.kept, *hop.added])
        if body is not None and hop.body != body:
            request.body = hop.body
        drop = partial(_drop, tuple(name for name, _ in hop.added), unsigned)
        request.register_hook("response", drop)
        return request


class Adapter(HTTPAdapter):
    """Signs all that goes to `origin`: each redirect and each retry with a nonce of its own; else nothing is signed.

    `adapter`: what `HTTPAdapter` takes, such as `max_retries`. What requests shows as `response.request` is without
    its signature. It holds a key, so it cannot be pickled.
    """

    def __init__(self, signer: Signer, *, origin: str, **adapter: Any) -> None:
        self._signer = checked(signer)
        self._origin = bound_to(origin)
        super().__init__(**adapter)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if spelled(_origin_of(request)) != self._origin:
            return super().send(request, *args, **kwargs)
        if any(name in request.headers for name in self._signer.scheme.fields):
            raise ConfigurationError("the request is signed already: use Adapter or Auth, not both")
        body = _buffered(request)
        hop = request.copy()
        hop.body = body or None
        hop.headers = _Attempt(request.headers.items(), partial(self._sign, body))  # type: ignore[assignment]
        try:
            response = super().send(hop, *args, **kwargs)
        except RequestException as error:
            error.request = request
            raise
        response.request = request  # which a redirect copies: it never has a signature
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _sign_in(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _sign_in(manager)
        return manager

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("an Adapter holds a key, which is not pickled")

    def _sign(self, body: bytes, method: str, url: str, fields: Iterable[Any]) -> Hop:
        target = url if url.startswith("/") else parse_url(url).request_uri  # a proxy is asked for the whole URL
        return sign_hop(self._signer, method, target, self._origin, fields, body)


class _Attempt(dict[str, Any]):
    """The fields of one request, and how each sending of it is signed: urllib3 repeats what it has been given."""

    def __init__(self, fields: Iterable[Any], sign: Any) -> None:
        super().__init__(fields)
        self.sign = sign

    def copy(self) -> _Attempt:
        return _Attempt(self.items(), self.sign)


class _Signing:
    """A connection of urllib3's: nothing comes after it but the socket."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        if isinstance(headers, _Attempt):
            hop = headers.sign(method, url, headers.items())
            body, headers = hop.body or None, dict([*hop.kept, *hop.added])
        super().request(method, url, body, headers, **options)  # type: ignore[misc]


def _sign_in(manager: PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _signing(pool) for scheme, pool in pools.items()}


@cache
def _signing(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    if issubclass(pool.ConnectionCls, _Signing):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_Signing, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _drop(names: tuple[str, ...], unsigned: Any, response: Response, **_: Any) -> None:
    """A hook, before requests copies a request for its redirect."""
    request = response.request
    if response.is_redirect:
        for name in names:
            request.headers.pop(name, None)
        if request.body is not unsigned:
            request.body = unsigned
            request.prepare_content_length(unsigned)


def _digest_of(request: PreparedRequest) -> tuple[str, Any] | None:
    """The Content-Digest of a body that is not in memory, and need not be."""
    body: Any = request.body
    if body is None or isinstance(body, str | bytes | bytearray | memoryview):
        return None
    if (given := request.headers.get("Content-Digest")) is not None:
        return "Content-Digest", given
    if not hasattr(body, "read") or isinstance(body, TextIOBase):
        return None
    try:
        return "Content-Digest", content_digest(body)
    except (AttributeError, OSError, TypeError):  # a pipe; or a file of text
        return None


def _buffered(request: PreparedRequest) -> bytes:
    """The body as it will be sent. Text, and what can be read only once, is put back as octets."""
    body: Any = request.body
    octets, is_there_again = _read(body)
    if not is_there_again:
        request.body = octets or None
        request.headers.pop("Transfer-Encoding", None)
        request.prepare_content_length(request.body)
    return octets


def _read(body: Any) -> tuple[bytes, bool]:
    if body is None:
        return b"", True
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _octets(body), False
    if not hasattr(body, "read"):
        return b"".join(map(_octets, body)), False
    try:
        start = body.tell()
    except (AttributeError, OSError):  # a pipe
        return _octets(body.read()), False
    read = body.read()
    if isinstance(read, str):
        return _octets(read), False
    body.seek(start)
    return read, True


def _octets(text: str | bytes | bytearray | memoryview) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _origin_of(request: PreparedRequest) -> str:
    try:
        url = parse_url(request.url or "")
    except LocationParseError:
        url = parse_url("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError("url: expected an absolute one, of http or https")
    return f"{url.scheme}://{url.host}" + ("" if url.port is None else f":{url.port}")
