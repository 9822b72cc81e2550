"""Flask: a rule counts where it is written, on whatever kind of view or blueprint, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, g, request, url_for
from flask.views import MethodView, View

from asgi_client import ORDER, signed
from judged import KEY_ID, NOW, OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import ConfigurationError, Verifier, schemes
from sealgate.flask import Sealgate
from wsgi_client import Answer, call, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
LOOK = Message("GET", "/", [ORDER.headers[0]])
BOTH = ["GET", "POST"]
require, exempt = Sealgate.require, Sealgate.exempt

# Who is let in: nobody unsigned; only the party of `HOOKS`; everybody, for GET.
CLOSED, HOOKED, OPEN = ["partners"], ["hooks"], ["anybody", "partners"]


def application(**settings: Any) -> Flask:
    app = Flask(__name__, static_folder=None)
    Sealgate(app, RFC9421.verifier(), **settings)
    return app


def hooked(message: Message) -> Message:
    return message.plus(sign_github(message, OTHER_KEY))


def ask(app: Flask, message: Message, **changes: Any) -> Answer:
    return call(app, environ_of(message, **changes))


def admitted(app: Flask, target: str) -> list[str]:
    """Who reaches the view behind `target`."""
    order, look = replace(ORDER, target=target), replace(LOOK, target=target)
    senders = {"anybody": look, "anybody with a body": order, "partners": signed(order), "hooks": hooked(order)}
    statuses = {sender: ask(app, message).status for sender, message in senders.items()}
    assert set(statuses.values()) <= {200, 401}, statuses
    return [sender for sender, status in statuses.items() if status == 200]


def fresh() -> Callable[..., str]:
    """A view that has no rule yet."""
    return lambda **_: "none" if g.verified is None else g.verified.scheme


class Looks(MethodView):
    def get(self) -> str:
        return "look"

    def post(self) -> str:
        return "look"


@exempt("public")
class OpenLooks(Looks): ...


class BelowOpenLooks(OpenLooks): ...


@require(HOOKS)
class HookLooks(Looks): ...


class BelowHookLooks(HookLooks): ...


class HandlerLooks(MethodView):
    @exempt("public")
    def get(self) -> str:
        return "look"

    @require(HOOKS)
    def post(self) -> str:
        return "look"


class BelowHandlerLooks(HandlerLooks): ...


class DecoratedLooks(Looks):
    decorators = [require(HOOKS)]


class BelowDecoratedLooks(DecoratedLooks): ...


class OneView(View):
    methods = BOTH
    decorators = [exempt("public")]

    def dispatch_request(self) -> str:
        return "look"


#: Views, and who reaches them.
VIEWS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "no rule": (fresh, CLOSED),
    "exempt": (lambda: exempt("r")(fresh()), OPEN),
    "exempt for another method": (
        lambda: exempt("r", methods=["post"])(fresh()),
        ["anybody with a body", "partners", "hooks"],
    ),
    "required": (lambda: require(HOOKS)(fresh()), HOOKED),
    "partial": (lambda: partial(exempt("r")(fresh())), CLOSED),
    "exempt partial": (lambda: exempt("r")(partial(fresh())), OPEN),
    "exempt class": (lambda: OpenLooks.as_view("view"), OPEN),
    "below an exempt class": (lambda: BelowOpenLooks.as_view("view"), CLOSED),
    "required class": (lambda: HookLooks.as_view("view"), HOOKED),
    "below a required class": (lambda: BelowHookLooks.as_view("view"), HOOKED),
    "handlers": (lambda: HandlerLooks.as_view("view"), ["anybody", "hooks"]),
    "below handlers": (lambda: BelowHandlerLooks.as_view("view"), HOOKED),
    "decorators": (lambda: DecoratedLooks.as_view("view"), HOOKED),
    "below decorators": (lambda: BelowDecoratedLooks.as_view("view"), HOOKED),
    "exempt decorators": (lambda: OneView.as_view("view"), OPEN),
    "what as_view gave": (lambda: exempt("r")(Looks.as_view("view")), OPEN),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_rule_counts_on_every_kind_of_view(kind: str) -> None:
    view, expected = VIEWS[kind]
    app = application()
    app.add_url_rule("/a", "view", view(), methods=None if "class" in kind else BOTH)
    app.add_url_rule("/b", "beside", fresh(), methods=BOTH)
    assert (expected, CLOSED) == (admitted(app, "/a"), admitted(app, "/b"))


def blueprint(name: str = "shop", view: Any = None, **more: Any) -> Blueprint:
    made = Blueprint(name, __name__, **more)
    made.add_url_rule("/a", "view", view or fresh(), methods=BOTH)
    return made


def test_rule_of_a_blueprint_is_for_what_is_below_it() -> None:
    app = application()
    app.register_blueprint(exempt("r")(blueprint("open")), url_prefix="/open")
    app.register_blueprint(require(HOOKS)(blueprint("hooks")), url_prefix="/hooks")
    app.register_blueprint(blueprint("closed"), url_prefix="/closed")
    targets = ("/open/a", "/hooks/a", "/closed/a", "/open/none")
    assert [OPEN, HOOKED, CLOSED] == [admitted(app, target) for target in targets[:3]]
    assert 401 == ask(app, replace(LOOK, target="/open/none")).status


def test_innermost_rule_counts_through_nested_blueprints() -> None:
    app = application()
    outer = exempt("r")(blueprint("outer", url_prefix="/outer"))
    outer.register_blueprint(require(HOOKS)(blueprint("hooks", url_prefix="/hooks")))
    outer.register_blueprint(blueprint("plain", url_prefix="/plain"))
    outer.register_blueprint(blueprint("own", require(RFC9421.verifier())(fresh()), url_prefix="/own"))
    outer.register_blueprint(require(HOOKS)(blueprint("both", exempt("r")(fresh()), url_prefix="/both")))
    app.register_blueprint(outer)
    targets = [f"/outer/{name}a" for name in ("", "hooks/", "plain/", "own/", "both/")]
    assert [OPEN, HOOKED, OPEN, CLOSED, ["anybody", "hooks"]] == [admitted(app, target) for target in targets]


def test_blueprint_within_two_others_has_the_rule_of_the_one_around_it() -> None:
    app, shared = application(), blueprint("shared", url_prefix="/shared")
    for name, mark in (("open", exempt("r")), ("closed", lambda given: given)):
        outer = Blueprint(name, __name__, url_prefix=f"/{name}")
        outer.register_blueprint(shared)
        app.register_blueprint(mark(outer))
    assert [OPEN, CLOSED] == [admitted(app, f"/{name}/shared/a") for name in ("open", "closed")]


def test_blueprint_registered_twice_has_its_rule_twice() -> None:
    """The rule is on the blueprint, which is one; what is around it may differ."""
    app, shared = application(), exempt("r")(blueprint())
    app.register_blueprint(shared, url_prefix="/one")
    app.register_blueprint(shared, url_prefix="/two", name="again")
    assert [OPEN, OPEN] == [admitted(app, f"/{name}/a") for name in ("one", "two")]
    with app.test_request_context():
        assert ["/one/a", "/two/a"] == [url_for("shop.view"), url_for("again.view")]


def test_rule_on_a_view_goes_with_the_view() -> None:
    """A view that two rules of the URL map share is one view."""
    app, shared = application(), fresh()
    app.add_url_rule("/public", "public", exempt("r")(shared), methods=BOTH)
    app.add_url_rule("/private", "private", shared, methods=BOTH)
    assert [OPEN, OPEN] == [admitted(app, target) for target in ("/public", "/private")]


def test_static_files_of_a_blueprint_can_be_exempt(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("public")
    app = application()
    app.register_blueprint(Blueprint("shop", __name__, static_folder=str(tmp_path), url_prefix="/shop"))
    message = replace(LOOK, target=f"/shop/{tmp_path.name}/a.txt")
    before = [ask(app, each).status for each in (message, signed(message))]
    exempt("public files")(app.view_functions["shop.static"])
    assert ([401, 200], 200) == (before, ask(app, message).status)


def test_static_files_of_an_exempt_blueprint_are_open(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("public")
    app = application()
    app.register_blueprint(exempt("r")(Blueprint("shop", __name__, static_folder=str(tmp_path), url_prefix="/shop")))
    assert 200 == ask(app, replace(LOOK, target=f"/shop/{tmp_path.name}/a.txt")).status


@pytest.mark.parametrize("endpoint", ["v1.orders", ".", "a.b.c", "shop.orders."])
def test_endpoint_with_a_dot_that_is_no_blueprints_is_served(endpoint: str) -> None:
    app = application()
    app.add_url_rule("/a", endpoint, fresh(), methods=BOTH)
    exempt("so that rules are looked for")(fresh())
    assert CLOSED == admitted(app, "/a")


def test_error_handlers_of_a_blueprint_see_no_unsigned_request() -> None:
    app, seen = application(), []
    shop = Blueprint("shop", __name__)
    shop.add_url_rule("/teapot", "teapot", lambda: abort(418))
    shop.register_error_handler(418, lambda error: (seen.append(request.path) or "tea", 200))
    app.register_error_handler(401, lambda error: (seen.append("401") or "open", 200))
    app.register_error_handler(Exception, lambda error: (seen.append("error") or "open", 200))
    app.register_blueprint(shop)
    message = replace(LOOK, target="/teapot")
    assert [401, 200] == [ask(app, each).status for each in (message, signed(message))]
    assert ["/teapot"] == seen


def test_hooks_of_a_blueprint_see_no_unsigned_request() -> None:
    app, ran = application(), []
    shop = exempt("r")(blueprint())
    shop.before_app_request(lambda: ran.append(g.verified))
    shop.before_request(lambda: ran.append(request.method))
    app.register_blueprint(shop)
    statuses = [ask(app, replace(ORDER, target=target)).status for target in ("/a", "/none")]
    assert ([401, 401], []) == (statuses, ran)


def test_names_still_lead_to_views_that_have_rules() -> None:
    app = application()
    outer = exempt("r")(Blueprint("outer", __name__, url_prefix="/outer"))
    outer.register_blueprint(require(HOOKS)(blueprint("inner", url_prefix="/inner")))
    app.register_blueprint(outer)
    app.add_url_rule("/looks", view_func=OpenLooks.as_view("looks"))
    with app.test_request_context():
        assert ["/outer/inner/a", "/looks"] == [url_for("outer.inner.view"), url_for("looks")]


def test_method_that_is_named_like_an_attribute_of_the_class_opens_nothing() -> None:
    app = application()
    app.add_url_rule("/a", view_func=HandlerLooks.as_view("looks"))
    methods = ("AS_VIEW", "DISPATCH_REQUEST", "DECORATORS", "__CLASS__", "METHODS", "OPTIONS", "TRACE")
    assert [401] * 7 == [ask(app, replace(LOOK, method=method, target="/a")).status for method in methods]


def test_head_has_the_rule_of_the_handler_that_answers() -> None:
    app = application()
    app.add_url_rule("/a", view_func=HandlerLooks.as_view("looks"))
    app.add_url_rule("/b", view_func=Looks.as_view("closed"))
    assert [200, 401] == [ask(app, replace(LOOK, method="HEAD", target=target)).status for target in ("/a", "/b")]


def test_host_that_is_routed_on_has_its_own_rules() -> None:
    app = Flask(__name__, host_matching=True, static_host="api.shop.example")
    Sealgate(app, RFC9421.verifier())
    app.add_url_rule("/a", "open", exempt("r")(fresh()), methods=BOTH, host="www.shop.example")
    app.add_url_rule("/a", "closed", fresh(), methods=BOTH, host="api.shop.example")
    www = Message("GET", "/a", [("Host", "www.shop.example")])
    assert [200, 401] == [ask(app, each).status for each in (www, replace(LOOK, target="/a"))]
    assert 401 == ask(app, www.plus([("X-Forwarded-Host", "api.shop.example")]), HTTP_HOST="api.shop.example").status


def test_rule_added_after_the_start_counts_from_the_next_request() -> None:
    app = application()
    app.add_url_rule("/a", "a", fresh(), methods=BOTH)
    app.register_blueprint(shop := blueprint(), url_prefix="/shop")
    before = [admitted(app, target) for target in ("/a", "/shop/a")]
    require(HOOKS)(app.view_functions["a"])
    exempt("r")(shop)
    after = [admitted(app, target) for target in ("/a", "/shop/a")]
    assert ([CLOSED, CLOSED], [HOOKED, OPEN]) == (before, after)


def test_view_replaced_after_the_start_has_its_own_rule() -> None:
    app = application()
    app.add_url_rule("/a", "a", exempt("r")(fresh()), methods=BOTH)
    before = admitted(app, "/a")
    app.view_functions["a"] = require(HOOKS)(fresh())
    assert (OPEN, HOOKED) == (before, admitted(app, "/a"))


# What a rule says


def test_keys_of_a_rule_are_the_only_ones() -> None:
    partners = RFC9421.verifier(keys={KEY_ID: RFC9421.keys[KEY_ID], "globex": OTHER_KEY})
    app = application()
    app.add_url_rule("/one", "one", require(partners, keys={"globex"})(fresh()), methods=BOTH)
    app.add_url_rule("/any", "any", require(partners, keys={"globex", KEY_ID})(fresh()), methods=BOTH)
    assert [403, 200] == [ask(app, signed(replace(ORDER, target=target))).status for target in ("/one", "/any")]


def test_several_verifiers_are_any_of_them_and_no_other() -> None:
    app = application()
    app.add_url_rule("/a", "a", require(RFC9421.verifier(), HOOKS)(fresh()), methods=BOTH)
    assert ["partners", "hooks"] == admitted(app, "/a")


def test_query_that_may_go_uncovered_may_and_no_other() -> None:
    """GitHub signs the body alone."""
    app = application()
    app.add_url_rule("/a", "a", require(HOOKS, uncovered=("query",))(fresh()), methods=BOTH)
    app.add_url_rule("/b", "b", require(HOOKS)(fresh()), methods=BOTH)
    assert [200, 401] == [ask(app, hooked(replace(ORDER, target=f"/{name}?x=1"))).status for name in "ab"]


@pytest.mark.parametrize(("seconds", "status"), [(-1, 401), (0, 401), (1, 200)])
def test_exemption_of_a_blueprint_ends(seconds: int, status: int) -> None:
    app = application(clock=lambda: NOW)
    until = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    app.register_blueprint(exempt("r", until=until)(blueprint()))
    assert status == ask(app, replace(LOOK, target="/a")).status


@pytest.mark.parametrize("mark", [require(HOOKS), exempt("r")])
def test_second_rule_is_a_configuration_error(mark: Callable[[Any], Any]) -> None:
    with pytest.raises(ConfigurationError, match="has a rule already"):
        mark(exempt("r")(blueprint()))
