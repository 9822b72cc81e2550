"""A scheme of one's own is linted: what no message could have, or what would prove nothing, is found at construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sealgate import ConfigurationError, Members, Scheme

S = "{signature:hex}"
Templates = Mapping[str, str | Members]


def mistake(**settings: Any) -> str:
    settings = {"base": "{@method}\n{body}", "fields": {"X-Sig": S}, "accept_weaknesses": None, **settings}
    with pytest.raises(ConfigurationError) as wrong:
        Scheme(settings.pop("name", "own"), **settings)
    return str(wrong.value)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "\x00", "\u00e9", "x" * 65])
def test_a_name_that_no_log_could_show_is_found(name: str) -> None:
    said = "name: a scheme's has 1 to 64 visible ASCII characters"
    assert said == mistake(name=name)
    with pytest.raises(ConfigurationError, match=said):
        Scheme.message_signature(name)
    with pytest.raises(ConfigurationError, match=said):
        Scheme.aws_sigv4(name, region=None, service=None)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("", "base: a text without a part signs nothing"),
        ("constant", "base: a text without a part signs nothing"),
        ([], "base: none"),
        *(
            (["{@target-uri:with-port}\n{json:/a:text}", other], "base: several of them may differ in with-port and")
            for other in (
                "{@target-uri:with-port}",
                "{json:/a:text}\n{@target-uri:with-port}",
                "x{@target-uri:with-port}\n{json:/a:text}",
                "{@target-uri:with-port}{json:/a:text}",
                "{@target-uri:with-port}:{json:/a:text}",
                "{@target-uri:with-port}\n{json:/a}",
                "{@target-uri:with-port}\n{json:/b:text}",
                "{@target-uri:with-port:delimiters}\n{json:/a:text}",
                "{@path}\n{json:/a:text}",
            )
        ),
        ("{header:x-sig}.{body}", "base: the field x-sig carries the signature of itself"),
        ("{header:x-sig?}.{body}", "base: the field x-sig carries the signature of itself"),
        ("{@method}.{digest:sha256:hex}", "base: a claim that no field carries"),
        ("{created}.{body}", "base: a claim that no field carries"),
        ("{created:rfc3339}.{body}", "this part cannot stand in a base"),
        *(
            (base, "greedy: one part, and from there on literals between the parts")
            for base in (
                "{@method:greedy}{body}",
                "{@method:greedy}\n{@path}{body}",
                "{@method:greedy}\n{@path}\n{body:sha256:hex}{@query}",
                "{@method:greedy}\n{body:greedy}",
            )
        ),
        ("{@method:greedy:hex}", "this part cannot stand in a base"),
        ("{body:sha256:greedy}", "this part cannot stand in a base"),
        ("{form}{body}", "the form beside the body, or members of it"),
        ("{form}{json:/a}", "the form beside the body, or members of it"),
        ("{form:jcs}", "this part cannot stand in a base"),
        ("{json:/a}{body}", "members of the body beside all of it"),
        ("{json:/a:jcs}{json:/b:pyjson}", "the body in two forms: the application can be handed only one"),
        ("{json:/a}{json:/a/b}", "the member /a/b lies in /a"),
        ("{json:a}", "not a JSON pointer to a member at index 0"),
        ("{@path:with-port}", "this part cannot stand in a base"),
        ("{@target-uri:with-port:without-port}", "this part cannot stand in a base"),
        ("{body:delimiters}", "this part cannot stand in a base"),
        ("{body:sha256:jcs}", "this part cannot stand in a base"),
        ("{@query:lower:sorted}", "this part cannot stand in a base"),
        ("v1{@method}{header:x-a??}", "unknown part at index 11"),
        ("{param:a-b}", "not the name of a parameter at index 0"),
        ("{@signature-params}", "unknown part at index 0"),
    ],
    ids=str,
)
def test_a_base_that_cannot_be_signed_is_found(base: str | Sequence[str], said: str) -> None:
    assert mistake(base=base).startswith(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "fields: no field has a {signature:…}"),
        ({"X-Version": "1"}, "fields: no field has a {signature:…}"),
        ({"X-Sig": S, "x-sig": S}, "fields: x-sig twice"),
        ({"X-Sig": S, "X-Sig?": S}, "fields: x-sig twice"),
        ({"X-Sig??": S}, 'not a field name: "X-Sig?"'),
        ({"?": S}, 'not a field name: ""'),
        ({"X_Sig": S}, 'not a field name: "X_Sig"'),
        ({"X-Sig": S, "X-Version": ""}, "a field without text"),
        ({"X-Sig": S, "X-Version": " 1"}, "no field is received with these characters"),
        ({"X-Sig": S, "X-Version": "1\n"}, "no field is received with these characters"),
        ({"X-Sig": f"\u00e9{S}"}, "no field is received with these characters"),
        ({"X-Sig": "{signature:sha256:hex}"}, "this part cannot stand in a field"),
        ({"X-Sig": "{signature:hex:hex}"}, "this part cannot stand in a field"),
        ({"X-Sig": S, "X-Digest": "{digest}"}, "this part cannot stand in a field"),
        ({"X-Sig": S, "X-Digest": "{digest:md5:hex}"}, "unknown transform at index 0"),
        ({"X-Sig": S, "X-Digest": "{digest:sha256:hex}"}, "fields: a claim that the base does not sign"),
        ({"X-Sig": S, "X-Id": "{key_id:hex}"}, "this part cannot stand in a field"),
        ({"X-Sig": S, "X-Nonce": "{nonce:ms}"}, "this part cannot stand in a field"),
    ],
    ids=str,
)
def test_fields_that_no_message_could_have_are_found(fields: Templates, said: str) -> None:
    assert mistake(fields=fields).startswith(said)


@pytest.mark.parametrize(
    ("separator", "members", "said"),
    [
        (",", ["t={created},s={signature:hex}"], "members: one that holds the separator"),
        (" ", ["t={created}", "s {signature:hex}"], "members: one that holds the separator"),
        (",", ["t={created}", "t={nonce}", S], "members: one that begins as another does cannot be told from it"),
        (",", ["s={signature:hex}", "s={signature:base64}"], "members: one that begins as another does"),
        (",", ["{created}", "s={signature:hex}"], "members: one that begins as another does cannot be told from it"),
        (",", ["s={signature:hex}", "s=1{created}"], "members: one that begins as another does cannot be told from it"),
        (",", ["t={created}", "version", "s={signature:hex}"], "members: one without a part"),
    ],
    ids=str,
)
def test_members_that_are_never_read_are_found(separator: str, members: list[str], said: str) -> None:
    """They would be taken for another's, or for two: no message could be verified."""
    fields = {"X-Sig": Members(separator, *members)}
    assert mistake(base="{created}.{nonce}.{body}", fields=fields).startswith(said)
    assert mistake(base="{json:/data}", fields={}, json={"/sig": fields["X-Sig"]}).startswith(said)


