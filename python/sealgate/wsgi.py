"""WSGI (PEP 3333): verifies every request, and owns the body, so that the application reads what was proven."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO, RawIOBase
from typing import Any, BinaryIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from sealgate import policy
from sealgate._native import Request, Verified
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    ConfigurationError,
    Rejected,
    TargetAmbiguous,
    Unavailable,
)
from sealgate.policy import OnVerdict, Passed, Policy, Require
from sealgate.replay import Delivery
from sealgate.spool import Kept, Spooled
from sealgate.verifier import Verifier

__all__ = [
    "Body",
    "SignatureMiddleware",
    "Told",
    "acts_of",
    "check_mount",
    "declared_length",
    "field_names",
    "hand_over",
    "has_body",
    "mount_point",
    "passed_in",
    "prove",
]

_CHUNK = 64 * 1024
_LONGEST = 19  # digits
_MOUNT = re.compile(r"(/[!-.0-~]+)*")
_KEY = "sealgate.passed"
#: Where servers leave the target as it came.
_RAW = frozenset({"RAW_URI", "REQUEST_URI"})
#: What decides which view runs: method, path and query.
Acts = tuple[str, ...]
_log = logging.getLogger("sealgate")


class SignatureMiddleware:
    """Verifies every request before `app` sees it: every path is closed, and none can be exempt.

    `script_name`: where the application is mounted; a request with another SCRIPT_NAME is refused. `report_only`:
    refused requests pass, loudly logged. `on_verdict`: told each `Verdict`.
    The application finds the `Verified` at `environ["sealgate.verified"]`, and its body in `wsgi.input` as ever. An
    adapter inside it that asks for the same verifier takes this verdict: one request spends one nonce.
    """

    def __init__(
        self,
        app: WSGIApplication,
        verifier: Verifier,
        *,
        script_name: str = "",
        report_only: bool = False,
        on_verdict: OnVerdict | None = None,
    ) -> None:
        self.app = app
        self.policy = Policy(verifier, report_only=report_only, on_verdict=on_verdict)
        self._mount = mount_point(script_name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        demand = self.policy.default
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        environ["sealgate.verified"] = None
        body, delivery = Body(environ, demand), Delivery()
        try:
            check_mount(environ, self._mount)
            verified = prove(environ, demand, Request.from_wsgi(environ), body, delivery)
        except (Rejected, Unavailable) as error:
            told = self.policy.refused(error, method, path)
            if told is not None:
                start_response(f"{told.status} {told.reason}", list(told.headers))
                # Not every server drops the content of an answer to HEAD; the client would take it for the next answer.
                return [] if method == "HEAD" else [told.body]
            body.put_back()
        else:
            self.policy.accepted(verified, method, path)
        if delivery.is_underway:
            return _answer(self.app, environ, start_response, delivery)
        return self.app(environ, start_response)


def _answer(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse, delivery: Delivery
) -> Iterable[bytes]:
    """The application's answer, of which `delivery` is told."""
    status: list[int | None] = [None]

    def started(line: str, *more: Any) -> Any:
        status[0] = int(line[:3])
        return start_response(line, *more)

    try:
        chunks = app(environ, started)
    except BaseException:
        delivery.answered(None)
        raise
    if isinstance(chunks, list | tuple):  # the whole answer: who repeats a message that was answered finds it so
        delivery.answered(status[0])
        return chunks
    return Told(chunks, delivery, lambda: status[0])


class Told:
    """The chunks of an answer; at their end, whichever it is, `delivery` is told of its status."""

    def __init__(self, chunks: Iterable[bytes], delivery: Delivery, status: Callable[[], int | None]) -> None:
        self._all = chunks
        self._chunks = iter(chunks)
        self._delivery = delivery
        self._status = status

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            self._delivery.answered(self._status())
            raise
        except BaseException:
            self._delivery.answered(None)
            raise

    def close(self) -> None:
        """Where a client goes away early, the view has run all the same."""
        try:
            if hasattr(self._all, "close"):
                self._all.close()
        finally:
            self._delivery.answered(self._status())


