"""No answer to a handshake is a signature of anything else, is given to whoever asks, or is markup."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake_probes import PROVIDERS, SECRET, VERIFY_TOKEN, asana_post, crc, hub, mac, slack, twitch, zoom
from judged import NOW, OTHER_KEY, as_request
from reference import Message
from sealgate import ConfigurationError, Rejected, Verified, handshakes
from sealgate.answer import Answer, answer_to
from sealgate.exceptions import HandshakeAnswered
from sealgate.replay import Delivery

#: What comes where a token is expected; no provider sends it.
NO_TOKENS = [
    *(
        "",
        " ",
        "a b",
        "a+b",
        "a/b",
        "a=",
        "a.b",
        "a:b",
        "a~b",
        "a\n",
        "\na",
        "a\r\nX: y",
        "a\x00",
        "é",
        "\u0661",
        "a" * 65,
    ),
    *(
        "v0:1700000000:{}",
        f"v0:{NOW}:",
        "{}",
        "[]",
        '{"a":1}',
        "crc_token=a",
        "a&b",
        "<script>",
        "<b>",
        "&lt;",
        "%3Cb%3E",
    ),
    *("\ufeffa", "a\u200b", "\uff41"),
]
#: And what is no text at all.
NO_TEXTS: list[Any] = [None, True, 0, 1.5, [], ["a"], {}, {"a": "b"}, [["a"]]]


def outcome(name: str, message: Message, now: float = NOW, **settings: Any) -> Answer | Verified | Rejected:
    """Of a fresh verifier with the handshake on: what is answered, or what is proven, or the refusal."""
    try:
        return PROVIDERS[name].verifier(now, **settings).verify(as_request(message), delivery=Delivery())
    except HandshakeAnswered as answered:
        return answer_to(answered)
    except Rejected as refused:
        return refused


def code(name: str, message: Message, now: float = NOW, **settings: Any) -> str:
    told = outcome(name, message, now, **settings)
    return "answered" if isinstance(told, Answer) else "verified" if isinstance(told, Verified) else told.code


def zoom_asks(token: Any, **more: Any) -> Message:
    return zoom({"event": "endpoint.url_validation", "payload": {"plainToken": token, **more}})


def slack_asks(token: Any) -> Message:
    return slack({"type": "url_verification", "challenge": token})


def twitch_asks(token: Any) -> Message:
    return twitch({"challenge": token, "subscription": {}})


# The oracle


@pytest.mark.parametrize("token", [*NO_TOKENS, *NO_TEXTS], ids=repr)
@pytest.mark.parametrize(("name", "asks"), [("zoom", zoom_asks), ("slack", slack_asks), ("twitch", twitch_asks)])
def test_token_that_could_be_something_else_is_refused(name: str, asks: Callable[[Any], Message], token: Any) -> None:
    """Zoom's own signature is over `v0:`, a time, `:` and a body: whoever had that signed could forge a delivery."""
    assert "body-malformed" == code(name, asks(token))


@pytest.mark.parametrize("token", NO_TOKENS, ids=repr)
def test_query_of_another_token_is_not_signed_for_x(token: str) -> None:
    for query in (f"crc_token={token}&nonce=a", f"crc_token={_escaped(token)}&nonce=a"):
        if query.isascii() and query.isprintable():
            assert code("x", crc(query)) in {"component-not-covered", "target-ambiguous", "signature-invalid"}


def _escaped(text: str) -> str:
    return "".join(f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "query",
    [
        *("", "crc_token", "crc_token=", "nonce=a", "nonce=a&crc_token=a", "crc_token=a&crc_token=b", "crc_token=a&"),
        *("crc_token=a&nonce=a&x=y", "x=y&crc_token=a&nonce=b", "?crc_token=a", "crc_token=a&nonce=", "CRC_TOKEN=a"),
        *("crc_token=a;nonce=b", "crc_token=a&nonce=b%20", "{%22text%22:%22&crc_token=a&%22}", "crc%5Ftoken=a"),
    ],
)
def test_query_that_x_does_not_send_is_not_signed(query: str) -> None:
    """X signs deliveries with the same key, and with anybody's text in them: none of them may be a probe as well."""
    assert "answered" != code("x", crc(query))
    assert "verified" != code("x", crc(query))


