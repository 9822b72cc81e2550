"""Django: a rule counts where it is written, whatever leads to the view, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.urls import include, path, re_path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from asgi_client import ORDER, signed
from django_rules import (
    CLOSED,
    HOOKED,
    HOOKS,
    LIST,
    LOOK,
    OPEN,
    BelowHooks,
    Both,
    Colours,
    Coroutines,
    DispatchedHooks,
    HookColours,
    Hooks,
    Mixed,
    News,
    OnClass,
    OnDispatch,
    OnHandler,
    OnNamedHandler,
    OpenApi,
    OpenBelowHooks,
    OpenColours,
    OpenCoroutines,
    admitted,
    ask,
    coroutine,
    fresh,
    hooked,
    project,
    routed,
    view,
)
from judged import KEY_ID, OTHER_KEY, RFC9421
from sealgate import ConfigurationError
from sealgate.django import exempt, require

#: Patterns, and who reaches each target.
PLACES: dict[str, tuple[Callable[[], list[Any]], dict[str, list[str]]]] = {
    "no rule": (lambda: [path("a", view)], {"/a": CLOSED}),
    "functions": (
        lambda: [
            path("open", exempt("r")(fresh())),
            path("hooks", require(HOOKS)(fresh())),
            path("wrapped", never_cache(csrf_exempt(require(HOOKS)(fresh())))),
            path("partial", partial(exempt("r")(fresh()))),
        ],
        # A partial is another endpoint than the function in it.
        {"/open": OPEN, "/hooks": HOOKED, "/wrapped": HOOKED, "/partial": CLOSED},
    ),
    "coroutines": (
        lambda: [path("a", coroutine), path("b", OpenCoroutines.as_view()), path("c", Coroutines.as_view())],
        {"/a": CLOSED, "/b": OPEN, "/c": CLOSED},
    ),
    "patterns": (
        lambda: [exempt("r")(path("a", view)), require(HOOKS)(re_path("^b$", view)), path("c", view)],
        {"/a": OPEN, "/b": HOOKED, "/c": CLOSED},
    ),
    "classes": (
        lambda: [
            path("dispatch", OnDispatch.as_view()),
            path("class", OnClass.as_view()),
            path("handler", OnHandler.as_view()),
            path("named", OnNamedHandler.as_view()),
            path("instance", exempt("r")(Both.as_view())),
            path("beside", Both.as_view()),
            path("hooks", Hooks.as_view()),
            path("below", BelowHooks.as_view()),
            path("open-below", OpenBelowHooks.as_view()),
            path("dispatched", DispatchedHooks.as_view()),
        ],
        {
            "/dispatch": OPEN,
            "/class": OPEN,
            "/handler": OPEN,
            "/named": OPEN,
            "/instance": OPEN,
            "/beside": CLOSED,
            "/hooks": HOOKED,
            "/below": HOOKED,
            "/open-below": ["anybody", "hooks"],
            "/dispatched": HOOKED,
        },
    ),
    "view sets": (
        lambda: [
            path("open", OpenColours.as_view(LIST)),
            path("hooks", HookColours.as_view(LIST)),
            path("closed", Colours.as_view(LIST)),
            path("api", OpenApi.as_view()),
            path("", include(routed(Mixed).urls)),
        ],
        {
            "/open": OPEN,
            "/hooks": HOOKED,
            "/closed": CLOSED,
            "/api": OPEN,
            "/mixed": CLOSED,
            "/mixed/closed": CLOSED,
            "/mixed/opened": OPEN,
            "/mixed/hooks": HOOKED,
        },
    ),
    "includes": (
        lambda: [
            path("text/", exempt("r")(include("django_rules"))),
            path("list/", require(HOOKS)(include([path("shared", view)]))),
            path("named/", exempt("r")(include(([path("shared", view)], "shop")))),
            path("instance/", exempt("r")(include(([path("shared", view)], "shop"), namespace="second"))),
            path("plain/", include("django_rules")),
        ],
        {
            "/text/shared": OPEN,
            "/list/shared": HOOKED,
            "/named/shared": OPEN,
            "/instance/shared": OPEN,
            "/plain/shared": CLOSED,
        },
    ),
    "nested includes": (
        lambda: [
            path("a/", exempt("r")(include([path("b/", include([path("c", view)]))]))),
            path("d/", exempt("r")(include([path("e/", require(HOOKS)(include([path("f", view)])))]))),
            path("g/", require(HOOKS)(include([path("h", exempt("r")(fresh())), path("i", view)]))),
            path("j/", require(HOOKS)(include([exempt("r")(path("k", require(RFC9421.verifier())(fresh())))]))),
        ],
        {"/a/b/c": OPEN, "/d/e/f": HOOKED, "/g/h": ["anybody", "hooks"], "/g/i": HOOKED, "/j/k": CLOSED},
    ),
    "one include of two": (
        lambda: [
            path("a/", include("django_rules")),
            path("b/", exempt("r")(include("django_rules"))),
            path("c/", include("django_rules")),
        ],
        {"/a/shared": CLOSED, "/b/shared": OPEN, "/c/shared": CLOSED},
    ),
    "feeds": (
        lambda: [path("feed", exempt("r")(News())), path("closed-feed", News())],
        {"/feed": OPEN, "/closed-feed": CLOSED},
    ),
    "converters": (
        lambda: [
            path("<int:number>", exempt("r")(fresh())),
            path("<slug:name>", view),
            path("x/<uuid:number>", exempt("r")(fresh())),
            path("x/<path:rest>", view),
        ],
        {
            "/7": OPEN,
            "/seven": CLOSED,
            "/x/7": CLOSED,
            "/x/b0c1b4d6-5b4c-4b0e-8f0e-6f6f1c1d2e3f": OPEN,
            "/x/b0c1b4d6-5b4c-4b0e-8f0e-6f6f1c1d2e3f/": CLOSED,
        },
    ),
    "the first pattern that matches": (
        lambda: [
            path("", include([path("a", view)])),
            path("", exempt("r")(include([path("a", view), path("b", view)]))),
        ],
        {"/a": CLOSED, "/b": OPEN},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_rule_counts_where_it_is_written_and_nowhere_else(place: str) -> None:
    patterns, expected = PLACES[place]
    with project(*patterns()) as handler:
        actual = {target: admitted(handler, target) for target in expected}
    assert expected == actual


def test_names_still_lead_through_includes_that_have_rules() -> None:
    named = ([path("item/<int:number>", view, name="item")], "shop")
    patterns = [
        path("a/", exempt("r")(include("django_rules"))),
        path("b/", require(HOOKS)(include(named))),
        path("c/", exempt("r")(include(named, namespace="second"))),
    ]
    with project(*patterns):
        found = [reverse("shared"), reverse("shop:item", args=[1]), reverse("second:item", kwargs={"number": 2})]
    assert found == ["/a/shared", "/b/item/1", "/c/item/2"]


# What is shared


def test_rule_on_a_view_in_one_pattern_does_not_open_it_in_another() -> None:
    """`serve` is the view of static files and of uploads alike: a URLconf that exempts one does not mean the other."""
    shared = fresh()
    with project(path("public", exempt("public files")(shared)), path("private", shared)) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public"), admitted(handler, "/private"))


def test_rule_on_a_list_of_patterns_does_not_follow_them_into_another_include() -> None:
    shared = [path("a", view)]
    with project(
        path("public/", include(exempt("r")(shared))),  # type: ignore[arg-type]
        path("private/", include(shared)),  # type: ignore[arg-type]
    ) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public/a"), admitted(handler, "/private/a"))


def test_rule_on_the_urls_of_a_router_does_not_follow_them_into_another_include() -> None:
    router = routed(Colours)
    with project(
        path("public/", include(exempt("r")(router.urls))),
        path("private/", include(router.urls)),
    ) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public/mixed"), admitted(handler, "/private/mixed"))


def test_rule_is_on_what_is_returned_and_on_nothing_else() -> None:
    """What is routed elsewhere as well stays as it is there."""
    late, pattern = fresh(), path("b", view)
    require(HOOKS)(late)
    exempt("r")(pattern)
    with project(path("a", late), pattern, path("c", require(HOOKS)(late)), exempt("r")(path("d", view))) as handler:
        assert [CLOSED, CLOSED, HOOKED, OPEN] == [admitted(handler, f"/{name}") for name in "abcd"]


# What a rule says


def test_keys_of_a_rule_are_the_only_ones() -> None:
    partners = RFC9421.verifier(keys={KEY_ID: RFC9421.keys[KEY_ID], "globex": OTHER_KEY})
    patterns = [path("one", require(partners, keys={"globex"})(fresh())), path("any", require(partners)(fresh()))]
    with project(*patterns, SEALGATE={"VERIFIER": partners}) as handler:
        statuses = [ask(handler, signed(replace(ORDER, target=target))).status for target in ("/one", "/any")]
    assert statuses == [403, 200]


def test_several_verifiers_are_any_of_them_and_no_other() -> None:
    patterns = [path("a", require(RFC9421.verifier(), HOOKS)(fresh())), path("b", require(HOOKS)(fresh()))]
    with project(*patterns) as handler:
        assert [["partners", "hooks"], HOOKED] == [admitted(handler, target) for target in ("/a", "/b")]


def test_query_that_may_go_uncovered_may_and_no_other() -> None:
    """GitHub signs the body alone."""
    patterns = [path("a", require(HOOKS, uncovered=("query",))(fresh())), path("b", require(HOOKS)(fresh()))]
    with project(*patterns) as handler:
        statuses = [ask(handler, hooked(replace(ORDER, target=f"/{name}?x=1"))).status for name in "ab"]
    assert statuses == [200, 401]


@pytest.mark.parametrize(("days", "expected"), [(-1, CLOSED), (1, OPEN)])
def test_exemption_of_an_include_ends(days: int, expected: list[str]) -> None:
    until = datetime.now(UTC) + timedelta(days=days)
    with project(path("a/", exempt("r", until=until)(include([path("b", view)])))) as handler:
        assert expected == admitted(handler, "/a/b")


def test_exemption_that_says_nothing_of_a_method_leaves_it_to_the_rule_around_it() -> None:
    inner = path("b", exempt("r", methods=("POST",))(fresh()))
    with project(path("a/", require(HOOKS)(include([inner])))) as handler:
        assert ["anybody with a body", "partners", "hooks"] == admitted(handler, "/a/b")
        assert 401 == ask(handler, signed(replace(LOOK, target="/a/b"))).status


@pytest.mark.parametrize("mark", [require(HOOKS), exempt("r")])
def test_second_rule_on_one_include_is_a_configuration_error(mark: Callable[[Any], Any]) -> None:
    with pytest.raises(ConfigurationError, match="has a rule already"):
        mark(exempt("r")(include([path("a", view)])))
