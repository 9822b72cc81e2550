"""Sees whether a view runs while a probe calls the application in this process."""

from __future__ import annotations

import sys
import threading
from types import CodeType, FrameType
from typing import Any

from sealgate.audit.entry import Entry

__all__ = ["Sentinel"]

#: What a view that is a class is called by, besides the HTTP method: ASGI, Starlette's sockets, REST framework's sets.
_HANDLERS = frozenset(
    ["__call__", "on_connect", "list", "retrieve", "create", "update", "partial_update", "destroy"],
)


class Sentinel:
    """While it is entered, each call of a Python function in this process is looked at; `aim` says for which view.

    A view is known by the file and line of its function, or by the name of its class. Before Python 3.12, threads that
    the application started before are not seen.
    """

    def __init__(self) -> None:
        self._file: str | None = None
        self._line = 0
        self._view = ""
        self._handlers = _HANDLERS
        self._ran = False

    def __enter__(self) -> Sentinel:
        self._before = sys.getprofile(), threading.getprofile()
        _set_profile(self._look, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        _set_profile(*self._before)

    def aim(self, entry: Entry, method: str) -> None:
        """From now on for the view of `entry`, which has not run yet."""
        self._file, self._line = entry.source or (None, 0)
        self._view = entry.view
        self._handlers = _HANDLERS | {method.lower(), "get" if method == "HEAD" else method.lower()}
        self._ran = False

    @property
    def ran(self) -> bool | None:
        """Whether it has run since; None where it is not known where it is written."""
        return None if self._file is None else self._ran

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or self._ran:
            return
        code = frame.f_code
        if code.co_firstlineno == self._line and code.co_filename == self._file:
            self._ran = True
        elif code.co_varnames[:1] == ("self",) and self._may_handle(code):
            self._ran = self._is_handler(frame.f_locals.get("self"), code.co_name)

    def _may_handle(self, code: CodeType) -> bool:
        owner = code.co_qualname.rpartition(".")[0]
        return code.co_name in self._handlers or f".{self._view}".endswith(f".{owner}")

    def _is_handler(self, view: Any, name: str) -> bool:
        """Handlers may be inherited, and what else a class has may run before anything is proven."""
        cls = type(view)
        if f"{cls.__module__}.{cls.__qualname__}" != self._view:
            return False
        return name in self._handlers or name == getattr(view, "__dict__", {}).get("action")  # of a view set


def _set_profile(here: Any, elsewhere: Any) -> None:
    everywhere = getattr(threading, "setprofile_all_threads", threading.setprofile)  # since Python 3.12
    everywhere(elsewhere)
    sys.setprofile(here)