@pytest.mark.parametrize("name", ["zoom", "slack", "twitch", "x"])
def test_probe_without_the_providers_signature_is_not_answered(name: str) -> None:
    probe = PROVIDERS[name].probe
    assert "signature-missing" == code(name, replace(probe, headers=()))
    others = {
        "zoom": zoom(probe.body, key=OTHER_KEY),
        "slack": slack(probe.body, key=OTHER_KEY),
        "twitch": twitch(probe.body, key=OTHER_KEY),
        "x": crc(probe.query, key=OTHER_KEY),
    }
    assert "signature-invalid" == code(name, others[name])


def test_probe_that_was_changed_is_not_answered() -> None:
    for name in ("zoom", "slack", "twitch"):
        probe = PROVIDERS[name].probe
        for at in range(len(probe.body)):
            changed = bytes([*probe.body[:at], probe.body[at] ^ 1, *probe.body[at + 1 :]])
            assert "signature-invalid" == code(name, replace(probe, body=changed))
    probe = PROVIDERS["x"].probe
    for at in range(len("/hook?crc_token="), len(probe.target)):
        target = probe.target[:at] + ("A" if probe.target[at] != "A" else "B") + probe.target[at + 1 :]
        assert code("x", replace(probe, target=target)) in {"signature-invalid", "component-not-covered"}


@pytest.mark.parametrize(("name", "window"), [("zoom", 300), ("slack", 300), ("twitch", 600)])
def test_probe_counts_in_its_window_and_once(name: str, window: int) -> None:
    probe = PROVIDERS[name].probe
    late = ["answered", "signature-expired", "signature-expired"]
    assert late == [code(name, probe, NOW + shift) for shift in (window - 1, window + 2, -window - 2)]
    verifier = PROVIDERS[name].verifier()
    with pytest.raises(HandshakeAnswered):
        verifier.verify(as_request(probe), delivery=Delivery())
    with pytest.raises(Rejected, match="accepted before"):
        verifier.verify(as_request(probe), delivery=Delivery())


def test_notification_that_is_said_to_be_a_probe_is_refused_and_not_remembered() -> None:
    """Twitch does not sign the type: whoever changes it on the way gets no answer, and cannot spend the message."""
    verifier = PROVIDERS["twitch"].verifier()
    delivery = PROVIDERS["twitch"].delivery
    fields = {name: "webhook_callback_verification" if "Type" in name else value for name, value in delivery.headers}
    with pytest.raises(Rejected, match="token is not one that is answered"):
        verifier.verify(as_request(replace(delivery, headers=list(fields.items()))), delivery=Delivery())
    assert "twitch" == verifier.verify(as_request(delivery), delivery=Delivery()).scheme


def test_type_of_a_message_of_twitch_that_comes_twice_is_none() -> None:
    twice = PROVIDERS["twitch"].probe.plus([("Twitch-Eventsub-Message-Type", "notification")])
    assert "verified" == code("twitch", twice)


def test_refused_probe_is_not_remembered() -> None:
    """It cannot be made to block the right one."""
    verifier = PROVIDERS["zoom"].verifier()
    for _ in range(2):
        with pytest.raises(Rejected, match="token is not one that is answered"):
            verifier.verify(as_request(zoom_asks("a b")), delivery=Delivery())


def test_probe_over_the_limit_is_refused() -> None:
    assert "body-too-large" == code("zoom", PROVIDERS["zoom"].probe, body_limit=50)


def test_answers_are_no_signatures_of_requests() -> None:
    """Every octet that Zoom's answer may be a signature of is in no signature base of Zoom's, which has colons."""
    answer = outcome("zoom", PROVIDERS["zoom"].probe)
    assert isinstance(answer, Answer)
    encrypted = json.loads(answer.body)["encryptedToken"]
    token = json.loads(answer.body)["plainToken"].encode()
    assert mac(token).hex() == encrypted
    for at in (NOW, NOW - 1):
        for body in (b"", token, b"{}"):
            fields = [("X-Zm-Request-Timestamp", str(at)), ("X-Zm-Signature", f"v0={encrypted}")]
            assert "signature-invalid" == code("zoom", Message("POST", "/hook", fields, body))


