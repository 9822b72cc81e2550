"""The page on providers: its example runs, and what it says is refused, is; `test_spool.py` and `test_adyen.py` have the rest."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from box_sdk_gen.internal.utils import compute_webhook_signature
from twilio.request_validator import HMAC_SHA256, RequestValidator

import aws_signed
import reference
from judged import JUDGED, KEY, NOW, ORIGIN, with_field
from reference import INSIDE, Message
from sealgate import Rejected, Request, Scheme, Signer, Verifier, handshakes, schemes
from sealgate.exceptions import InvalidSignature, NotCovered, SignatureMissing
from sealgate.replay import Delivery

PAGE = (Path(__file__).parent.parent / "docs" / "providers.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FORM = [("Host", "api.shop.example"), ("Content-Type", "application/x-www-form-urlencoded")]


def shared_key() -> Scheme:
    names: dict[str, Any] = {}
    exec(compile(PYTHON[0], "docs/providers.md", "exec"), names)
    scheme: Scheme = names["twilio_shared_key"]
    return scheme


def with_shared_key(signature: str, settings: str | None) -> Request:
    fields = [*FORM, ("X-Twilio-Signature", signature)]
    fields += [] if settings is None else [("X-Twilio-Webhooks-Signature-Settings", settings)]
    return Request("POST", "/sms?a=1", fields, b"Body=hi+there&From=%2B1", origin=ORIGIN)


@pytest.mark.parametrize("port", ["", ":443"])
def test_a_shared_key_of_twilios_is_taken_as_the_page_says(port: str) -> None:
    verifier = Verifier(shared_key(), keys={"shared_1": KEY}, origin=ORIGIN)
    library = RequestValidator(KEY.decode())
    pairs = {"Body": "hi there", "From": "+1"}
    right = library.compute_signature(f"{ORIGIN}{port}/sms?a=1", pairs, HMAC_SHA256)
    verified = verifier.verify(with_shared_key(right, "key=shared_1,algorithm=HMAC_SHA256"))
    assert ("shared_1", "body") == (verified.key_id, verified.covered[-1])
    old = library.compute_signature(f"{ORIGIN}{port}/sms?a=1", pairs)
    for signature, settings in (
        (old, "key=shared_1,algorithm=HMAC_SHA1"),
        (old, "key=shared_1,algorithm=HMAC_SHA256"),
        (right, "key=shared_1,algorithm=HMAC_SHA1"),
        (right, "key=shared_2,algorithm=HMAC_SHA256"),
        (right, "algorithm=HMAC_SHA256,key=shared_1"),
        (right, "key=shared_1"),
        (right, None),
    ):
        with pytest.raises(Rejected):
            verifier.verify(with_shared_key(signature, settings))


def test_what_we_sign_with_a_shared_key_twilio_accepts() -> None:
    signer = Signer(shared_key(), key=KEY, key_id="shared_1")
    signed = signer.sign(Request("POST", "/sms?a=1", FORM, b"Body=hi+there&From=%2B1", origin=ORIGIN))
    signature = dict(signed.headers)["x-twilio-signature"]
    url, pairs = f"{ORIGIN}/sms?a=1", {"Body": "hi there", "From": "+1"}
    assert RequestValidator(KEY.decode()).validate(url, pairs, signature, HMAC_SHA256)


def test_parameters_of_one_name_are_sorted_and_all_of_them_signed() -> None:
    message = aws_signed.signed(Message("GET", "/orders?x=1&x=2", aws_signed.GET.headers))
    for query, is_taken in (("x=1&x=2", True), ("x=2&x=1", True), ("x=1", False), ("x=1&x=2&x=2", False)):
        other = Message("GET", f"/orders?{query}", message.headers)
        if is_taken:
            assert aws_signed.verify(other)
        else:
            with pytest.raises(InvalidSignature):
                aws_signed.verify(other)


def test_a_type_that_curl_adds_by_itself_has_to_be_signed() -> None:
    typed = [("Content-Type", "application/x-www-form-urlencoded")]
    signed = aws_signed.signed(with_field(aws_signed.POST, "Content-Type", None))
    with pytest.raises(NotCovered, match="type of the body"):
        aws_signed.verify(signed.plus(typed))


@pytest.mark.parametrize("scheme", [schemes.TWILIO, schemes.TWILIO_JSON])
def test_a_shared_key_is_for_no_other_scheme_of_twilios(scheme: Scheme) -> None:
    right = RequestValidator(KEY.decode()).compute_signature(f"{ORIGIN}/sms?a=1", {"Body": "hi there"}, HMAC_SHA256)
    with pytest.raises(Rejected):
        Verifier(scheme, keys=KEY, origin=ORIGIN).verify(with_shared_key(right, "key=shared_1,algorithm=HMAC_SHA256"))


def test_a_body_that_box_would_have_escaped_first_is_refused() -> None:
    body, at = '{"name": "\u00e9"}', "2023-11-14T22:13:20Z"
    fields = {
        "box-delivery-timestamp": at,
        "box-signature-version": "1",
        "box-signature-algorithm": "HmacSHA256",
    }
    verifier = Verifier(schemes.BOX, keys=KEY, clock=lambda: NOW)
    for is_escaped in (False, True):
        signature = compute_webhook_signature(body, fields, KEY.decode(), escape_body=is_escaped)
        pairs = [*fields.items(), ("box-signature-primary", str(signature))]
        request = Request("POST", "/", pairs, body.encode())
        if is_escaped:
            with pytest.raises(InvalidSignature):
                verifier.verify(request)
        else:
            assert body.encode() == verifier.verify(request).body


def test_polars_secrets_are_read_in_two_ways() -> None:
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    at, body = str(NOW), b'{"type": "order.created"}'
    for key, taken, refused in (
        (KEY, schemes.POLAR, schemes.POLAR_LEGACY),
        (secret.encode(), schemes.POLAR_LEGACY, schemes.POLAR),
    ):
        signature = reference.inside.BASE64.write(reference.mac(key, f"msg_1.{at}.".encode() + body))
        pairs = [("webhook-id", "msg_1"), ("webhook-timestamp", at), ("webhook-signature", f"v1,{signature}")]
        request = Request("POST", "/", pairs, body)
        assert body == Verifier(taken, keys=secret, clock=lambda: NOW).verify(request).body
        with pytest.raises(InvalidSignature):
            Verifier(refused, keys=secret, clock=lambda: NOW).verify(request)


def test_docusigns_first_sixteen_signatures_count() -> None:
    body = b"{}"
    right = reference.inside.BASE64.write(reference.mac(KEY, body))
    verifier = Verifier(schemes.DOCUSIGN, keys=KEY)
    wrong = [(f"X-DocuSign-Signature-{nth}", "A" * 43 + "=") for nth in range(1, 17)]
    last = [*wrong[:15], ("X-DocuSign-Signature-16", right)]
    assert body == verifier.verify(Request("POST", "/", last, body)).body
    with pytest.raises(InvalidSignature):
        verifier.verify(Request("POST", "/", [*wrong, ("X-DocuSign-Signature-17", right)], body))


def test_a_compressed_body_of_stream_is_refused() -> None:
    body = b'{"type": "message.new"}'
    fields = [("Content-Encoding", "gzip"), ("X-Signature", reference.mac(KEY, body).hex())]
    with pytest.raises(InvalidSignature):
        Verifier(schemes.STREAM_CHAT, keys=KEY).verify(Request("POST", "/", fields, gzip.compress(body)))


def test_a_check_of_x_without_a_signature_is_not_answered() -> None:
    verifier = Verifier(schemes.X, keys=KEY, handshake=handshakes.X)
    probe = Request("GET", "/hook?crc_token=abc&nonce=def", [], b"")
    with pytest.raises(SignatureMissing):
        verifier.verify(probe, delivery=Delivery())


@pytest.mark.parametrize("preset", re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
def test_presets_that_are_named_exist(preset: str) -> None:
    scheme = getattr(schemes, preset)
    assert scheme.name in {**JUDGED, **INSIDE}
