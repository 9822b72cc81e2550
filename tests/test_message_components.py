"""RFC 9421, 2: components with parameters, each by its value as the RFC has it, and what each of them covers."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable
from typing import Any

import http_sf
import pytest

import reference
from judged import KEY, KEY_ID, NONCE, NOW, ORIGIN
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Response, Scheme, Signer, Verified, Verifier, schemes
from sealgate.exceptions import InvalidSignature, NotCovered

ADDRESS = ["@method", "@authority", "@path", "@query"]
PARAMS = f';created={NOW};keyid="{KEY_ID}";nonce="{NONCE}"'
TYPES = {"example-dict": "dictionary", "example-list": "list", "example-item": "item"}
SCHEME = Scheme.message_signature("typed", structured_fields=TYPES)
DICT = "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d "

#: Field and value, identifier, component value: RFC 9421, 2.1.1 to 2.1.3, and RFC 9651 where it says what is strict.
FIELDS = [
    (("Example-Dict", DICT), '"example-dict";sf', "a=1, b=2;x=1;y=2, c=(a b c), d"),
    (("Example-Dict", DICT), '"example-dict";key="a"', "1"),
    (("Example-Dict", DICT), '"example-dict";key="b"', "2;x=1;y=2"),
    (("Example-Dict", DICT), '"example-dict";key="c"', "(a b c)"),
    (("Example-Dict", DICT), '"example-dict";key="d"', "?1"),
    (("Example-Dict", DICT), '"example-dict";sf;key="d"', "?1"),
    (("Example-Dict", DICT), '"example-dict";key="a";sf', "1"),
    (("Example-Dict", DICT), '"example-dict";bs', f":{base64.b64encode(DICT.strip().encode()).decode()}:"),
    (("Example-Dict", ""), '"example-dict";sf', ""),
    (("Example-Dict", ""), '"example-dict";bs', "::"),
    (("Example-List", '"a",( 1  2.50 );q=?1,:YQ==:,@9'), '"example-list";sf', '"a", (1 2.5);q, :YQ==:, @9'),
    (("Example-Item", " 0042;a=?0"), '"example-item";sf', "42;a=?0"),
    (("Priority", "u=1,i"), '"priority";sf', "u=1, i"),
    (("Cache-Status", "a;hit,b"), '"cache-status";sf', "a;hit, b"),
    (("X-Any", 'k="\\"v"'), '"x-any";key="k"', '"\\"v"'),
    (("X-Any", "value, with, lots, of, commas"), '"x-any";bs', ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:"),
]


def verified(message: Message, lines: list[tuple[str, str]], scheme: Scheme = SCHEME, **settings: Any) -> Verified:
    verifier = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    message = message.plus(reference.signed_lines(lines, PARAMS, KEY))
    return verifier.verify(Request(message.method, message.target, list(message.headers), message.body), **settings)


def lines_of(message: Message, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [*((f'"{name}"', reference.component(message, name, ORIGIN)) for name in ADDRESS), *more]


def refused(call: Callable[[], object]) -> Rejected:
    """By policy: the signature itself is right."""
    with pytest.raises(Rejected) as error:
        call()
    assert not isinstance(error.value, InvalidSignature)
    return error.value


@pytest.mark.parametrize(("field", "identifier", "value"), FIELDS)
def test_a_component_with_parameters_has_the_value_that_the_rfc_gives_it(
    field: tuple[str, str], identifier: str, value: str
) -> None:
    message = Message("GET", "/p", [field])
    assert identifier in verified(message, lines_of(message, (identifier, value))).covered
    with pytest.raises(InvalidSignature):
        verified(message, lines_of(message, (identifier, value + " ")))


QUERY = "/p?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something"
PARAMETERS = [
    (QUERY, "var", "this%20is%20a%20big%0Amultiline%20value"),
    (QUERY, "bar", "with%20plus%20whitespace"),
    (QUERY, "fa%C3%A7ade%22%3A%20", "something"),
    ("/p?a", "a", ""),
    ("/p?&&a=1=2&&", "a", "1%3D2"),
    ("/p?%61=%7e%2A*-._~", "a", "%7E**-._%7E"),
    ("/p?a=%zz%4", "a", "%25zz%254"),
    ("/p?a=b;c=d", "a", "b%3Bc%3Dd"),
]


@pytest.mark.parametrize(("target", "name", "value"), PARAMETERS)
def test_a_query_parameter_is_encoded_anew(target: str, name: str, value: str) -> None:
    """RFC 9421, 2.2.8."""
    message = Message("GET", target)
    identifier = f'"@query-param";name="{name}"'
    assert identifier in verified(message, lines_of(message, (identifier, value))).covered


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/p?a=1&a=2", "a"),
        ("/p?a=1&%61=1", "a"),
        ("/p?a=1", "b"),
        ("/p", "a"),
        ("/p?a=1", "%61"),
        ("/p?A=1", "a"),
        ("/p?a=%FF", "a"),
        ("/p?a=1&%FF=2", "a"),
        ("/p?b%20c=1", "b c"),
        ("/p?b%20c=1", "b+c"),
    ],
)
def test_a_query_parameter_that_is_absent_or_not_the_only_one_is_refused(target: str, name: str) -> None:
    message = Message("GET", target)
    refused(lambda: verified(message, lines_of(message, (f'"@query-param";name="{name}"', "1"))))


@pytest.mark.parametrize(
    "identifier",
    [
        '"@method";req',
        '"@authority";req',
        '"content-type";req',
        '"signature";req;key="sig1"',
        '"@status"',
        '"@status";req',
        '"expires";tr',
        '"content-type";tr',
        '"content-type";sf',
        '"content-type";bs;sf',
        '"example-dict";sf;bs',
        '"example-dict";bs;key="a"',
        '"example-dict";key="z"',
        '"example-dict";key=a',
        '"example-dict";key',
        '"example-dict";key="a";key="b"',
        '"example-dict";sf="a"',
        '"example-dict";sf=?0',
        '"example-dict";bs=1',
        '"example-dict";xyz',
        '"example-dict";name="a"',
        '"example-item";key="a"',
        '"example-list";sf',
        '"example-item";sf',
        '"example-twice";key="a"',
        '"priority";sf',
        '"@query-param"',
        '"@query-param";name',
        '"@query-param";name=a',
        '"@query-param";name="a";sf',
        '"@query-param";name="a";key="b"',
        '"@path";name="a"',
        '"@path";sf',
        '"@signature-params"',
        '"@nonsense"',
        '"Content-Type"',
        '"x-absent"',
        '"x-absent";bs',
        "content-type",
        '""',
    ],
)
def test_components_that_nobody_has_or_that_are_not_ours_are_refused(identifier: str) -> None:
    """With any value: the octets that we would write for it are never asked for."""
    fields = [
        ("Content-Type", "text/plain"),
        ("Example-Dict", DICT),
        ("Example-List", "a, (b"),
        ("Example-Item", "1 2"),
        ("Example-Twice", "a=1, a=2"),
        ("Priority", "u=1;q;q, i"),
    ]
    message = Message("GET", "/p?a=1", fields)
    refused(lambda: verified(message, lines_of(message, (identifier, "1"))))


@pytest.mark.parametrize(
    ("first", "second", "twice"),
    [
        ('"example-dict"', '"example-dict";sf', False),
        ('"example-dict";key="a"', '"example-dict";key="b"', False),
        ('"@query-param";name="a"', '"@query-param";name="b"', False),
        ('"example-dict";key="a"', '"example-dict";key="a"', True),
        ('"example-dict";sf;key="a"', '"example-dict";key="a";sf', True),
        ('"@query-param";name="a"', '"@query-param";name="a"', True),
    ],
)
def test_identifiers_are_told_apart_by_name_and_parameters_in_any_order(first: str, second: str, twice: bool) -> None:
    """RFC 9421, 2."""
    message = Message("GET", "/p?a=1&b=2", [("Example-Dict", "a=1, b=2")])
    values = {
        '"example-dict"': "a=1, b=2",
        '"example-dict";sf': "a=1, b=2",
        '"example-dict";key="b"': "2",
        '"@query-param";name="b"': "2",
    }
    lines = lines_of(message, *((name, values.get(name, "1")) for name in (first, second)))
    if twice:
        refused(lambda: verified(message, lines))
    else:
        assert {first.strip('"'), second} & set(verified(message, lines).covered)


@pytest.mark.parametrize(
    ("parameters", "covers"), [("", True), (";sf", True), (";bs", True), (';key="sha-256"', False)]
)
def test_the_body_is_covered_by_the_whole_digest_field_alone(parameters: str, covers: bool) -> None:
    """One member of it is not the field: what else stands there, nobody signed."""
    body = b'{"id": 7}'
    digest = reference.content_digest(body)
    message = Message("POST", "/p", [("Content-Digest", digest)], body)
    octets = digest.partition("=")[2]
    value = {"": digest, ";sf": digest, ";bs": f":{base64.b64encode(digest.encode()).decode()}:"}.get(
        parameters, octets
    )
    lines = lines_of(message, (f'"content-digest"{parameters}', value))
    if covers:
        assert "body" in verified(message, lines).covered
        other = Message("POST", "/p", message.headers, b'{"id": 8}')
        refused(lambda: verified(other, lines))
    else:
        assert isinstance(refused(lambda: verified(message, lines)), NotCovered)
        assert "body" not in verified(message, lines, uncovered=frozenset({"body"})).covered


def test_a_query_parameter_does_not_cover_the_query() -> None:
    message = Message("GET", "/p?a=1&b=2")
    lines = [line for line in lines_of(message, ('"@query-param";name="a"', "1")) if line[0] != '"@query"']
    assert isinstance(refused(lambda: verified(message, lines)), NotCovered)


REQUIRED = [
    ("example-dict", '"example-dict"', True),
    ("example-dict", '"example-dict";sf', True),
    ("example-dict", '"example-dict";bs', True),
    ("example-dict", '"example-dict";key="a"', False),
    ("example-dict;sf", '"example-dict"', True),
    ("example-dict;bs", '"example-dict";sf', True),
    ('example-dict;key="a"', '"example-dict";key="a"', True),
    ('"example-dict";key="a"', '"example-dict";key="b"', False),
    ('"example-dict";key="a"', '"example-dict"', False),
    ('@query-param;name="a"', '"@query-param";name="a"', True),
    ('@query-param;name="a"', '"@query-param";name="b"', False),
    ('@query-param;name="a"', '"example-dict"', False),
]


@pytest.mark.parametrize(("required", "covered", "enough"), REQUIRED)
def test_a_required_component_is_covered_by_itself_or_by_the_whole_of_it(
    required: str, covered: str, enough: bool
) -> None:
    scheme = Scheme.message_signature(
        "strict", components=("@method", "@authority", "@path", "@query", required), structured_fields=TYPES
    )
    message = Message("GET", "/p?a=1&b=2", [("Example-Dict", "a=1,b=2")])
    octets = f":{base64.b64encode(b'a=1,b=2').decode()}:"
    values = {
        '"example-dict"': "a=1,b=2",
        '"example-dict";sf': "a=1, b=2",
        '"example-dict";bs': octets,
        '"example-dict";key="b"': "2",
        '"@query-param";name="b"': "2",
    }
    lines = lines_of(message, (covered, values.get(covered, "1")))
    if enough:
        assert KEY_ID == verified(message, lines, scheme).key_id
    else:
        assert isinstance(refused(lambda: verified(message, lines, scheme)), NotCovered)


@pytest.mark.parametrize(
    "component",
    [
        *('"a', '"a" "b"', '"a";', "a;colour", "a;tr", "a;bs;sf", "a;sf", "@path;sf", "@query-param", "@status;req"),
        *("@status", "@method;req", "a;req", "A", "@nonsense", "", "a b", '"a";key=b', "(a b)", 'a;key="é"'),
    ],
)
def test_components_that_make_no_sense_are_found_at_construction(component: str) -> None:
    with pytest.raises(ConfigurationError, match="components"):
        Scheme.message_signature(components=[component], accept_weaknesses=None)


def test_a_list_that_no_verifier_would_read_is_found_at_construction() -> None:
    """64 components, of which a body takes two."""
    names = [f"x-{nth}" for nth in range(59)]
    longest = Scheme.message_signature(components=[*ADDRESS, *names[:58]])
    request = Request(
        "POST", "/", [("Content-Type", "text/plain"), *((name, "1") for name in names)], b"x", origin=ORIGIN
    )
    signed = Signer(longest, key=KEY, key_id=KEY_ID).sign(request)
    verified = Verifier(longest, keys={KEY_ID: KEY}, origin=ORIGIN).verify(signed)
    assert 65 == len(verified.covered)
    with pytest.raises(ConfigurationError, match="components: too many"):
        Scheme.message_signature(components=[*ADDRESS, *names])


def test_a_response_covers_what_binds_it_to_its_request_besides() -> None:
    own = ["@status", *(f"{name};req" for name in ADDRESS), *(f"x-{nth}" for nth in range(57))]
    longest = Scheme.message_signature(response_components=own[:61])
    sent = Request("POST", "/", [], b"", origin=ORIGIN)
    request = Signer(longest, key=KEY, key_id=KEY_ID).sign(sent)
    fields = [("Content-Type", "text/plain"), *((name, "1") for name in own[5:])]
    response = Signer(longest, key=KEY, key_id=KEY_ID).sign_response(Response(200, fields, b"x"), request)
    verified = Verifier(longest, keys={KEY_ID: KEY}, origin=ORIGIN).verify_response(response, request)
    assert 65 == len(verified.covered)
    with pytest.raises(ConfigurationError, match="response_components: too many"):
        Scheme.message_signature(response_components=own)


@pytest.mark.parametrize("types", [{"a": "Dictionary"}, {"a": ""}, {"a": "sf-item"}])
def test_structured_types_that_do_not_exist_are_found_at_construction(types: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="structured_fields"):
        Scheme.message_signature(structured_fields=types)


def test_structured_values_are_serialized_as_by_http_sf() -> None:
    """A foreign parser and serializer of RFC 9651, over random dictionaries and lists."""
    rng = random.Random(9651)
    forms = [("example-dict", "dictionary", _dictionary), ("example-list", "list", _list)]
    for _ in range(300):
        for name, kind, text in forms:
            field = text(rng)
            expected = http_sf.ser(http_sf.parse(field.encode(), tltype=kind))
            request = Request("GET", "/", [(name, field)], origin=ORIGIN)
            scheme = Scheme.message_signature(components=[*ADDRESS, f"{name};sf"], structured_fields=TYPES)
            base = scheme.signature_base(request, KEY_ID, NOW, NONCE).decode()
            assert f'"{name}";sf: {expected}' == base.split("\n")[4], field


def _dictionary(rng: random.Random) -> str:
    keys = rng.sample(string.ascii_lowercase, rng.randint(1, 5))
    return _spaced(rng, [key + rng.choice(["", f"={_member(rng)}", f"={_member(rng)}"]) for key in keys])


def _list(rng: random.Random) -> str:
    return _spaced(rng, [_member(rng) for _ in range(rng.randint(1, 5))])


def _spaced(rng: random.Random, members: list[str]) -> str:
    return rng.choice([",", ", ", " ,  ", ",  "]).join(members)


def _member(rng: random.Random) -> str:
    if rng.random() < 0.3:
        items = (_item(rng) for _ in range(rng.randint(0, 3)))
        return f"( {'  '.join(items)} )" + _parameters(rng)
    return _item(rng)


def _item(rng: random.Random) -> str:
    return _bare(rng) + _parameters(rng)


def _parameters(rng: random.Random) -> str:
    keys = rng.sample("pqrs", rng.choice([0, 0, 1, 2]))
    return "".join(f"; {key}" + rng.choice(["", f"={_bare(rng)}"]) for key in keys)


def _bare(rng: random.Random) -> str:
    return rng.choice(
        [
            str(rng.randint(-999, 999)),
            f"{rng.randint(-99, 99)}.{rng.randint(1, 9)}0",
            '"' + "".join(rng.choices('ab \\"', k=3)).replace("\\", "\\\\").replace('"', '\\"') + '"',
            "tok/en:*",
            "?0",
            "?1",
            ":" + base64.b64encode(rng.randbytes(rng.randint(0, 5))).decode() + ":",
        ]
    )


def test_plain_components_have_no_quotes_in_what_is_covered() -> None:
    message = Message("GET", "/p")
    assert ("@method", "@authority", "@path", "@query") == verified(message, lines_of(message), schemes.RFC9421).covered
