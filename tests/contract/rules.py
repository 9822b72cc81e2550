"""Promises about rules: which verifier or exemption a route has, and that none of them opens another route."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from contract.messages import HOOK, HOOKS, LOOK, ORDER, hooked, signed, signed_without_digest
from contract.promise import Promises
from contract.proofs import PUBLIC_BODY, Down
from exchange import CHUNKED, over_wsgi
from judged import KEY, RFC9421
from reference import Message
from sealgate.asgi import SignatureMiddleware as AsgiLayer
from sealgate.wsgi import SignatureMiddleware as WsgiLayer


def at(target: str, message: Message = ORDER) -> Message:
    return replace(message, target=target)


class Rules(Promises):
    """What the applications have, besides `/orders`, `/orders/<name>`, `/json`, `/form` and `/stream` for the default:

    `/plain` has no rule and asks for nothing; `/hook` requires `HOOKS`, `/either` `PARTNERS` or `HOOKS`; `/narrow` `PARTNERS` with the key id `globex`, `/wide`
    with `acme`; `/loose-query` `HOOKS` with an uncovered query, `/loose-body` `PARTNERS` with an uncovered body. `/health` is exempt for GET and HEAD, `/once`
    until a time in the past, `/still` until one in the future. `/group` is a group that requires `HOOKS`, with `/hook`
    inside it without a rule, `/own` that requires `PARTNERS`, `/open` that is exempt, `/nested/hook` in a group in it
    that requires `PARTNERS`; `/public` one that is exempt,
    with `/any` inside it without a rule, and `/own`.
    """

    #: Exempt classes, and what derives from them.
    open_classes: ClassVar[tuple[str, ...]] = ("/class",)
    closed_classes: ClassVar[tuple[str, ...]] = ("/subclass",)
    #: Groups that require `HOOKS`: an include, a blueprint, a router, a mount.
    groups: ClassVar[tuple[str, ...]] = ("/group",)

    def test_exempt_route_is_open_and_has_no_proof(self) -> None:
        answer = self.send(at("/health", LOOK))
        self.holds((200, b"no proof"), (answer.status, answer.body))

    def test_exempt_route_is_closed_for_other_methods(self) -> None:
        application = self.build(RFC9421.verifier())
        expected = {"HEAD": 200} | dict.fromkeys(("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"), 401)
        messages = {method: Message(method, "/health", LOOK.headers) for method in expected}
        self.holds(expected, {method: self.ask(application, each).status for method, each in messages.items()})

    def test_exempt_route_reads_no_body_and_needs_no_store(self) -> None:
        message = replace(at("/health", LOOK), body=b"a body")
        application = self.build(RFC9421.verifier(replay=Down(), keys=Down().add))
        answers = [self.ask(application, message), self.ask(application, message, CHUNKED)]
        self.holds({(200, False)}, {(answer.status, answer.read) for answer in answers})

    def test_exempt_route_opens_no_other_path(self) -> None:
        application = self.build(RFC9421.verifier())
        targets = ["/health/", "/healthy", "/health/x", "/Health", "/health%2F", "/x/../health", "/orders"]
        told = {target: self.outcome(application, at(target, LOOK)) for target in targets}
        self.holds(dict.fromkeys(targets, (401, [])), told)

    def test_after_until_the_route_is_closed_again(self) -> None:
        application = self.build(RFC9421.verifier())
        told = self.statuses(application, at("/once", LOOK), at("/still", LOOK))
        self.holds(
            {"in the past": 401, "in the future": 200}, dict(zip(("in the past", "in the future"), told, strict=True))
        )

    def test_class_can_be_exempt_and_what_derives_from_it_is_not(self) -> None:
        application = self.build(RFC9421.verifier())
        cls = type(self)
        expected = {
            **dict.fromkeys(cls.open_classes, (200, 200)),
            **dict.fromkeys(cls.closed_classes, (401, 200)),
        }
        told = {t: tuple(self.statuses(application, at(t, LOOK), signed(at(t, LOOK)))) for t in expected}
        self.holds(expected, told)

    def test_required_verifier_replaces_the_default(self) -> None:
        """A request signed for the default is 401 there, and a key of the default is no key of the other."""
        application = self.build(RFC9421.verifier())
        messages = {
            "for the required": hooked(),
            "for the default": signed(HOOK),
            "unsigned": HOOK,
            "the default's key": hooked(key=KEY),
        }
        refused: tuple[int, list[bytes]] = (401, [])
        expected = {**dict.fromkeys(messages, refused), "for the required": (200, [ORDER.body])}
        self.holds(expected, self.outcomes(application, messages))

    def test_any_of_several_verifiers_proves(self) -> None:
        application = self.build(RFC9421.verifier())
        either = at("/either")
        self.holds([200, 200, 401], self.statuses(application, signed(either), hooked(either), either))

    def test_body_that_one_verifier_has_read_is_there_for_the_next(self) -> None:
        application = self.build(RFC9421.verifier())
        changed = replace(signed(at("/either")), body=b'{"total": 2}')
        self.holds((200, [changed.body]), self.outcome(application, hooked(changed)))

    def test_key_that_a_route_does_not_admit_is_403(self) -> None:
        """And only a proven one: who has no key is told 401."""
        application = self.build(RFC9421.verifier())
        messages = {
            "not admitted": signed(at("/narrow")),
            "admitted": signed(at("/wide")),
            "unsigned": at("/narrow"),
            "forged": replace(signed(at("/narrow")), body=b"{}"),
        }
        refused: tuple[int, list[bytes]] = (401, [])
        expected = dict.fromkeys(messages, refused) | {"not admitted": (403, []), "admitted": (200, [ORDER.body])}
        self.holds(expected, self.outcomes(application, messages))

    def test_uncovered_query_is_taken_where_the_route_says_so_and_nowhere_else(self) -> None:
        """As where a provider signs the body, and the URL that it was given says whose webhook it is."""
        application = self.build(RFC9421.verifier())
        targets = ("/loose-query", "/either", "/hook", "/group/hook")
        messages = {target: hooked(at(f"{target}?tenant=7")) for target in targets}
        messages["another body"] = replace(messages["/loose-query"], body=b"{}")
        messages["without a query"] = hooked(at("/loose-query"))
        refused: tuple[int, list[bytes]] = (401, [])
        taken: tuple[int, list[bytes]] = (200, [ORDER.body])
        expected = dict.fromkeys(messages, refused) | {"/loose-query": taken, "without a query": taken}
        self.holds(expected, self.outcomes(application, messages))

    def test_uncovered_body_is_taken_where_the_route_says_so_and_nowhere_else(self) -> None:
        application = self.build(RFC9421.verifier())
        targets = ("/loose-body", "/wide", "/either", "/orders")
        messages = {target: signed_without_digest(at(target)) for target in targets}
        messages["another query"] = replace(messages["/loose-body"], target="/loose-body?dry=1")
        messages["a digest of another body"] = replace(signed(at("/loose-body")), body=b"{}")
        refused: tuple[int, list[bytes]] = (401, [])
        expected = dict.fromkeys(messages, refused) | {"/loose-body": (200, [ORDER.body])}
        self.holds(expected, self.outcomes(application, messages))

    def test_rule_of_a_group_holds_for_what_is_in_it(self) -> None:
        application = self.build(RFC9421.verifier())
        expected = {group: [200, 401, 401] for group in type(self).groups}
        told = {}
        for group in expected:
            message = at(f"{group}/hook")
            told[group] = self.statuses(application, hooked(message), signed(message), message)
        told["/public"] = self.statuses(application, at("/public/any", LOOK), at("/public/any"), at("/public"))
        self.holds({**expected, "/public": [200, 401, 401]}, told)

    def test_innermost_rule_counts(self) -> None:
        application = self.build(RFC9421.verifier())
        messages = {
            "required in a group that requires": signed(at("/group/own")),
            "the group's verifier there": hooked(at("/group/own")),
            "in a group in it that requires another": signed(at("/group/nested/hook")),
            "the outer group's verifier there": hooked(at("/group/nested/hook")),
            "exempt in a group that requires": at("/group/open", LOOK),
            "another method there": at("/group/open"),
            "required in a group that is exempt": signed(at("/public/own")),
            "unsigned there": at("/public/own", LOOK),
        }
        expected = dict(zip(messages, [200, 401, 200, 401, 200, 401, 200, 401], strict=True))
        self.holds(expected, {case: self.ask(application, message).status for case, message in messages.items()})

    def test_rule_of_a_view_does_not_follow_it_to_another_place(self) -> None:
        """The view of `/group/hook` is at `/same-hook` too, outside of the group."""
        application = self.build(RFC9421.verifier())
        self.holds([401, 200], self.statuses(application, hooked(at("/same-hook")), signed(at("/same-hook"))))

    def test_every_401_of_a_rule_is_the_public_one(self) -> None:
        application = self.build(RFC9421.verifier())
        public = self.ask(application, ORDER)
        messages = {
            "another verifier is required": signed(HOOK),
            "by the group": signed(at("/group/hook")),
            **{f"unsigned {target}": at(target) for target in ("/narrow", "/health", "/public/any", "/group/hook")},
            "after until": at("/once", LOOK),
            "the group's own verifier": hooked(at("/group/own")),
        }
        told = {case: self.ask(application, message) == public for case, message in messages.items()}
        self.holds(dict.fromkeys(messages, True), told)

    def test_403_is_one_answer_that_names_no_key(self) -> None:
        answer = self.send(signed(at("/narrow")))
        body = PUBLIC_BODY.replace(b"401", b"403").replace(b"Unauthorized", b"Forbidden")
        self.holds((403, body), (answer.status, answer.body))


class Layers(Promises):
    """Promises about what stands around the gate, and between it and the view.

    What `inside=` may be: a mapping of what is changed of every request (`method`, `path`, `query`), or `"cache"`,
    which answers a GET of `/orders` with what it has answered before.
    """

    def layer(self) -> type[WsgiLayer] | type[AsgiLayer]:
        return WsgiLayer if type(self).over is over_wsgi else AsgiLayer

    def test_layer_around_it_with_the_same_verifier_spends_one_nonce(self) -> None:
        verifier = RFC9421.verifier()
        application = self.layer()(self.build(verifier), verifier)
        message = signed()
        encoded = {
            target: self.outcome(application, signed(at(target)))
            for target in ("/orders/%C3%A9", "/orders/a%20b?x=%2F")
        }
        self.holds(
            {"signed": (200, [ORDER.body]), "again": (401, []), "unsigned": (401, []), "not there": (404, [])}
            | dict.fromkeys(encoded, (200, [ORDER.body])),
            {
                "signed": self.outcome(application, message),
                "again": self.outcome(application, message),
                "unsigned": self.outcome(application, ORDER),
                "not there": self.outcome(application, signed(at("/nowhere"))),
                **encoded,
            },
        )

    def test_layer_around_it_with_another_verifier_counts_besides(self) -> None:
        application = self.layer()(self.build(RFC9421.verifier()), HOOKS)
        messages = {"both": hooked(signed()), "the inner one": signed(), "the outer one": hooked(ORDER)}
        expected: dict[str, tuple[int, list[bytes]]] = {
            "both": (200, [ORDER.body]),
            "the inner one": (401, []),
            "the outer one": (401, []),
        }
        self.holds(expected, self.outcomes(application, messages))

    def test_layer_around_it_is_no_proof_for_a_route_that_requires_another(self) -> None:
        verifier = RFC9421.verifier()
        application = self.layer()(self.build(verifier), verifier)
        messages = {"the layer's": signed(HOOK), "both": hooked(signed(HOOK))}
        self.holds({"the layer's": (401, []), "both": (200, [ORDER.body])}, self.outcomes(application, messages))

    def test_request_changed_behind_the_gate_is_refused(self) -> None:
        """A signature over one request must not count for another one."""
        changes = {
            "method": {"method": "PUT"},
            "path": {"path": "/same-hook"},
            "query": {"query": "admin=1"},
            "nothing": {},
        }
        told = {}
        for what, change in changes.items():
            told[what] = self.outcome(self.build(RFC9421.verifier(), inside=change), signed(at("/plain")))
        refused: tuple[int, list[bytes]] = (401, [])
        self.holds(dict.fromkeys(changes, refused) | {"nothing": (200, [ORDER.body])}, told)

    def test_exempt_request_moved_to_a_closed_route_is_refused(self) -> None:
        application = self.build(RFC9421.verifier(), inside={"path": "/plain"})
        self.holds((401, []), self.outcome(application, at("/health", LOOK)))

    def test_cached_answer_is_not_given_to_an_unsigned_request(self) -> None:
        application = self.build(RFC9421.verifier(), inside="cache")
        with self.reading() as read:
            statuses = self.statuses(application, signed(LOOK), signed(LOOK), LOOK, signed(LOOK))
        self.holds(([200, 200, 401, 200], [b""]), (statuses, read))
