"""The hostile matrix, as data: ways to spoil a signed message of any scheme, and what has to be said of each.

The same messages go to `test_hostile_matrix.py` and, beside other people's verifiers, to `hostile_matrix.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from honest_messages import Honest, Spot, put, text_at, texts_of
from reference import Message
from sealgate import ConfigurationError


def _in_place_of_the_signature(*texts: bytes) -> Callable[[Honest], Iterator[Message]]:
    return lambda honest: (put(honest.message, (honest.signature, text)) for text in texts)


def _missing(honest: Honest) -> Iterator[Message]:
    message, where = honest.message, honest.signature.where
    if where == "body":
        text = text_at(message, honest.signature).decode()
        yield replace(message, body=json.dumps(_without(json.loads(message.body), text)).encode())
    elif where == "target":
        path, _, query = message.target.partition("?")
        start = honest.signature.start - len(path) - 1
        pieces = [piece for piece in query.split("&") if query.find(piece) + len(piece) <= start]
        yield replace(message, target=f"{path}?{'&'.join(pieces)}")
    else:
        yield replace(message, headers=[field for nth, field in enumerate(message.headers) if nth != where])
        yield honest.unsigned


def _without(value: object, text: str) -> object:
    """The JSON value without the member that is this text."""
    if isinstance(value, dict):
        return {name: _without(each, text) for name, each in value.items() if each != text}
    if isinstance(value, list):
        return [_without(each, text) for each in value]
    return value


def _non_ascii(honest: Honest) -> Iterator[Message]:
    """A5: each octet above ASCII, and characters of one to four octets."""
    text = text_at(honest.message, honest.signature)
    for octets in (*(bytes([octet]) for octet in range(0x80, 0x100)), "é".encode(), "٣".encode(), "😀".encode()):
        for spoiled in (text[:-1] + octets, octets + text[1:], octets):
            yield put(honest.message, (honest.signature, spoiled))


def _prefixes(honest: Honest) -> Iterator[Message]:
    """A1: of the text, and of the octets that it stands for."""
    text = text_at(honest.message, honest.signature)
    write, read = honest.encoding
    octets = read(text.decode())
    for spoiled in (
        *(text[:length] for length in range(1, len(text))),
        *(write(octets[:length]).encode() for length in range(1, len(octets))),
    ):
        yield put(honest.message, (honest.signature, spoiled))


def _extensions(honest: Honest) -> Iterator[Message]:
    text = text_at(honest.message, honest.signature)
    write, read = honest.encoding
    octets = read(text.decode())
    texts = [text + more for more in (b"0", b"00", b"=", b"A", b"\t", b"\0", text)]
    texts += [write(octets + bytes(more)).encode() for more in range(1, 33)]
    for spoiled in texts:
        if spoiled.rstrip() != text:  # blanks around a field are no part of it
            yield put(honest.message, (honest.signature, spoiled))


def _other_spellings(honest: Honest) -> Iterator[Message]:
    """A6: upper case, the other alphabet, without the padding, and with stray bits."""
    text = text_at(honest.message, honest.signature)
    texts = {text.upper(), text.swapcase(), text.rstrip(b"="), text.replace(b"+", b"-").replace(b"/", b"_"), text[::-1]}
    texts |= {b"0x" + text, b'"' + text + b'"', text[:5] + b" " + text[5:], text[:5] + b"%" + text[5:]}
    for spoiled in sorted(texts - {text}):
        yield put(honest.message, (honest.signature, spoiled))


def _many(honest: Honest) -> Iterator[Message]:
    """A12: the right one first, or last."""
    message, spot = honest.message, honest.signature
    whole = texts_of(message)[spot.where]
    if honest.scheme.longest is not None:  # each stands alone in a parameter of its own
        yield put(message, (Spot(spot.where, spot.end, spot.end), b"&signature=A" * MANY))
        yield put(message, (Spot(spot.where, spot.start, spot.start), b"A&signature=" * MANY))
        return
    start = max(whole.rfind(each, 0, spot.start) for each in (b" ", b";", b"," if b"v1," not in whole else b" ", b'"'))
    piece = whole[start + 1 : spot.end]
    separator = next(
        (each for each in (b" ", b";", b",") if whole[start : start + 1] == each), b" " if b"v1," in whole else b","
    )
    wrong = separator + piece[: spot.start - start - 1] + b"A" * (spot.end - spot.start)
    yield put(message, (Spot(spot.where, spot.end, spot.end), wrong * MANY))
    yield put(message, (Spot(spot.where, start + 1, start + 1), (wrong[1:] + separator) * MANY))


MANY = 200_000


def _times(*texts: str, **own: tuple[str, ...]) -> Callable[[Honest], Iterator[Message]]:
    """Each in place of the time, under a signature that is right for it, and under the one that was there: some read
    the number and write it anew. `{now}`: the digits of the honest one."""

    def spoiled(honest: Honest) -> Iterator[Message]:
        if honest.time is None:
            return
        form, spot = honest.time
        now = text_at(honest.message, spot).decode()
        for text in (*(texts if form in {"seconds", "milliseconds"} else ()), *own.get(form.replace("-", "_"), ())):
            written = text.format(now=now, more=now[:2] + "_" + now[2:], day=now[:10], hour=now[11:]).encode()
            yield honest.resigned(written)
            yield put(honest.message, (spot, written))

    return spoiled


def _arabic(honest: Honest) -> Iterator[Message]:
    """E3: the same digits in other scripts: what `str.isdigit` and `int` take for digits."""
    if honest.time is not None:
        spot = honest.time[1]
        now = text_at(honest.message, spot).decode()
        for zero in "\u0660\u06f0\u0966\uff10\U0001d7ce":
            written = "".join(chr(ord(zero) + int(c)) if c.isdigit() else c for c in now).encode()
            yield honest.resigned(written)
            yield put(honest.message, (spot, written))


def _not_utf8(honest: Honest) -> Iterator[Message]:
    """A body in octets that are no text, signed as it is where the scheme signs octets."""
    for octets in (b"\xff\xfe\x00", b'{"data": "\xe9"}', b'{"data": "\xed\xa0\x80"}', b"\x80=1"):
        try:
            yield replace(honest, body=octets).message
        except ConfigurationError:
            yield replace(honest.message, body=octets)


def _own_fields(honest: Honest) -> list[tuple[str, str]]:
    own = {name.lower() for name in honest.scheme.fields}
    return [field for field in honest.message.headers if field[0].lower() in own]


def _twice(honest: Honest) -> Iterator[Message]:
    """B2, C5, C6: the same again, in upper case, and as its twin with an underscore."""
    message = honest.message
    for name, value in _own_fields(honest):
        for again in (name, name.upper(), *([name.replace("-", "_")] if "-" in name else [])):
            yield message.plus([(again, value)])
            yield replace(message, headers=[(again, value), *message.headers])
    if honest.signature.where == "body":
        spot = Spot("body", len(message.body) - 1, len(message.body))
        yield put(message, (spot, b', "data": 2, "data": 3}'))
    if "?" in message.target:
        yield replace(message, target=f"{message.target}&{message.target.partition('?')[2]}")


def _conflicting(honest: Honest) -> Iterator[Message]:
    """Two that differ, the right one first or last."""
    message = honest.message
    for name, value in _own_fields(honest):
        for other in (value[:-1] + ("0" if value[-1] != "0" else "1"), "x", ""):
            yield message.plus([(name, other)])
            yield replace(message, headers=[(name, other), *message.headers])


@dataclass(frozen=True)
class Case:
    """`codes`: of the refusals that are right."""

    name: str
    messages: Callable[[Honest], Iterator[Message]]
    codes: frozenset[str]
    may_be_accepted: bool = False

    def codes_for(self, honest: Honest) -> frozenset[str]:
        """Where the claims stand in a body, what is spoiled may be no JSON text; and in a query, no target."""
        spoiled = (
            {"body-malformed"} if honest.scheme.members else {"target-ambiguous"} if honest.scheme.query else set()
        )
        return self.codes | spoiled


_FORM = frozenset({"signature-malformed"})
_NO_MATCH = _FORM | {"signature-invalid"}
_NOT_THERE = _NO_MATCH | {"signature-missing"}
_NO_TIME = _FORM | {"signature-missing"}
_GARBAGE = (b"garbage", b"\0", b"=", b"{signature}", b"' OR 1=1 --", b"%00", b"\x7f", b"0" * 5000, b"()", b"?1", b"nan")

CASES = (
    Case("missing signature", _missing, frozenset({"signature-missing"})),
    Case("empty signature", _in_place_of_the_signature(b"", b" ", b"\t"), _NOT_THERE),
    Case("non-ASCII signature", _non_ascii, _NO_MATCH),
    Case("garbage signature", _in_place_of_the_signature(*_GARBAGE), _NO_MATCH),
    Case("prefix of the signature", _prefixes, _NO_MATCH),
    Case("extended signature", _extensions, _NO_MATCH),
    Case("signature spelled otherwise", _other_spellings, _NO_MATCH),
    Case(
        "time abc",
        _times("abc", "{now}abc", "", rfc3339=("abc", "{now}abc"), http_date=("abc",), amz_date=("abc",)),
        _NO_TIME,
    ),
    Case("time nan, 1e9, 1.0", _times("nan", "NaN", "inf", "-inf", "1e9", "{now}.0", "0x65", "true"), _NO_TIME),
    Case("time 10^30", _times("1" + "0" * 30, "9" * 19), _NO_TIME),
    Case("time -1, +1", _times("-1", "-{now}", "+{now}"), _NO_TIME),
    Case("time 5_0", _times("5_0", "{more}"), _NO_TIME),
    Case("time in Arabic digits", _arabic, _NO_TIME),
    Case("time of 5000 digits", _times("5" * 5000, "0" * 5000 + "{now}", rfc3339=("{now}" + "0" * 5000,)), _NO_TIME),
    Case(
        "date that is none",
        _times(
            rfc3339=(
                *("{day}T24:00:00Z", "2023-02-30T00:00:00Z", "2023-13-01T00:00:00Z", "0000-00-00T00:00:00Z"),
                *("{day}T00:00:61Z", "{day}T23:59:60Z", "{day}T00:60:00Z", "{day}T00:00:00+99:99", "{day}T00:00:00"),
                *(
                    "{day} {hour}",
                    "{day}t{hour}",
                    "{day}T00:00:00z",
                    "{day}T00:00:00+0000",
                    "{day}T00:00:00.Z",
                    "{day}",
                ),
            ),
            http_date=(
                *("Mon, 30 Feb 2023 00:00:00 GMT", "Mon, 14 Nov 2023 22:13:20 GMT", "tue, 14 nov 2023 22:13:20 gmt"),
                *(
                    "Tue, 14 Nov 2023 22:13:61 GMT",
                    "Tue, 14 Nov 2023 22:13:20 +0000",
                    "Tuesday, 14-Nov-23 22:13:20 GMT",
                ),
                *("Tue Nov 14 22:13:20 2023", "14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:20"),
            ),
            amz_date=(
                "20230230T000000Z",
                "20231114T221361Z",
                "20231114T221320",
                "20231114t221320z",
                "20231114",
                "2023-11-14T22:13:20Z",
            ),
        ),
        _NO_TIME,
    ),
    Case(
        "body that is not UTF-8",
        _not_utf8,
        _NO_MATCH | {"body-malformed", "digest-mismatch", "component-not-covered"},
        may_be_accepted=True,
    ),
    Case("a field twice", _twice, _FORM | {"body-malformed", "signature-invalid"}),
    Case("fields that conflict", _conflicting, _FORM),
    Case("200,000 signatures", _many, _FORM | {"body-too-large"}),
)
