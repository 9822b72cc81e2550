"""Flask: an extension that verifies every request in a `before_request` hook, before any other."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, abort, current_app, g
from flask import request as current_request
from flask.globals import request_ctx
from flask.wrappers import Request as FlaskRequest

from sealgate import policy
from sealgate._native import Request
from sealgate.answer import answer_to
from sealgate.exceptions import BodyUnreadable, ConfigurationError, FileMissing, Rejected, TargetAmbiguous, Unavailable
from sealgate.files import SignedFiles
from sealgate.policy import OnVerdict, Policy, Require, Rule
from sealgate.replay import Delivery
from sealgate.spool import Spooled
from sealgate.verifier import Verifier
from sealgate.wsgi import (
    Body,
    Told,
    acts_of,
    check_mount,
    field_names,
    has_body,
    mount_point,
    passed_in,
    prove,
)

__all__ = ["Gate", "Sealgate", "file_response"]

_DELIVERY = "sealgate.delivery"
#: What Werkzeug keeps that it has made of the query.
_OF_THE_QUERY = ("args", "values", "full_path", "url")
_log = logging.getLogger("sealgate")


class Sealgate:
    """Closes every route of an application: 404s, 405s, static files and automatic OPTIONS too.

        seal = Sealgate(app, partners)       # or seal = Sealgate(); seal.init_app(app, partners)

    `g.verified` is the `Verified`, or None on an exempt route. Below `@app.post(...)`, `@seal.require(stripe)` names
    other verifiers and `@seal.exempt("reason")` opens a view; both take a blueprint, for what is below it, and
    `seal.exempt("public")(app.view_functions["static"])` opens the static files. The innermost rule counts.
    `script_name`: where the application is mounted; a request with another SCRIPT_NAME is refused. `preflight`: answers
    a CORS preflight (204) without running a view; flask-cors adds its fields. `report_only`: refused requests pass,
    loudly logged. `on_verdict`: told each `Verdict`. `clock`: Unix seconds, for the end of exemptions.

    Promises it cannot keep: applications mounted beside this one by DispatcherMiddleware are not covered, WSGI
    middleware around it runs earlier, and so do `url_value_preprocessor`s. Flask's hook is sync: key sources and
    replay stores that are coroutines do not work here. Where duplicates are acknowledged, a `teardown_request` that
    raises leaves the message in progress.
    """

    require = staticmethod(policy.require)
    exempt = staticmethod(policy.exempt)

    def __init__(
        self,
        app: Flask | None = None,
        verifier: Verifier | None = None,
        *,
        script_name: str = "",
        preflight: bool = False,
        report_only: bool = False,
        on_verdict: OnVerdict | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifier = verifier
        self._mount = mount_point(script_name)
        self._policy = partial(Policy, preflight=preflight, report_only=report_only, on_verdict=on_verdict, clock=clock)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, verifier: Verifier | None = None) -> None:
        """Installs the hook. `verifier`: the one of the constructor if omitted. Raises `ConfigurationError`."""
        verifier = verifier if verifier is not None else self._verifier
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier, as in Sealgate(app, verifier)")
        if "sealgate" in app.extensions:
            raise ConfigurationError("Sealgate is installed on this application already")
        gate = Gate(app, self._policy(verifier), self._mount)
        app.extensions["sealgate"] = gate
        app.before_request_funcs.setdefault(None, []).insert(0, gate.check)
        # The last of all that see the answer: hooks of an application run in the opposite order.
        app.after_request_funcs.setdefault(None, []).insert(0, gate.answered)
        app.teardown_request_funcs.setdefault(None, []).insert(0, gate.ended)


def file_response(
    files: SignedFiles, param: str, *, token: str | None = None, filename: str | None = None, inline: bool = False
) -> Response:
    """The file of `files` whose identifier is the route's parameter `param`, as far as the request asks for it.

    The request's proof has to cover it, or with a `scope` the `token`; `filename` and `inline` as of
    `SignedFiles.answer`. A refusal is answered as the hook answers it; where there is no file the view is left by
    `abort(404)`. Raises `ConfigurationError` where the route has no such parameter.
    """
    request: FlaskRequest = cast("Any", current_request)._get_current_object()
    passed = passed_in(request.environ)  # by the hook, or by a layer around the application
    verified = None if passed is None else passed.proof(None, acts_of(request.environ))
    try:
        identifier = policy.received_param(request.view_args or {}, request.path, param)
        proof = verified if files.scope is None and token is None else token
        file = files.open(identifier, proof, param=param)
    except (Rejected, Unavailable) as error:
        return _turned_away(error, request)
    answer = files.answer(file, request.method, request.headers.get, filename=filename, inline=inline)
    app: Flask = cast("Any", current_app)._get_current_object()
    return app.response_class(answer.content, answer.status, answer.headers, direct_passthrough=True)


def _turned_away(error: Rejected | Unavailable, request: FlaskRequest) -> Response:
    route = None if request.url_rule is None else request.url_rule.rule
    policy.log_refusal(error, request.method, request.path, route)
    if isinstance(error, FileMissing):
        abort(HTTPStatus.NOT_FOUND)
    gate = current_app.extensions.get("sealgate")
    told = gate.policy.answer_to(error) if isinstance(gate, Gate) else answer_to(error)
    return current_app.response_class(told.body, told.status, list(told.headers))


class Gate:
    """What one application has at `app.extensions["sealgate"]`: its policy and its hook."""

    def __init__(self, app: Flask, policy: Policy, mount: str) -> None:
        self.policy = policy
        self._app = app
        self._mount = mount
        #: Whether there was a request of which duplicates are acknowledged: others have nothing to be told of.
        self._acknowledges = False

    def check(self) -> Response | None:
        """The hook: None where the request is proven or exempt, else the answer."""
        # Each use of a proxy looks the context up again.
        request: FlaskRequest = cast("Any", current_request)._get_current_object()
        context = cast("Any", g)._get_current_object()
        context.verified = None  # a context that is kept would keep an earlier request's
        environ = request.environ
        route = None if request.url_rule is None else request.url_rule.rule
        body, delivery = None, Delivery()
        try:
            check_mount(environ, self._mount)
            demand = self.policy.demand(self.rules(request) if policy.any_rules() else (), request.method)
            if demand is None:
                return None
            if self.policy.preflight and self.policy.is_preflight(
                request.method, has_body(environ), field_names(environ)
            ):
                return self._app.response_class(status=204)
            _check_read_alike(request)
            body = _Body(request, demand)
            params = policy.received_params(request.view_args or {}, request.path) if demand.reads_params else None
            received = Request.from_wsgi(environ, params=params)
            context.verified = verified = prove(environ, demand, received, body, delivery, self._limit)
            vars(request).pop("content_length", None)  # Werkzeug keeps what it was, if somebody has asked
            if verified.query is not None:
                request.query_string = verified.query.encode()
                for name in _OF_THE_QUERY:
                    vars(request).pop(name, None)
        except (Rejected, Unavailable) as error:
            told = self.policy.refused(error, request.method, request.path, route)
            if told is not None:
                return self._app.response_class(told.body, status=told.status, headers=list(told.headers))
            if body is not None:
                body.put_back()
        else:
            self.policy.accepted(verified, request.method, request.path, route)
        if delivery.is_underway:
            self._acknowledges = True
            vars(_context())[_DELIVERY] = _Underway(delivery)
        return None

    def answered(self, response: Response) -> Response:
        """Keeps the status: what comes after the hooks, such as the session, may fail, and another answer takes it."""
        underway: _Underway | None = vars(_context()).get(_DELIVERY) if self._acknowledges else None
        if underway is not None:
            underway.answer(response)
        return response

    def ended(self, error: BaseException | None) -> None:
        """Tells the delivery how it was answered; of a stream, once that ends."""
        underway: _Underway | None = vars(_context()).pop(_DELIVERY, None) if self._acknowledges else None
        if underway is not None:
            underway.end(error)

    @property
    def _limit(self) -> float:
        limit = self._app.config["MAX_CONTENT_LENGTH"]
        return math.inf if limit is None else limit

    def rules(self, request: FlaskRequest) -> Iterator[Rule]:
        """Of the view, then of the blueprints around it, innermost first."""
        view = self._app.view_functions.get(request.endpoint or "")
        cls = getattr(view, "view_class", None)
        handler = request.method.lower()
        if handler == "head" and not hasattr(cls, handler):
            handler = "get"  # as MethodView does
        yield from policy.rules_of_view(view, cls, handler)
        for name in request.blueprints:
            rule = policy.rule_of(self._app.blueprints.get(name))  # an endpoint's dot need not be a blueprint's
            if rule is not None:
                yield rule


def _check_read_alike(request: FlaskRequest) -> None:
    """Werkzeug writes the method in capitals, and makes one slash of several at the start of what it routes on."""
    environ = request.environ
    if request.method != environ["REQUEST_METHOD"] or environ.get("PATH_INFO", "").startswith("//"):
        raise TargetAmbiguous("the method or the path is not what the framework makes of it")


def _context() -> Any:
    """Of the request, and not its environ: a copy of it (copy_current_request_context) ends on its own, and another
    application may be called with the same environ."""
    return cast("Any", request_ctx)._get_current_object()


class _Underway:
    """A request of which duplicates are to be acknowledged."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._status: int | None = None
        self._streams = False

    def answer(self, response: Response) -> None:
        self._status = status = response.status_code
        self._streams = response.is_streamed
        if self._streams:
            response.response = Told(cast("Any", response.response), self._delivery, lambda: status)

    def end(self, error: BaseException | None) -> None:
        if error is not None:
            self._delivery.answered(None)
        elif not self._streams:
            self._delivery.answered(self._status)


class _Body(Body):
    """The body of a request that Flask may have read already."""

    def __init__(self, request: FlaskRequest, demand: Require) -> None:
        super().__init__(request.environ, demand)
        self._request = request

    def read(self, limit: int) -> bytes | Spooled:
        if "stream" in vars(self._request):
            # The view would see what was read then: a parsed form, say, while an empty rest is what was proven.
            _log.error("the body was read before sealgate's hook, by a url_value_preprocessor or a signal")
            raise BodyUnreadable("the body has been consumed")
        return super().read(limit)
