"""Framing: two messages with one signature base have equal parts, unless the scheme says that they may not have."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from drawn_schemes import LITERALS, Drawn, Hole, schemes, signed_is_accepted, twins, values_of
from judged import HOST, NOW, ORIGIN
from sealgate import ConfigurationError, Rejected, Request, Scheme
from sealgate.schemes import by_name

A, B, O = Hole("header:x-a"), Hole("header:x-b"), Hole("header:x-o?")  # noqa: E741
METHOD, PATH, QUERY, BODY = Hole("@method"), Hole("@path"), Hole("@query"), Hole("body")
CREATED, ID = Hole("created"), Hole("message_id")


@settings(phases=[Phase.generate])  # what is drawn is small already
@given(data=st.data())
def test_the_signature_of_a_message_fits_no_other_cut_of_its_base(data: st.DataObject) -> None:
    """C1: whoever has a message, and takes its base apart in another way, has a message that is refused."""
    drawn = data.draw(schemes())
    weaknesses = drawn.scheme.weaknesses()
    for values in data.draw(st.lists(values_of(drawn), min_size=4, max_size=4)):
        for twin in twins(drawn, values)[1:]:
            same = all(hole.rendered(values[hole.source]) == hole.rendered(twin[hole.source]) for hole in drawn.holes)
            assert ("lossy-transform" if same else "adjacent-parts") in weaknesses, (values, twin)


@given(data=st.data())
def test_what_is_drawn_is_mostly_accepted(data: st.DataObject) -> None:
    """A value that holds the literal after it is refused; were all refused, the search would find nothing."""
    drawn = data.draw(schemes())
    values = data.draw(values_of(drawn))
    assume(drawn.carried != "joined" or not any("." in values[claim] for claim in drawn.claims))
    assert drawn.is_framed(values) == signed_is_accepted(drawn, values)


@pytest.mark.parametrize(
    ("parts", "values"),
    [
        ((A, B, PATH), {"header:x-a": "ab", "header:x-b": "1", "@path": "/"}),
        ((PATH, QUERY), {"@path": "/a", "@query": "b"}),
        ((PATH, O, "\n", METHOD), {"@path": "/a", "header:x-o?": "b", "@method": "A"}),
        ((PATH, "aba", A, BODY), {"@path": "/", "header:x-a": "b", "body": "{"}),
        ((CREATED, BODY), {"created": str(NOW), "body": "1{"}),
        ((METHOD, BODY, CREATED), {"@method": "A", "body": "{1", "created": str(NOW)}),
        ((ID, CREATED, BODY), {"message_id": "a1", "created": str(NOW), "body": "{"}),
        ((Hole("json:/m:text"), Hole("json:/n:text")), {"json:/m:text": "a", "json:/n:text": "b"}),
        (
            (Hole("json:/m:text"), Hole("json:/o:text?"), "\n", PATH),
            {"json:/m:text": "ab", "json:/o:text?": "", "@path": "/"},
        ),
    ],
    ids=str,
)
def test_the_search_finds_the_twins_of_adjacent_parts(parts: tuple[str | Hole, ...], values: dict[str, str]) -> None:
    """Or its silence elsewhere would mean nothing."""
    drawn = Drawn(parts)
    assert 1 < len(twins(drawn, values))
    assert "adjacent-parts" in drawn.scheme.weaknesses()


@pytest.mark.parametrize("transform", ["lower"])
def test_the_search_finds_the_twins_of_a_lossy_transform(transform: str) -> None:
    drawn = Drawn((PATH, "\n", Hole("header:x-a", transform)))
    assert [
        {"@path": "/", "header:x-a": "aB"},
        {"@path": "/", "header:x-a": "ab"},
        {"@path": "/", "header:x-a": "AB"},
    ] == twins(drawn, {"@path": "/", "header:x-a": "aB"})
    assert "lossy-transform" in drawn.scheme.weaknesses()


@pytest.mark.parametrize("literal", LITERALS, ids=ascii)
def test_a_literal_between_two_parts_leaves_no_twin(literal: str) -> None:
    """Also where a part may be empty or absent, and where the literal overlaps itself."""
    for last in (B, O, BODY):
        drawn = Drawn((PATH, literal, A, literal, last))
        assert "adjacent-parts" not in drawn.scheme.weaknesses()
        for value in ("b", "", "A"):
            values = {"@path": "/", "header:x-a": value, last.source: "{" + literal.strip() + "b" + literal.strip()}
            assert 1 == len(twins(drawn, values)), values


@pytest.mark.parametrize("literal", LITERALS, ids=ascii)
def test_a_greedy_part_may_hold_the_literal_behind_it_and_leaves_no_twin(literal: str) -> None:
    greedy = Hole("header:x-b", "greedy")
    for parts in ((PATH, literal, greedy, literal, A), (greedy, literal, PATH), (PATH, literal, greedy)):
        drawn = Drawn(parts)
        assert "adjacent-parts" not in drawn.scheme.weaknesses()
        plain = {hole.source: "/" for hole in drawn.holes}
        for text in (literal, literal * 2, f"b{literal}b", literal[:1], "b"):
            values = {**plain, greedy.source: text.replace("\n", "")}
            assert [values] == twins(drawn, values), parts
        for other in plain.keys() - {greedy.source}:
            assert not twins(drawn, {**plain, other: f"/{literal}b"}), parts


_PATHS = ("/", "/a", "/a1", "/1")
_QUERIES = ("", "?1", "?a=1", "?a=11")
_BODIES = (b"", b"1", b"11", b"a=1", b"1a=1", b"a1=1", b'{"data": 1}', b'{"data": 11}', b'1{"data": 1}')
_CREATED = (NOW, NOW // 10, NOW * 10 + 1)
_NONCES = ("n" * 16, "n" * 16 + "1")
_PRESETS = by_name()


def _twins_of(scheme: Scheme) -> list[tuple[object, object]]:
    """Pairs of messages that differ in what the scheme covers, and have one signature base."""
    made: dict[bytes, object] = {}
    found = []
    for method, path, query, body, created, nonce, kind in itertools.product(
        ("GET", "POST"), _PATHS, _QUERIES, _BODIES, _CREATED, _NONCES, ("application/json", "1")
    ):
        fields = [("Host", HOST), ("Content-Type", kind)]
        request = Request(method, path + query, fields, body, origin=ORIGIN, params=dict.fromkeys(scheme.params, path))
        try:
            base = scheme.signature_base(request, "acme" if scheme.names_key else None, created, nonce)
        except (ConfigurationError, Rejected):
            continue
        parts: dict[str, object] = {
            "@method": method,
            "@path": path,
            "@query": query,
            "@authority": HOST,
            "host": HOST,
            "@target-uri": path + query,
            "@request-target": path + query,
            "content-type": kind,
            "content-length": body,
            "body": body,
            "content-digest": body,
            "form": body,
            "param:id": path,
            "json:/data": body,
        }
        covered = [parts[name] for name in scheme.covered]
        covered += [] if "no-time" in scheme.weaknesses() else [created]
        covered += [nonce] if scheme.replay_class == "nonce" else []
        if made.setdefault(base, covered) != covered:
            found.append((made[base], covered))
    assert len(made) > 1
    return found


@pytest.mark.parametrize("name", _PRESETS)
def test_messages_of_a_preset_share_a_base_only_as_its_weaknesses_say(name: str) -> None:
    scheme = _PRESETS[name]
    assert {"adjacent-parts", "lossy-transform"} & scheme.weaknesses() or not _twins_of(scheme)


def test_what_square_signs_can_be_cut_in_two_ways() -> None:
    """C2: the target URI, and the body right behind it."""
    assert _twins_of(_PRESETS["square"])