@pytest.mark.parametrize("separator", ["", "ab", "\u00e9", "a b", "  b"])
def test_a_separator_is_one_character(separator: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^members: expected one ASCII character and at least one template$"):
        Members(separator, S)


def test_members_without_one_are_none() -> None:
    with pytest.raises(ConfigurationError, match=r"^members: expected one ASCII character and at least one template$"):
        Members(",")


def test_a_field_that_may_be_absent_carries_signatures_only() -> None:
    said = "fields: one that a message may do without carries nothing but signatures"
    assert said == mistake(base="{created}.{body}", fields={"X-Time?": "{created}", "X-Sig": S})
    assert said == mistake(fields={"X-Sig": S, "X-Id?": "{key_id}"})


@pytest.mark.parametrize("other", ["{created:ms}", "{created:rfc3339}", "{created:http-date}", "{created:amz-date}"])
def test_a_claim_has_one_form(other: str) -> None:
    """In two places it must be the same octets, and in two forms it never is."""
    said = "fields: a claim in two forms, which are never the same text"
    fields = {"X-Time": "{created}", "X-Sig": S}
    assert said == mistake(base="{created}.{body}", fields={**fields, "X-Other": other})
    assert said == mistake(base="{created}.{body}", fields=fields, json={"/at": other})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sig": S}, "query: one signature, alone and the last, signs what is before it"),
        ({"": "{created}"}, "query: a parameter's name has letters, digits and -._~ only"),
        ({"a b": "{created}"}, "query: a parameter's name has letters, digits and -._~ only"),
        ({"a&b": "{created}"}, "query: a parameter's name has letters, digits and -._~ only"),
        ({"a%20": "{created}"}, "query: a parameter's name has letters, digits and -._~ only"),
    ],
    ids=str,
)
def test_a_query_that_cannot_carry_a_claim_is_found(query: Templates, said: str) -> None:
    assert said == mistake(base="{@target-uri}{body}", query=query)


@pytest.mark.parametrize(
    ("base", "json", "said"),
    [
        ("{json:/d}", {"a": S}, 'not a JSON pointer to a member: "a"'),
        ("{json:/d}", {"": S}, 'not a JSON pointer to a member: ""'),
        ("{json:/d}", {"/d": S}, "json: the member /d lies in another, or another in it"),
        ("{json:/d}", {"/d/sig": S}, "json: the member /d/sig lies in another, or another in it"),
        ("{json:/d}", {"/a": S, "/a/b": S}, "json: the member /a lies in another, or another in it"),
        ("{json:/d}", {"/a": S, "/b": "{digest:sha256:hex}"}, "json: a body cannot hold its own digest"),
        ("{body}", {"/a": S}, "json: a signature cannot stand in the body that it signs"),
        ("{form}", {"/a": S}, "json: a signature cannot stand in the body that it signs"),
    ],
    ids=str,
)
def test_members_of_a_body_that_cannot_carry_a_claim_are_found(base: str, json: Templates, said: str) -> None:
    assert said == mistake(base=base, fields={}, json=json)


@pytest.mark.parametrize("key", ["", "TEXT", "jwk", "base32", "whsec_"])
def test_a_key_is_written_in_a_known_form(key: str) -> None:
    assert "key: expected text, hex, base64 or whsec" == mistake(key=key)


@pytest.mark.parametrize("max_age", [0, -1, -(2**40)])
def test_an_age_is_above_zero(max_age: int) -> None:
    assert "max_age: expected seconds above 0" == mistake(max_age=max_age)
