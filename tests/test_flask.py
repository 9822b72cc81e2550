"""sealgate.flask: through Flask's own WSGI application and test client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, g, request
from flask.views import View
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from contract import FORM, HOOKS, LOOK, ORDER, Instead, WsgiContract, hooked, signed
from flask_shop import application, proof
from judged import KEY, KEY_ID, OTHER_KEY, RFC9421
from sealgate import ConfigurationError, Verifier, policy, schemes
from sealgate.flask import Sealgate
from wsgi_client import Unfinished, WSGIApplication, call, chunked, environ_of


class TestFlask(WsgiContract):
    parsers = ("werkzeug.formparser.FormDataParser.parse", "flask.json.provider.DefaultJSONProvider.loads")
    open_classes = ("/class", "/class-rule")
    closed_classes = ("/subclass", "/subclass-rule")
    routes = {"/orders": "/orders", "/orders/7": "/orders/<name>", "/hook": "/hook"}
    CANNOT = {
        "request changed behind the gate is refused": Instead(
            "Flask has chosen the view by then; a hook that writes on the request is the application's own code",
            dict.fromkeys(("method", "path", "query"), (200, [ORDER.body])),
        ),
        "exempt request moved to a closed route is refused": Instead("it is not moved: the view is chosen", (200, [])),
    }

    def build(self, verifier: Verifier, **settings: Any) -> WSGIApplication:
        return application(verifier, self.seen, **settings)

    def flask(self, **settings: Any) -> Flask:
        return application(RFC9421.verifier(), self.seen, **settings)

    def test_body_over_flasks_own_limit_is_refused_unread(self) -> None:
        app = self.flask()
        app.config["MAX_CONTENT_LENGTH"] = len(ORDER.body)
        longer = signed(replace(ORDER, body=ORDER.body + b" "))
        statuses = [
            call(app, environ_of(signed())).status,
            call(app, environ_of(longer, **{"wsgi.input": Unfinished()})).status,
        ]
        assert statuses == [200, 413]

    def test_static_files_are_closed_until_exempt(self) -> None:
        app, name = self.flask(), "test_flask.py"
        app.static_folder = str(Path(__file__).parent)
        unsigned = replace(LOOK, target=f"/static/{name}")
        before = [call(app, environ_of(each)).status for each in (unsigned, signed(unsigned))]
        Sealgate.exempt("public files")(app.view_functions["static"])
        assert [*before, call(app, environ_of(unsigned)).status] == [401, 200, 200]

    def test_automatic_options_are_closed(self) -> None:
        message = replace(LOOK, method="OPTIONS", target="/json")
        assert [self.send(each).status for each in (message, signed(message))] == [401, 200]

    def test_redirect_to_a_trailing_slash_is_told_to_signers_only(self) -> None:
        app = self.flask()
        app.add_url_rule("/tree/", view_func=lambda: "tree")
        message = replace(LOOK, target="/tree")
        assert [call(app, environ_of(each)).status for each in (message, signed(message))] == [401, 308]

    def test_blueprints_are_closed(self) -> None:
        app, blueprint = self.flask(), Blueprint("more", __name__, url_prefix="/more")
        blueprint.add_url_rule("/", view_func=lambda: proof())
        app.register_blueprint(blueprint)
        message = replace(LOOK, target="/more/")
        assert [call(app, environ_of(each)).status for each in (message, signed(message))] == [401, 200]

    def test_hook_goes_before_hooks_that_were_there(self) -> None:
        app, ran = Flask(__name__), []
        app.before_request(lambda: ran.append("theirs"))
        Sealgate(app, RFC9421.verifier())
        assert (call(app, environ_of(ORDER)).status, ran) == (401, [])

    @pytest.mark.parametrize("reads", [lambda: request.get_data(), lambda: request.form, lambda: request.stream])
    def test_body_consumed_before_the_hook_is_refused(
        self, reads: Callable[[], Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Chunked, the rest would be an empty body, and an empty body can be what was signed."""
        app = self.flask()
        app.url_value_preprocessor(lambda *_: reads() and None)
        message = replace(signed(replace(FORM, body=b"", target="/orders")), body=FORM.body)
        answers = [
            call(app, environ_of(message, **chunked())).status,
            call(app, environ_of(signed(FORM))).status,
        ]
        assert (answers, self.seen) == ([400, 400], [])
        assert "the body was read before sealgate's hook, by a url_value_preprocessor or a signal" in caplog.messages

    def test_proof_of_an_earlier_request_is_forgotten(self) -> None:
        """An application context that is kept keeps `g` as well."""
        app = self.flask()
        with app.app_context():
            statuses = [call(app, environ_of(each)).body for each in (signed(), replace(LOOK, target="/health"))]
        assert statuses == [KEY_ID.encode(), b"no proof"]

    def test_proof_is_there_for_later_hooks(self) -> None:
        app, proofs = self.flask(), []
        app.before_request(lambda: proofs.append(g.verified.key_id))
        call(app, environ_of(signed()))
        assert proofs == [KEY_ID]

    def test_without_a_rule_no_endpoint_is_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = self.flask()
        monkeypatch.setattr(policy.rules._Marks, "any", False)
        monkeypatch.setattr(policy, "rules_of_view", None)
        assert [call(app, environ_of(each)).status for each in (signed(), ORDER)] == [200, 401]

    def test_flasks_test_client_works(self) -> None:
        message = signed(replace(ORDER, target="/orders/a%20b"))
        response = self.flask().test_client().post(message.target, headers=list(message.headers), data=message.body)
        assert (response.status_code, response.text) == (200, KEY_ID)

    def test_application_mounted_beside_is_not_covered(self) -> None:
        """A promise that the extension cannot keep, and says so."""
        beside = Flask("beside")
        beside.add_url_rule("/", view_func=lambda: "open")
        both = DispatcherMiddleware(self.flask(), {"/beside": beside})
        statuses = [call(both, environ_of(replace(LOOK, target=each))).status for each in ("/orders", "/beside/")]
        assert statuses == [401, 200]

    def test_url_value_preprocessors_see_unsigned_requests(self) -> None:
        """A promise that the extension cannot keep, and says so."""
        app, ran = self.flask(), []
        app.url_value_preprocessor(lambda endpoint, _: ran.append(endpoint))
        assert (call(app, environ_of(ORDER)).status, ran) == (401, ["orders"])

    def test_refusal_passes_the_applications_own_after_request(self) -> None:
        app = self.flask()

        @app.after_request
        def add(response: Any) -> Any:
            response.headers["X-Request-Id"] = "7"
            return response

        assert ("X-Request-Id", "7") in call(app, environ_of(ORDER)).headers

    def test_exemption_among_the_decorators_of_a_class_is_not_inherited(self) -> None:
        class Open(View):
            decorators = [Sealgate.exempt("public")]

            def dispatch_request(self) -> str:
                return proof()

        class Below(Open):
            pass

        app = self.flask()
        app.add_url_rule("/open", view_func=Open.as_view("open"))
        app.add_url_rule("/below", view_func=Below.as_view("below"))
        messages = [replace(LOOK, target=target) for target in ("/open", "/below")]
        answers = [call(app, environ_of(each)).status for each in (*messages, signed(messages[1]))]
        assert answers == [200, 401, 200]

    def test_body_half_read_for_one_verifier_is_not_proven_by_its_rest(self) -> None:
        """The first stops one byte after its limit; what is signed stands behind that."""
        app = self.flask()
        gate = app.extensions["sealgate"]
        limited = Verifier(schemes.GITHUB, keys=OTHER_KEY, body_limit=1000)

        @app.post("/limited")
        @Sealgate.require(limited, gate.policy.verifier)
        def view() -> str:
            self.seen.append(request.get_data())
            return proof()

        message = signed(replace(ORDER, target="/limited"))
        for junk in (message, hooked(message, key=KEY)):
            longer = replace(junk, body=b"J" * 1001 + ORDER.body)
            assert (call(app, environ_of(longer, **chunked())).status, self.seen) == (401, [])
        large = signed(replace(ORDER, target="/limited", body=b"a" * 1001))
        assert call(app, environ_of(hooked(large, key=KEY), **chunked())).status == 200
        assert self.seen == [large.body]


