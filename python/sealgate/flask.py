"""Flask: an extension that verifies every request in a `before_request` hook, before any other."""

from __future__ import annotations

import logging
import math
from typing import Any, cast

from flask import Flask, Response, g
from flask import request as current_request
from flask.wrappers import Request as FlaskRequest

from sealgate import policy
from sealgate._native import Request
from sealgate.answer import answer
from sealgate.exceptions import BodyUnreadable, ConfigurationError, Rejected, Unavailable
from sealgate.policy import Exempt, Rule, any_rules, rule_of, verifiers_for, verify_any
from sealgate.verifier import Verifier
from sealgate.wsgi import check_mount, mount_point, read_body, replace_body

__all__ = ["Gate", "Sealgate"]

_log = logging.getLogger("sealgate")


class Sealgate:
    """Closes every route of an application: 404s, 405s, static files and automatic OPTIONS too.

        seal = Sealgate(app, partners)       # or seal = Sealgate(); seal.init_app(app, partners)

    `g.verified` is the `Verified`, or None on an exempt route. `script_name`: where the application is mounted; a
    request with another SCRIPT_NAME is refused. Below `@app.post(...)`, `@seal.require(stripe)` names other verifiers
    and `@seal.exempt("reason")` opens a view; `seal.exempt("public")(app.view_functions["static"])` does as well.

    Promises it cannot keep: applications mounted beside this one by DispatcherMiddleware are not covered, WSGI
    middleware around it runs earlier, and so do `url_value_preprocessor`s. Flask's hook is sync: key sources and
    replay stores that are coroutines do not work here.
    """

    require = staticmethod(policy.require)
    exempt = staticmethod(policy.exempt)

    def __init__(self, app: Flask | None = None, verifier: Verifier | None = None, *, script_name: str = "") -> None:
        self._verifier = verifier
        self._mount = mount_point(script_name)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, verifier: Verifier | None = None) -> None:
        """Installs the hook. `verifier`: the one of the constructor if omitted. Raises `ConfigurationError`."""
        verifier = verifier if verifier is not None else self._verifier
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier, as in Sealgate(app, verifier)")
        if "sealgate" in app.extensions:
            raise ConfigurationError("Sealgate is installed on this application already")
        gate = Gate(app, verifier, self._mount)
        app.extensions["sealgate"] = gate
        app.before_request_funcs.setdefault(None, []).insert(0, gate.check)


class Gate:
    """What one application has at `app.extensions["sealgate"]`: its default verifier and its hook."""

    def __init__(self, app: Flask, verifier: Verifier, mount: str) -> None:
        self.verifier = verifier
        self._app = app
        self._mount = mount

    def check(self) -> Response | None:
        """The hook: None where the request is proven or exempt, else the answer."""
        # Each use of a proxy looks the context up again.
        request: FlaskRequest = cast("Any", current_request)._get_current_object()
        context = cast("Any", g)._get_current_object()
        context.verified = None  # a context that is kept would keep an earlier request's
        environ = request.environ
        try:
            check_mount(environ, self._mount)
            rule = _rule(self._app.view_functions.get(request.endpoint or "")) if any_rules() else None
            verifiers = verifiers_for(rule, self.verifier, request.method)
            if verifiers:
                read = _Body(request, verifiers, self._app.config["MAX_CONTENT_LENGTH"])
                context.verified = verified = verify_any(verifiers, Request.from_wsgi(environ), read)
                replace_body(environ, verified.body)
                vars(request).pop("content_length", None)  # Werkzeug keeps what it was, if somebody has asked
        except (Rejected, Unavailable) as error:
            told = answer(error, request.method, request.path)
            return self._app.response_class(told.body, status=told.status, headers=list(told.headers))
        return None


class _Body:
    """The body of one request, read once: of one that was half read, a second verifier would see the rest."""

    def __init__(self, request: FlaskRequest, verifiers: tuple[Verifier, ...], limit: int | None) -> None:
        self._request = request
        self._limit = min(max(verifier.body_limit for verifier in verifiers), math.inf if limit is None else limit)
        self._timeout = max(verifier.body_timeout for verifier in verifiers)
        self._outcome: bytes | Rejected | None = None

    def __call__(self, _limit: int) -> bytes:
        """The body; whether it is within the limit of this verifier, the verifier sees."""
        if self._outcome is None:
            try:
                self._outcome = self._read()
            except Rejected as refusal:
                self._outcome = refusal
            except Exception as error:
                self._outcome = BodyUnreadable("the body could not be read")
                raise self._outcome from error
        if isinstance(self._outcome, Rejected):
            raise self._outcome
        return self._outcome

    def _read(self) -> bytes:
        if "stream" in vars(self._request):
            # The view would see what was read then: a parsed form, say, while an empty rest is what was proven.
            _log.error("the body was read before sealgate's hook, by a url_value_preprocessor or a signal")
            raise BodyUnreadable("the body has been consumed")
        return read_body(self._request.environ, int(self._limit), self._timeout)


def _rule(view: Any) -> Rule | None:
    """The rule on a view function, or on the class of a class-based one; an exemption is not inherited."""
    cls = getattr(view, "view_class", None)
    rule = rule_of(view)
    if cls is None:
        return rule
    if isinstance(rule, Exempt) and cls.decorators and "decorators" not in vars(cls):
        rule = None  # it may be by the decorators of a parent
    return rule or rule_of(cls)
