"""Schemes over canonical JSON: their templates, and that what is signed is what the judge signs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from canonical_documents import JUDGES, documents, reordered, scattered
from judged import KEY, NOW, as_request
from reference import Message, Pairs, mac
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verifier, schemes
from sealgate.exceptions import BodyMalformed, InvalidSignature, NotCovered, SignatureMalformed

TRANSFORMS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda octets: octets,
    ":hex": lambda octets: octets.hex().encode(),
    ":sha256": lambda octets: hashlib.sha256(octets).digest(),
    ":sha256:hex": lambda octets: hashlib.sha256(octets).hexdigest().encode(),
    ":sha256:base64": lambda octets: base64.b64encode(hashlib.sha256(octets).digest()),
    ":sha512:base64url": lambda octets: base64.urlsafe_b64encode(hashlib.sha512(octets).digest()).rstrip(b"="),
}
JSON = [("Content-Type", "application/json")]
SENT = b' {"b": [1.50, -0.0, "\\u00e9\\/"],\r\n "a" : 1.0e2}\n'
_BODY_ONLY = {"method-not-covered", "target-not-covered", "query-not-covered", "audience", "lossy-transform"}

each_form = pytest.mark.parametrize("form", JUDGES)


def scheme_of(base: str, **fields: str) -> Scheme:
    named = {name.replace("_", "-"): form for name, form in fields.items()}
    return Scheme("own", base=base, fields={**named, "X-Signature": "{signature:hex}"}, accept_weaknesses=None)


def verifier(form: str = "jcs", **settings: Any) -> Verifier:
    return Verifier(schemes.canonical_json(form=form), **{"keys": KEY, **settings})


def signed(base: bytes, body: bytes, fields: Pairs = (), *, method: str = "POST", key: bytes = KEY) -> Message:
    """`body`, under the signature of `base`."""
    return Message(method, "/orders", [*JSON, *fields, ("X-Signature", mac(key, base).hex())], body)


def refusal(verifier: Verifier, message: Message) -> type[Rejected]:
    with pytest.raises(Rejected) as refused:
        verifier.verify(as_request(message))
    return type(refused.value)


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{body:sha256:jcs}", "cannot stand in a base"),
        ("{body:lower:jcs}", "cannot stand in a base"),
        ("{body:jcs:jcs}", "cannot stand in a base"),
        ("{body:jcs:pyjson}", "cannot stand in a base"),
        ("{header:x:jcs}", "cannot stand in a base"),
        ("{header:x?:pyjson}", "cannot stand in a base"),
        ("{@path:jcs}\n{body}", "cannot stand in a base"),
        ("{@query:pyjson-utf8}\n{body}", "cannot stand in a base"),
        ("{created:jcs}\n{body}", "cannot stand in a base"),
        ("{body}\n{body:jcs}", "two forms"),
        ("{body:jcs}\n{body}", "two forms"),
        ("{body:sha256:hex}\n{body:jcs}", "two forms"),
        ("{body:jcs:sha256:hex}\n{body:pyjson:sha256:hex}", "two forms"),
        ("{body:pyjson}\n{body:pyjson-utf8}", "two forms"),
        ("{body:JCS}", "unknown transform.*index 0"),
        ("v0:{body:json}", "unknown transform.*index 3"),
        ("{body:pyjson-ascii}", "unknown transform.*index 0"),
        ("{body: jcs}", "unknown transform.*index 0"),
    ],
)
def test_a_form_where_it_means_nothing_is_found_at_construction(base: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scheme_of(base, X_Time="{created}") if "created" in base else scheme_of(base)


@pytest.mark.parametrize("field", ["{signature:jcs}", "{signature:hex:jcs}", "{body:jcs}{signature:hex}"])
def test_a_form_in_a_field_is_found_at_construction(field: str) -> None:
    with pytest.raises(ConfigurationError):
        Scheme("own", base="{body:jcs}", fields={"X-Signature": field}, accept_weaknesses=None)


@pytest.mark.parametrize(
    "form", ["", "JCS", "json", "pyjson-ascii", "body", "jcs:sha256", "jcs}{body", None, b"jcs", 1]
)
def test_an_unknown_form_is_a_configuration_error(form: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^form: "):
        schemes.canonical_json(form=form)


@pytest.mark.parametrize("form", JUDGES)
def test_one_form_twice_is_one_form(form: str) -> None:
    scheme = scheme_of(f"{{body:{form}:sha256:hex}}\n{{body:{form}}}")
    canonical = JUDGES[form](SENT)
    base = hashlib.sha256(canonical).hexdigest().encode() + b"\n" + canonical
    assert canonical == Verifier(scheme, keys=KEY).verify(as_request(signed(base, SENT))).body


@each_form
def test_a_scheme_over_canonical_json_tells_the_truth_about_itself(form: str) -> None:
    scheme = schemes.canonical_json("X-Sig", form=form, hash="sha512")
    name = "canonical-json" if form == "jcs" else f"canonical-json-{form}"
    assert (name, "sha512", ("X-Sig",), "none") == (scheme.name, scheme.hash, scheme.fields, scheme.replay_class)
    assert (("body",), True, False, False) == (scheme.covered, scheme.signs_body, scheme.names_key, scheme.needs_origin)
    assert {"no-time", *_BODY_ONLY} == scheme.weaknesses()
    assert ("X-Signature",) == schemes.by_name()[name].fields
    assert name == schemes.by_name()[name].name


@each_form
def test_the_loss_must_be_accepted_by_who_writes_the_scheme(form: str) -> None:
    base, fields = f"{{body:{form}}}", {"X-Signature": "{signature:hex}"}
    exact = {"no-time", *_BODY_ONLY}
    assert exact == Scheme("own", base=base, fields=fields, accept_weaknesses=exact).weaknesses()
    with pytest.raises(ConfigurationError, match="lossy-transform"):
        Scheme("own", base=base, fields=fields, accept_weaknesses=exact - {"lossy-transform"})


# --- what is signed ---------------------------------------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("transforms", TRANSFORMS)
def test_each_form_is_signed_within_a_longer_base_as_the_judge_does(form: str, transforms: str) -> None:
    scheme = scheme_of(f"{{@method}}\n{{@path}}\n{{body:{form}{transforms}}}")
    canonical = JUDGES[form](SENT)
    base = b"POST\n/orders\n" + TRANSFORMS[transforms](canonical)
    request = Request("POST", "/orders", JSON, SENT)
    assert base == scheme.signature_base(request, None, NOW, "")
    assert [("X-Signature", mac(KEY, base).hex())] == Signer(scheme, key=KEY).sign_headers(request)
    verified = Verifier(scheme, keys=KEY).verify(as_request(signed(base, SENT)))
    assert (canonical, ("@method", "@path", "body")) == (verified.body, verified.covered)
    assert InvalidSignature is refusal(Verifier(scheme, keys=KEY), signed(base, SENT, method="PUT"))
    assert InvalidSignature is refusal(Verifier(scheme, keys=KEY), signed(base, SENT.replace(b"1.50", b"1.51")))


@pytest.mark.parametrize("transforms", TRANSFORMS)
def test_no_body_is_signed_as_nothing_and_needs_no_content_type(transforms: str) -> None:
    scheme = scheme_of(f"{{@method}}\n{{@path}}\n{{body:jcs{transforms}}}")
    signature = ("X-Signature", mac(KEY, b"GET\n/orders\n" + TRANSFORMS[transforms](b"")).hex())
    for fields in ([], [("Content-Type", "text/html")], [("Content-Encoding", "gzip")]):
        assert b"" == Verifier(scheme, keys=KEY).verify(Request("GET", "/orders", [*fields, signature])).body
    for body in (b'""', b"null", b" ", b"\n"):
        with pytest.raises(Rejected):
            Verifier(scheme, keys=KEY).verify(Request("GET", "/orders", [*JSON, signature], body))


@each_form
def test_no_body_is_refused_where_nothing_else_is_covered(form: str) -> None:
    assert NotCovered is refusal(verifier(form), signed(b"", b""))


@each_form
def test_a_line_feed_ends_a_canonical_form_and_stands_in_none(form: str) -> None:
    """What was sent has some; its form has none, so nothing can move from one part to the next."""
    own = Verifier(scheme_of(f"{{body:{form}}}\n{{created}}", X_Time="{created}"), keys=KEY, clock=lambda: NOW)
    canonical = JUDGES[form](SENT)
    time = [("X-Time", str(NOW))]
    assert canonical == own.verify(as_request(signed(canonical + b"\n%d" % NOW, SENT, time))).body
    assert InvalidSignature is refusal(own, signed(SENT + b"\n%d" % NOW, SENT, time))


def test_framing_is_that_of_the_canonical_form() -> None:
    own = Verifier(scheme_of("{body:jcs}.{created}", X_Time="{created}"), keys=KEY, clock=lambda: NOW)
    time = [("X-Time", str(NOW))]
    assert b"[100]" == own.verify(as_request(signed(b"[100].%d" % NOW, b"[100.0]", time))).body
    assert SignatureMalformed is refusal(own, signed(b"[1.5].%d" % NOW, b"[15e-1]", time))


@each_form
@pytest.mark.parametrize("hash", ["sha256", "sha384", "sha512"])
def test_random_documents_are_the_judges_in_any_layout(form: str, hash: str) -> None:
    random = Random(8785)
    own = Verifier(schemes.canonical_json(form=form, hash=hash), keys=KEY)
    signer = Signer(own.scheme, key=KEY)
    for document in documents(100, seed=3):
        sent = scattered(document, random).encode()
        canonical = JUDGES[form](sent)
        signature = mac(KEY, canonical, hash).hex()
        again = scattered(reordered(json.loads(canonical), random), random).encode()
        for body in (sent, canonical, again):
            assert canonical == own.verify(Request("POST", "/", [*JSON, ("X-Signature", signature)], body)).body
            assert [("X-Signature", signature)] == signer.sign_headers(Request("POST", "/", JSON, body))


def test_pyjson_is_what_clients_with_json_dumps_have_signed() -> None:
    value = {
        "total": 10**30,
        "rate": 1e16,
        "zero": -0.0,
        "name": "caf\u00e9 \U0001f600",
        "none": None,
        "a": [True, 0.1],
    }
    for form, ensure_ascii in (("pyjson", True), ("pyjson-utf8", False)):
        dumped = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()
        for sent in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False), dumped.decode()):
            assert dumped == verifier(form).verify(as_request(signed(dumped, sent.encode()))).body
        assert BodyMalformed is refusal(verifier(), signed(dumped, dumped))
