"""Promises about the target: that what was signed is what is routed on, whatever the server makes of it."""

from __future__ import annotations

from dataclasses import replace

from contract.messages import LOOK, ORDER, signed
from contract.promise import Promises
from judged import RFC9421


class Targets(Promises):
    def test_percent_encoded_paths_are_verified_and_routed_as_sent(self) -> None:
        application = self.build(RFC9421.verifier())
        targets = [
            "/orders/a%20b",
            "/orders/%C3%A9",
            "/orders/%7Ea",
            "/orders/a;b=c",
            "/orders/a%3Fb",
            "/orders/1?a=%2F",
        ]
        messages = {target: signed(replace(ORDER, target=target)) for target in targets}
        self.holds(dict.fromkeys(targets, (200, [ORDER.body])), self.outcomes(application, messages))

    def test_another_spelling_of_the_path_is_another_path(self) -> None:
        application = self.build(RFC9421.verifier())
        spellings = [
            ("/orders/~a", "/orders/%7Ea"),
            ("/orders/%C3%A9", "/orders/%c3%a9"),
            ("/orders/1?", "/orders/1?&"),
        ]
        statuses = [self.ask(application, replace(signed(replace(ORDER, target=a)), target=b)) for a, b in spellings]
        self.holds(([401] * len(spellings), []), ([answer.status for answer in statuses], self.seen))

    def test_odd_targets_are_a_refusal_and_nothing_else(self) -> None:
        application = self.build(RFC9421.verifier())
        odd = ["/%ff", "/%zz", "/\xff", "//orders", "*", "http://other/orders", "/a#b", "/\x00", "", "orders", "/%"]
        statuses = {
            (kind, target): self.ask(application, replace(message, target=target)).status
            for kind, message in (("unsigned", ORDER), ("signed for another", signed()))
            for target in odd
        }
        self.holds({"other answers": set(), "read": []}, self.others(statuses, 400, 401))

    def test_path_that_is_not_the_raw_one_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        paths = ["/Orders", "/orders/", "/orders/../orders", "/", "", "/health"]
        statuses = {path: self.outcome(application, signed(), path=path) for path in paths}
        self.holds(dict.fromkeys(paths, (400, [])), statuses)

    def test_server_without_a_raw_target_takes_plain_paths_only(self) -> None:
        """There `%2F` reads as `/`, which is another path; what else needs encoding could be read in two ways."""
        application = self.build(RFC9421.verifier())
        expected = {"/orders": 200, "/orders/1": 200, "/orders%2F1": 401, "/or%20ders": 400, "/%C3%A9": 400}
        messages = {target: signed(replace(ORDER, target=target)) for target in expected}
        self.holds(expected, {t: self.ask(application, m, raw=False).status for t, m in messages.items()})

    def test_application_takes_its_own_mount_only(self) -> None:
        """gunicorn lets a trusted peer choose SCRIPT_NAME by a header: it moves the route, not what was signed."""
        order = replace(ORDER, target="/shop/orders")
        told = {}
        for mount in ("", "/shop"):
            application = self.build(RFC9421.verifier(), mount=mount)
            for given, target in (("", "/orders"), ("/shop", "/shop/orders"), ("/shop/orders", "/shop/orders")):
                message = signed(replace(order, target=target))
                told[mount, given] = self.ask(application, message, mount=given).status
        kept = {("", ""), ("/shop", "/shop")}
        self.holds({case: 200 if case in kept else 400 for case in told}, told)

    def test_not_found_and_not_allowed_are_told_to_signers_only(self) -> None:
        application = self.build(RFC9421.verifier())
        messages = {404: replace(LOOK, target="/nowhere"), 405: replace(LOOK, method="DELETE", target="/json")}
        unsigned = {f"unsigned {status}": self.ask(application, each).status for status, each in messages.items()}
        told = {f"signed {status}": self.ask(application, signed(each)).status for status, each in messages.items()}
        expected = {"unsigned 404": 401, "unsigned 405": 401, "signed 404": 404, "signed 405": 405}
        self.holds(expected, {**unsigned, **told})