def test_signed_get_of_x_is_no_delivery() -> None:
    """What proves a query proves no request: its method, its path and its body are not in it."""
    query = PROVIDERS["x"].probe.query
    (field,) = PROVIDERS["x"].probe.headers
    for method in ("POST", "HEAD", "PUT", "OPTIONS"):
        assert "component-not-covered" == code("x", Message(method, f"/hook?{query}", [field]))
    with_body = Message("GET", f"/hook?{query}", [field], b'{"evil": 1}')
    told = outcome("x", with_body)
    assert isinstance(told, Answer)
    assert PROVIDERS["x"].told[1] == told.body


def test_own_library_of_x_signs_a_query_as_a_body() -> None:
    """The two vectors of autohook's test/signature.js: a query and a body, by one rule."""
    expected = {
        b"test=1&other_test=2": "25Cu3iwbbiqBTwQRzcKJZwisjf736V2Q8UaTlkfLSoc=",
        b'{"test_number":1,"test_string":"two"}': "YWHphPn/JFq43jkF0y4/w8R/SelmLjvpunhVFY8JhlI=",
    }
    fields = {octets: dict(crc(octets.decode(), b"test").headers) for octets in expected}
    assert {octets: {"x-twitter-webhooks-signature": f"sha256={text}"} for octets, text in expected.items()} == fields


# The echo


@pytest.mark.parametrize(
    "changes",
    [
        *({"mode": mode} for mode in ("", "unsubscribe", "SUBSCRIBE", "subscribe%20", "subscribe&hub.mode=subscribe")),
        *({"verify_token": token} for token in ("", "x", VERIFY_TOKEN[:-1], VERIFY_TOKEN + "x", VERIFY_TOKEN.upper())),
        *({"verify_token": VERIFY_TOKEN + more} for more in ("%00", "%20", "%ff", "&hub.verify_token=" + VERIFY_TOKEN)),
        *({"verify_token": token} for token in ("%ff%fe", "%", "\xff" * 30, "a" * 3000)),
        {"challenge": "1&hub.challenge=2"},
    ],
    ids=str,
)
def test_meta_is_answered_with_its_verify_token_alone(changes: dict[str, str]) -> None:
    assert "signature-missing" == code("meta", hub(**changes))


@pytest.mark.parametrize("token", [*NO_TOKENS, "\ud800"], ids=repr)
def test_what_could_be_markup_is_not_echoed(token: str) -> None:
    escaped = _escaped(token)
    assert "signature-missing" == code("meta", hub(challenge=escaped))
    assert "signature-missing" == code("dropbox", Message("GET", f"/hook?challenge={escaped}"))


def test_escaped_parameters_are_read() -> None:
    """A client may escape more than it must."""
    told = outcome("meta", hub(challenge="%31%31%35", verify_token=_escaped(VERIFY_TOKEN)))
    assert isinstance(told, Answer)
    assert b"115" == told.body


@pytest.mark.parametrize("name", ["meta", "dropbox", "asana"])
def test_other_methods_are_refused(name: str) -> None:
    probe = PROVIDERS[name].probe
    others = {"GET", "HEAD", "POST", "PUT", "OPTIONS", "get", "post", "GET "} - {probe.method}
    assert {code(name, replace(probe, method=method)) for method in others} <= {"signature-missing"}


@pytest.mark.parametrize(("name", "field"), [("meta", "X-Hub-Signature-256"), ("dropbox", "X-Dropbox-Signature")])
def test_probe_with_a_signature_is_no_unsigned_one(name: str, field: str) -> None:
    """Who signs is held to it."""
    for value in ("sha256=" + "0" * 64, "0" * 64, "x"):
        assert code(name, PROVIDERS[name].probe.plus([(field, value)])) != "answered"