class TestInstallation:
    def test_extension_can_be_made_before_the_application(self) -> None:
        seal, app = Sealgate(), Flask(__name__)
        seal.init_app(app, RFC9421.verifier())
        assert [call(app, environ_of(each)).status for each in (ORDER, signed())] == [401, 404]

    def test_one_extension_serves_two_applications_each_with_its_verifier(self) -> None:
        seal, apps = Sealgate(), [Flask("one"), Flask("two")]
        for app, verifier in zip(apps, (RFC9421.verifier(), HOOKS), strict=True):
            seal.init_app(app, verifier)
        answers = [[call(app, environ_of(each)).status for each in (signed(), hooked(ORDER))] for app in apps]
        assert answers == [[404, 401], [401, 404]]

    def test_application_shows_its_gate(self) -> None:
        app, verifier = Flask(__name__), RFC9421.verifier()
        Sealgate(app, verifier)
        assert app.extensions["sealgate"].policy.verifier is verifier

    @pytest.mark.parametrize("verifier", [None, "shop.gate.partners", object()])
    def test_missing_verifier_is_a_configuration_error(self, verifier: Any) -> None:
        app = Flask(__name__)
        with pytest.raises(ConfigurationError, match=r"^verifier: "):
            Sealgate(app, verifier)
        assert "sealgate" not in app.extensions

    def test_second_installation_is_a_configuration_error(self) -> None:
        app = Flask(__name__)
        Sealgate(app, RFC9421.verifier())
        with pytest.raises(ConfigurationError, match="already"):
            Sealgate(app, RFC9421.verifier())

    def test_mount_that_cannot_be_is_a_configuration_error(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^script_name: "):
            Sealgate(script_name="shop/")
