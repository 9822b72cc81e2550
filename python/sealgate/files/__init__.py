"""Files: a signed identifier leads through an allow-list to a regular file below one directory.

    reports = SignedFiles("/srv/reports", {"7f0c...": "2026/march.pdf"})
    with reports.open(identifier, verified, param="id") as file: ...      # or the answer of a framework:
    file_response(request, reports, "id")                                 # in sealgate.django, .flask, .fastapi

Nothing of a request becomes a path. What a request has is an identifier; its signature has to cover it; its form is
looked at before anything is looked up by it; and what the allow-list then says is opened so that it cannot lead out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any

from sealgate import _native
from sealgate._native import Verified
from sealgate.exceptions import ConfigurationError, FileMissing, NotCovered, SignatureMissing, Unavailable
from sealgate.files.answer import Answer, AsyncContent, answer_of
from sealgate.files.names import is_name, relative
from sealgate.files.opened import OpenFile
from sealgate.identifiers import form
from sealgate.scope import Scope
from sealgate.steps import Steps, arun, ask, run

__all__ = ["Answer", "AsyncContent", "OpenFile", "Resolver", "SignedFiles", "covers"]

#: What gives an identifier's path, relative to the root and with `/` between the names; None where there is none.
Resolver = Callable[[str], str | Awaitable[str | None] | None]
#: Parts of a request that hold its path, and so each parameter that a route takes from there.
_PATHS = frozenset({"@path", "@target-uri", "@request-target"})
#: RFC 9111, 5.2: what may stand in a field, on one line.
_DIRECTIVES = re.compile(r"[!-~]+(?:, ?[!-~]+)*")
_log = logging.getLogger("sealgate")


class SignedFiles:
    """An allow-list of files below `root`, for requests whose signature covers the identifier.

    `root`: the absolute path of a directory. It is looked up anew at each opening, symbolic links in it included, so
    that a volume that is swapped is served as it is; who may replace it, or what is above it, chooses what is served.
    Below it no symbolic link is followed and no mount is entered.
    `files`: a mapping from identifiers to paths below the root, which is copied; or a function, or coroutine, that
    gives the path of an identifier, or None. `ids`: the form of an identifier, for `re.fullmatch`, or `"uuid4"`; it is
    looked at before `files` is. Whatever it says, an identifier has 1 to 256 printable ASCII characters.
    `scope`: files are given for its tokens, whose subject is the identifier, and not for the signature of a request.
    `cache_control`: of each answer. `clock`: Unix seconds.

    Raises `ConfigurationError`, naming the setting; also where the platform cannot open files in this way (Windows).
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        files: Mapping[str, str] | Resolver,
        *,
        ids: str = "uuid4",
        scope: Scope | None = None,
        cache_control: str = "private, no-store",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = _absolute(root)
        self._root = _native.Root(self.root)
        self._has_form = form("ids", ids)
        self._paths: dict[str, str] | None = None
        if isinstance(files, Mapping):
            self._paths = dict(self._entry(*entry) for entry in files.items())
        elif not callable(files):
            raise ConfigurationError(
                "files: expected a mapping from identifiers to paths, or a function that gives one"
            )
        else:
            self._resolver = files
        if scope is not None and not isinstance(scope, Scope):
            raise ConfigurationError("scope: expected a Scope")
        self.scope = scope
        if not isinstance(cache_control, str) or not _DIRECTIVES.fullmatch(cache_control):
            raise ConfigurationError("cache_control: expected the value of the field, such as 'private, no-store'")
        self._cache_control = cache_control
        self._clock = clock

    def __repr__(self) -> str:
        return f"<SignedFiles {self.told}>" if hasattr(self, "scope") else "<SignedFiles>"  # half-made, in a traceback

    @property
    def told(self) -> str:
        """What is served, in words: never which files."""
        count = None if self._paths is None else len(self._paths)
        which = "what a function gives" if count is None else f"{count} identifier{'s' * (count != 1)}"
        by = "" if self.scope is None else f", by tokens of {self.scope.name!r}"
        how = ", opened step by step" if self._root.walks else ""
        return f"{which} below {self.root}{by}{how}"

    def open(self, identifier: str, proof: Verified | str | None, *, param: str | None = None) -> OpenFile:
        """The file of `identifier`, which is the caller's to close.

        `proof`: the `Verified` of the request that holds the identifier in its path; or with a `scope` the token.
        `param`: the name of the route's parameter that the identifier is, for signatures over `{param:NAME}`.
        Raises `Rejected`: `SignatureMissing` without a proof, `NotCovered` where it does not cover the identifier,
        whatever `Scope.verify` raises, and then `FileMissing`, whether the identifier is unknown or its file has gone.
        Raises `Unavailable` where the resolver or the system fails.
        """
        found: list[OpenFile] = []
        run(self._open(identifier, proof, param, found, awaits=False), "aopen")
        return found[0]

    async def aopen(self, identifier: str, proof: Verified | str | None, *, param: str | None = None) -> OpenFile:
        """As `open`, and awaits resolvers, key sources and stores that are coroutines; files open in a thread."""
        found: list[OpenFile] = []
        await arun(self._open(identifier, proof, param, found, awaits=True))
        return found[0]

    def answer(
        self,
        file: OpenFile,
        method: str,
        field: Callable[[str], str | None],
        *,
        filename: str | None = None,
        inline: bool = False,
    ) -> Answer:
        """What is answered with `file`, of which it takes care: ranges and conditions are those of the request.

        `field`: the value of a request's field. `filename`: what the client shall call it, its own name if omitted.
        `inline`: a browser may show it, with the rights of your origin; otherwise it is downloaded.
        Raises `ConfigurationError` where `filename` is none.
        """
        try:
            if filename is not None and not is_name(filename):
                raise ConfigurationError("filename: expected a name, without separators and control characters")
            name = file.name if filename is None else filename
            return answer_of(file, method, field, name, self._cache_control, self._clock(), inline=inline)
        except BaseException:
            file.close()
            raise

    def _entry(self, identifier: object, path: object) -> tuple[str, str]:
        if not isinstance(identifier, str) or not self._has_form(identifier):
            raise ConfigurationError(f"files: {identifier!r} has another form than ids= says")
        try:
            return identifier, relative(path)
        except ValueError as error:
            raise ConfigurationError(f"files[{identifier!r}]: {error}") from None

    def _open(
        self, identifier: str, proof: Verified | str | None, param: str | None, found: list[OpenFile], *, awaits: bool
    ) -> Steps[None]:
        """The order of checks: the proof, the form of the identifier, the allow-list, the file."""
        yield from self._prove(identifier, proof, param, awaits=awaits)
        if not self._has_form(identifier):
            raise FileMissing("an identifier of another form")
        path = yield from self._path(identifier)
        if path is None:
            raise FileMissing("no such identifier")
        call = partial(self._opened, path)
        found.append((yield asyncio.to_thread(call)) if awaits else call())

    def _prove(self, identifier: str, proof: Verified | str | None, param: str | None, *, awaits: bool) -> Steps[None]:
        """Raises `Rejected` and `Unavailable`."""
        if proof is None:
            raise SignatureMissing("a file without a proof: an exempt route, or no token")
        if self.scope is not None:
            if isinstance(proof, Verified):
                raise ConfigurationError("proof: these files are given for tokens of their scope")
            yield from self.scope.steps(proof, identifier, [], awaits=awaits)
        elif not isinstance(proof, Verified):
            raise ConfigurationError("proof: expected the Verified of the request, or files with a scope for tokens")
        elif not covers(proof.covered, param):
            error = NotCovered("the signature covers neither the path nor this parameter of it")
            error.key_id = proof.key_id
            raise error

    def _path(self, identifier: str) -> Steps[str | None]:
        if self._paths is not None:
            return self._paths.get(identifier)
        path = yield from ask("resolver", _text, lambda one, _: self._resolver(one), identifier, None)
        try:
            return None if path is None else relative(path)
        except ValueError as error:
            # Where a request could choose it, that was an attack; else it is a mistake of the resolver's.
            _log.error("resolver: the path of %a is %s", identifier, error)
            return None

    def _opened(self, path: str) -> OpenFile:
        try:
            return OpenFile(self._root.open(path), path.rpartition("/")[2])
        except FileNotFoundError as error:
            raise FileMissing(str(error)) from None
        except OSError as error:
            _log.error("a file of the allow-list could not be opened: %s", error)
            raise Unavailable("a file could not be opened") from None


def covers(covered: Collection[str], param: str | None) -> bool:
    """Whether a signature over `covered` proves what a route takes from its path as the parameter `param`."""
    return not _PATHS.isdisjoint(covered) or (param is not None and f"param:{param}" in covered)


def _absolute(root: str | os.PathLike[str]) -> str:
    if not hasattr(_native, "Root"):
        raise ConfigurationError("root: this platform cannot open files below a directory and nowhere else")
    path = os.fspath(root) if isinstance(root, str | os.PathLike) else None
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ConfigurationError("root: expected the absolute path of a directory")
    return path


def _text(answer: list[Any]) -> str | None:
    """A resolver's answer. Raises `TypeError`."""
    path = answer.pop()
    if path is not None and type(path) is not str:
        raise TypeError("expected a path or None")
    return path