@pytest.mark.parametrize(
    "query",
    [
        *("challenge", "challenge=", "challenge=a&challenge=a", "Challenge=a", "challenge%00=a", "a&challenge=b"),
        *("challenge=a;b", "&".join(f"a{n}=b" for n in range(20)) + "&challenge=a", "challenge=a&x=" + "b" * 3000),
    ],
)
def test_ambiguous_challenge_is_not_echoed(query: str) -> None:
    assert "signature-missing" == code("dropbox", Message("GET", f"/hook?{query}"))


# Anything


NAMES = ["challenge", "hub.mode", "hub.challenge", "hub.verify_token", "crc_token", "nonce", "x"]
VALUES = st.one_of(
    st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=80),
    st.sampled_from([*NO_TOKENS, VERIFY_TOKEN, "subscribe", "abc", SECRET]).map(
        lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1")
    ),
)
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), VALUES, st.booleans()), max_size=5)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["X-Hook-Secret", "X_Hook_Secret", "X-Hub-Signature-256", "X-Twitter-Webhooks-Signature", "X-Zm-Signature"]
        ),
        VALUES,
    ),
    max_size=3,
)


@given(st.sampled_from(sorted(PROVIDERS)), st.sampled_from(["GET", "POST"]), QUERIES, FIELDS, st.binary(max_size=60))
def test_any_parameters_give_a_verdict_and_nothing_but_tokens_is_echoed(
    name: str, method: str, parameters: list[tuple[str, str, bool]], fields: list[tuple[str, str]], body: bytes
) -> None:
    query = "&".join(f"{key}={_escaped(value) if escape else value}" for key, value, escape in parameters)
    told = outcome(name, Message(method, f"/hook?{query}", fields, body))
    assert isinstance(told, Rejected | Answer)
    if isinstance(told, Answer):
        assert name in {"meta", "dropbox", "asana"}
        assert re.fullmatch(rb"[A-Za-z0-9_-]{0,64}", told.body)


DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.sampled_from(["zoom", "slack", "twitch"]), DOCUMENTS, DOCUMENTS, st.binary(max_size=20))
def test_any_signed_document_is_a_probe_a_delivery_or_malformed(name: str, one: Any, two: Any, after: bytes) -> None:
    asks = {"event": "endpoint.url_validation", "type": "url_verification", "payload": one, "challenge": two}
    sign = {"zoom": zoom, "slack": slack, "twitch": twitch}[name]
    for body in (json.dumps(asks).encode(), json.dumps(asks).encode() + after, json.dumps([asks, one]).encode(), after):
        told = outcome(name, sign(body))
        refused = "body-malformed" if body else "component-not-covered"
        assert isinstance(told, Verified | Answer) or refused == told.code


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"endpoint.url_validation","event":"x","payload":{"plainToken":"a"}}',
        b'{"event":"endpoint.url_validation","payload":{"plainToken":"a"}} ' + b" " * 8192,
        b'{"event":"endpoint.url_validation"' + b',"a":[' * 200,
        b"[" * 9000 + b"endpoint.url_validation",
        b'\xef\xbb\xbf{"event":"endpoint.url_validation","payload":{"plainToken":"a"}}',
        b'{"event":"meeting.started","payload":{"topic":"endpoint.url_validation","plainToken":"a"}}',
        b'{"event":["endpoint.url_validation"],"payload":{"plainToken":"a"}}',
        b'{"event":"endpoint.url_validation","payload":{"plainToken":"\\ud800"}}',
        b'"endpoint.url_validation"',
        b"endpoint.url_validation",
    ],
    ids=lambda body: body[:40],
)
def test_what_says_two_things_or_is_no_json_is_a_delivery(body: bytes) -> None:
    """Signed by the provider, and not what its probes look like: no answer is made of it."""
    assert "verified" == code("zoom", zoom(body))


def test_refusal_shows_no_verify_token() -> None:
    with pytest.raises(ConfigurationError) as refused:
        handshakes.meta("MARKER: not a token")
    within = refused.value.with_traceback(refused.tb.tb_next)
    shown = "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())
    assert "verify_token = ''" in shown
    assert "MARKER" not in shown


def test_asana_takes_no_field_twice() -> None:
    assert "signature-missing" == code("asana", asana_post(SECRET, SECRET))
