"""A server on loopback, asked by HTTP/1.1."""

from __future__ import annotations

import http.client
import ipaddress
import secrets
import socket
from base64 import b64encode
from contextlib import suppress
from urllib.parse import urlsplit

from sealgate._native import Request
from sealgate.audit.calling import answers
from sealgate.audit.calling.answers import Answer, answered
from sealgate.exceptions import ConfigurationError

__all__ = ["Http"]


class Http:
    """HTTP/1.1, a connection for each request; targets and fields go on the wire as they are."""

    def __init__(self, url: str) -> None:
        self._host, self._port = _loopback(url)

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, request: Request, *, websocket: bool = False) -> Answer:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=answers.SECONDS)
        fields = [*request.headers, *(_handshake() if websocket else [("connection", "close")])]
        if request.body and not websocket:
            fields.append(("content-length", str(len(request.body))))
        try:
            connection.connect()
        except OSError as error:
            raise ConfigurationError(f"probe: no server at {self._host} port {self._port}: {error.strerror}") from error
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in fields:
                connection.putheader(name, value)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer, and hang up, before it has it all
                connection.endheaders(request.body or None)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return Answer(None, failure=f"no answer: {type(error).__name__}")
        else:
            return answered(response.status, response.getheaders())
        finally:
            connection.close()


def _handshake() -> list[tuple[str, str]]:
    """RFC 6455, 4.1."""
    key = b64encode(secrets.token_bytes(16)).decode()
    return [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key),
    ]


def _loopback(url: str) -> tuple[str, int]:
    """Address and port: the address is looked up once, so that a name cannot lead elsewhere later."""
    problem = ConfigurationError("probe: expected the URL of a server on loopback, such as http://127.0.0.1:8000")
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        raise problem from None
    host = parts.hostname or ""
    odd = parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment
    if parts.scheme != "http" or odd:
        raise problem
    if host == "localhost":
        try:
            addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except OSError:
            raise problem from None
    else:
        addresses = [host]
    if not addresses or not all(_is_loopback(address) for address in addresses):
        raise problem
    return _listening(addresses, port), port


def _listening(addresses: list[str], port: int) -> str:
    """The first that takes connections: `localhost` may be two, and a server on one of them."""
    for address in addresses:
        with suppress(OSError), socket.create_connection((address, port), answers.SECONDS):
            return address
    raise ConfigurationError(f"probe: no server on port {port} of {addresses[0]}")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
