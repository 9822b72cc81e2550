"""Times in the forms in which parties write them, judged by the standard library's own readers and writers."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate import Rejected, Request, Scheme, Signer, Verified, Verifier
from sealgate.exceptions import Expired, SignatureMalformed, SignatureMissing

KEY = b"thirty-two octets of test key, A"
NOW = 1_700_000_000
FORMS: dict[str, Callable[[datetime], str]] = {
    "{created}": lambda moment: str(int(moment.timestamp())),
    "{created:ms}": lambda moment: str(int(moment.timestamp()) * 1000),
    "{created:rfc3339}": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "{created:http-date}": lambda moment: format_datetime(moment, usegmt=True),
    "{created:amz-date}": lambda moment: moment.strftime("%Y%m%dT%H%M%SZ"),
}
each_form = pytest.mark.parametrize("form", FORMS)
#: What every form can say: twelve digits of seconds, four of a year.
_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))


def scheme_of(form: str) -> Scheme:
    return Scheme(
        "timed", base="{created}|{body}", fields={"X-Time": form, "X-Sig": "{signature:hex}"}, accept_weaknesses=None
    )


def signed(text: str, body: bytes = b"{}") -> Request:
    mac = hmac.new(KEY, text.encode() + b"|" + body, hashlib.sha256).hexdigest()
    return Request("POST", "/", [("X-Time", text), ("X-Sig", mac)], body)


def verdict(form: str, text: str, now: float = NOW, max_age: int = 300) -> Verified:
    verifier = Verifier(scheme_of(form), keys=KEY, clock=lambda: now, max_age=max_age, replay="off")
    return verifier.verify(signed(text))


@each_form
@given(moment=_MOMENTS)
def test_what_the_standard_library_writes_is_read_as_the_same_second(form: str, moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert int(moment.timestamp()) == verdict(form, FORMS[form](moment), moment.timestamp()).created


@each_form
@given(moment=_MOMENTS)
def test_what_we_write_is_what_the_standard_library_writes(form: str, moment: datetime) -> None:
    second = int(moment.replace(microsecond=0).timestamp())
    signer = Signer(scheme_of(form), key=KEY, clock=lambda: second)
    written = dict(signer.sign_headers(Request("POST", "/", [], b"{}")))["X-Time"]
    assert FORMS[form](moment.replace(microsecond=0)) == written


@given(
    moment=_MOMENTS.filter(lambda moment: 1971 <= moment.year <= 9998),
    digits=st.integers(0, 9),
    offset=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_fractions_and_offsets_of_rfc_3339_are_the_standard_librarys(
    moment: datetime, digits: int, offset: int
) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=offset)))
    fraction = f".{local.microsecond:06d}000"[: digits + 1] if digits else ""
    sign, minutes = "+-"[offset < 0], abs(offset)
    text = f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    assert (
        int(moment.replace(microsecond=0).timestamp()) == verdict("{created:rfc3339}", text, moment.timestamp()).created
    )


HOSTILE = {
    "{created:rfc3339}": (
        *("2023-02-30T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z", "2023-11-14T22:13:61Z"),
        *("2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-11-14t22:13:20z", "2023-11-14T22:13:20z"),
        *("2023-11-14T22:13:20+99:99", "2023-11-14T22:13:20+2400", "2023-11-14T22:13:20+24:00"),
        *("2023-11-14T22:13:20.Z", "2023-11-14T22:13:20,5Z", "2023-11-14T22:13:20.1234567890Z"),
        *("+2023-11-14T22:13:20Z", "12023-11-14T22:13:20Z", "2023-1-14T22:13:20Z"),
        *("2023-11-14T22:13:20ZZ", "2023-W46-2T22:13:20Z", "20231114T221320Z", "1700000000", "٢٠٢٣-11-14T22:13:20Z"),
        "2023-11-14T22:13:20." + "0" * 5000 + "Z",
    ),
    "{created:http-date}": (
        *("Mon, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:20 UTC", "Tue, 14 Nov 2023 22:13:20 +0000"),
        *("tue, 14 nov 2023 22:13:20 GMT", "Tue, 14 Nov 23 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT"),
        *("Tue Nov 14 22:13:20 2023", "Tue, 31 Feb 2023 22:13:20 GMT", "Tue, 14 Nov 2023 24:13:20 GMT"),
        *("Tue,14 Nov 2023 22:13:20 GMT", "Tue, 4 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:20 GMT GMT"),
        *("Tue, 14 Nov +2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:60 GMT", "1700000000"),
    ),
    "{created:amz-date}": (
        *("20231114T221320", "20231114T221320z", "20231114t221320Z", "2023-11-14T22:13:20Z", "20230230T000000Z"),
        *("20231114T246060Z", "+20231114T221320Z", "20231114T221320Z0", "20231114T221320.5Z", "1700000000"),
    ),
    "{created}": ("", "abc", "nan", "1e9", "-1", "+1", "5_0", "٣", "0x5", "1.0", "9" * 13, "9" * 5000, "1" + "0" * 30),
    "{created:ms}": ("abc", "nan", "1e12", "-1", "5_0", "٣", "9" * 16, "9" * 5000, "1" + "0" * 30),
}


@pytest.mark.parametrize(("form", "text"), [(form, text) for form, texts in HOSTILE.items() for text in texts])
def test_any_other_spelling_is_malformed(form: str, text: str) -> None:
    with pytest.raises((SignatureMalformed, SignatureMissing)):
        verdict(form, text)


@each_form
@given(text=st.text(max_size=40))
def test_any_text_is_a_time_or_a_refusal(form: str, text: str) -> None:
    try:
        verdict(form, text)
    except (SignatureMalformed, SignatureMissing, Expired):
        return
    # Blanks around a field's value are not in it.
    assert re.fullmatch(r"[0-9]{10,13}", text.strip(" \t"))


@pytest.mark.parametrize("form", ["{created:rfc3339}", "{created:ms}"])
def test_a_fraction_of_a_second_counts_at_the_edge_of_the_window(form: str) -> None:
    text = "1700000000500" if form == "{created:ms}" else "2023-11-14T22:13:20.5Z"
    assert NOW == verdict(form, text, now=NOW + 300.5).created
    assert NOW == verdict(form, text, now=NOW - 299.5).created
    for outside in (NOW + 300.502, NOW - 299.502):
        with pytest.raises(Expired):
            verdict(form, text, now=outside)


def test_the_text_is_signed_and_not_the_moment() -> None:
    """One moment in two spellings is two messages: the signature of the one is not that of the other."""
    request = signed("2023-11-14T22:13:20Z")
    moved = Request("POST", "/", [("X-Time", "2023-11-14T22:13:20+00:00"), *request.headers[1:]], request.body)
    verifier = Verifier(scheme_of("{created:rfc3339}"), keys=KEY, clock=lambda: NOW)
    with pytest.raises(Rejected, match="no candidate key"):
        verifier.verify(moved)
    assert NOW == verifier.verify(request).created