class Body(Kept):
    """The body of one request, read once however often it is asked for: a second verifier would see the rest of it.

    `demand`: whose verifiers say how many seconds it may take: no read begins later after the first than that.
    """

    def __init__(
        self, environ: WSGIEnvironment, demand: Require, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(demand.spools_over)
        self._environ = environ
        self._seconds = max(verifier.body_timeout for verifier in demand.verifiers)
        self._clock = clock
        self._deadline: float | None = None
        self._failure: tuple[str, int] | None = None  # no exception: its traceback has the body

    def read(self, limit: int) -> bytes | Spooled:
        """The body, of at most `limit` bytes. Raises `BodyTooLarge`, also before it is read where its length is
        declared, and `BodyUnreadable` with status 400, 408 (too slow) or 411 (no length that can be trusted)."""
        if self._failure is not None:
            message, status = self._failure
            raise BodyUnreadable(message, status=status)
        try:
            return self._read(limit)
        except (BodyTooLarge, Unavailable):
            raise
        except BodyUnreadable as error:
            self._failure = str(error), error.status
            raise
        except Exception as error:
            _log.info("body unreadable: %s", type(error).__name__)
            self._failure = "the body could not be read", 400
            raise BodyUnreadable("the body could not be read") from error

    def put_back(self) -> None:
        """For a request that passes although it was refused: the application reads what was read here, and the rest."""
        if self._size:
            seen = BytesIO(b"".join(self._chunks)) if self._spooled is None else self._spooled.rewind()
            self._environ["wsgi.input"] = _Again(seen, self._environ["wsgi.input"])

    def _read(self, limit: int) -> bytes | Spooled:
        environ = self._environ
        length = declared_length(environ, terminated=bool(environ.get("wsgi.input_terminated")))
        if length is not None and length > limit:
            raise BodyTooLarge("the body is over the limit")
        whole = limit + 1 if length is None else length
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds
        while self._size < whole:
            if self._size and self._clock() > self._deadline:
                raise BodyUnreadable("the body took too long", status=408)
            chunk = environ["wsgi.input"].read(min(whole - self._size, _CHUNK))
            if not chunk:
                break
            self._keep(chunk)
        if length is None and self._size > limit:
            raise BodyTooLarge("the body is over the limit")
        if length is not None and self._size != length:
            # Servers hand over what came before the connection broke as if it were the body.
            raise BodyUnreadable("the body is not as long as its Content-Length")
        return self._whole()


class _Again(RawIOBase):
    """An input of which a part was read already."""

    def __init__(self, seen: BinaryIO, rest: Any) -> None:
        self._seen = seen
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        taken = self._seen.read(size)
        if len(taken) < size:  # a reader that asks once for all of it must get all of it
            taken += self._rest.read(size - len(taken))
        buffer[: len(taken)] = taken
        return len(taken)


def prove(
    environ: WSGIEnvironment,
    demand: Require,
    request: Request,
    body: Body,
    delivery: Delivery | None = None,
    limit: float = math.inf,
) -> Verified:
    """The proof under `demand`, and the application is left with the body that was proven.

    `delivery`: a fresh one, to be told of the answer. `limit`: octets, besides the verifiers' own. Raises `Rejected`
    and `Unavailable`.
    """
    acts = acts_of(environ)
    verified = settled(environ, demand, acts)
    if verified is None:
        verified = policy.verify(demand, request, lambda most: body.read(int(min(most, limit))), delivery)
    hand_over(environ, verified)
    if verified.query is not None:
        acts = acts_of(environ)
    # For a layer further in, and for whoever reads it.
    environ["sealgate.verified"] = verified
    environ[_KEY] = Passed("proven", acts, demand, verified)
    return verified


def settled(environ: WSGIEnvironment, demand: Require, acts: Acts) -> Verified | None:
    """What a layer further out has proven already: proving it again would be a replay. Raises `KeyNotAllowed`."""
    passed = passed_in(environ)
    return None if passed is None else passed.proof(demand, acts)


def passed_in(environ: WSGIEnvironment) -> Passed | None:
    """What a layer of ours left there."""
    passed = environ.get(_KEY)
    return passed if type(passed) is Passed else None


def hand_over(environ: WSGIEnvironment, verified: Verified) -> None:
    """Puts what was proven where the application reads it: the body, its framing on the wire over, and the query."""
    spooled: Spooled | None = verified.spooled
    query = verified.query
    if spooled is None:
        environ["wsgi.input"] = BytesIO(verified.body)
        environ["CONTENT_LENGTH"] = str(len(verified.body))
    else:
        environ["wsgi.input"] = spooled.rewind()
        environ["CONTENT_LENGTH"] = str(spooled.size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    if query is not None:
        environ["QUERY_STRING"] = query
        for name in _RAW & environ.keys():
            path = environ[name].partition("?")[0]
            environ[name] = f"{path}?{query}" if query else path


def acts_of(environ: WSGIEnvironment) -> Acts:
    """Of a request: where the application is mounted does not matter, `check_mount` sees to that."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return environ.get("REQUEST_METHOD", ""), path, environ.get("QUERY_STRING", "")


def declared_length(environ: WSGIEnvironment, *, terminated: bool) -> int | None:
    """Bytes in the body as framed, None where it lasts until the stream ends: only where that is `terminated`.

    Raises `BodyUnreadable` for a framing that two readers could take in two ways.
    """
    length = environ.get("CONTENT_LENGTH") or None
    if "HTTP_TRANSFER_ENCODING" in environ:
        if length is not None:
            # RFC 9112, 6.3: "Such a message might indicate an attempt to perform request smuggling"
            raise BodyUnreadable("Content-Length and Transfer-Encoding together")
        if environ["HTTP_TRANSFER_ENCODING"].lower() != "chunked" or not terminated:
            raise BodyUnreadable("this server cannot hand over a body in that Transfer-Encoding", status=411)
        return None
    if length is None:
        return None if terminated else 0
    if len(length) > _LONGEST or not (length.isascii() and length.isdigit()):
        raise BodyUnreadable("Content-Length is not a number")
    return int(length)


def has_body(environ: WSGIEnvironment) -> bool:
    """Whether a body is declared."""
    return environ.get("CONTENT_LENGTH") not in {None, "", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def field_names(environ: WSGIEnvironment) -> Iterator[str]:
    """Of the header fields, in lower case."""
    return (name[5:].lower().replace("_", "-") for name in environ if name.startswith("HTTP_"))


def mount_point(given: Any, setting: str = "script_name") -> str:
    """`given`, if it can be a SCRIPT_NAME; else raises `ConfigurationError`, naming the setting."""
    if not isinstance(given, str) or not _MOUNT.fullmatch(given):
        raise ConfigurationError(f"{setting}: expected '' or an ASCII path such as '/shop', without a slash at its end")
    return given


def check_mount(environ: WSGIEnvironment, mount: str) -> None:
    """Raises `TargetAmbiguous` unless the request came to this mount.

    gunicorn lets a trusted peer send SCRIPT_NAME as a header: it moves the route while the whole path, which is what
    was signed, stays the same.
    """
    if environ.get("SCRIPT_NAME", "") != mount:
        raise TargetAmbiguous("SCRIPT_NAME is not the configured one")
