"""The judge: every scheme once more, from its own specification, with the standard library only.

Nothing here comes from sealgate: no code, no table, no parser. It is written for reading, not for speed, and it is
stricter than it is kind: what it accepts, sealgate must accept, and what sealgate accepts, it must accept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

Pairs = Sequence[tuple[str, str]]
Ring = Mapping[str | None, Sequence[bytes]]

FIELD_LIMIT = 8 * 1024
MANY = 16


class Refused(Exception):
    """The judge does not accept the message."""


@dataclass(frozen=True)
class Message:
    """`params`: what a route would match in the path, decoded once."""

    method: str
    target: str
    headers: Pairs = ()
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def plus(self, added: Pairs) -> Message:
        return replace(self, headers=(*self.headers, *added))

    def one(self, name: str) -> str | None:
        """The one value of a covered field, without outer blanks; None where absent (RFC 9110, 5.5)."""
        if any(n.lower() != name and n.lower().replace("_", "-") == name for n, _ in self.headers):
            raise Refused("a twin that some servers read as the same field")
        values = [value.strip(" \t") for n, value in self.headers if n.lower() == name]
        if len(values) > 1:
            raise Refused("a covered field occurs twice")
        if values and not re.fullmatch(r"[\x20-\x7e]*", values[0]):
            raise Refused("octets outside 0x20..0x7e in a covered field")
        return values[0] if values else None


@dataclass(frozen=True)
class Proof:
    """`once` is what identifies the message for ever: the same `once` twice is a replay; None means no such claim."""

    key_id: str | None
    created: int | None = None
    nonce: str | None = None
    once: tuple[object, ...] | None = None


@dataclass
class Memory:
    """Replay protection as a set: nothing is ever forgotten."""

    seen: set[tuple[object, ...]] = field(default_factory=set)

    def admit(self, proof: Proof) -> None:
        if proof.once is not None and proof.once in self.seen:
            raise Refused("replayed")
        if proof.once is not None:
            self.seen.add(proof.once)


def mac(key: bytes, data: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC, RFC 2104."""
    return hmac.new(key, data, algorithm).digest()


# --- the target rules ------------------------------------------------------------------------------------------------


def canonical_path(raw: bytes) -> str:
    """Each segment decoded once and encoded strictly: `%7E` and `~` are one path, `%2F` and `/` are two."""
    if not raw.startswith(b"/") or raw.startswith(b"//"):
        raise Refused("not in origin form")
    if re.search(rb"[^\x21-\x7e]|[#?]", raw):
        raise Refused("an octet that no path has")
    segments = []
    for segment in raw.split(b"/"):
        if re.search(rb"%(?![0-9A-Fa-f]{2})", segment):
            raise Refused("malformed percent-encoding")
        octets = urllib.parse.unquote_to_bytes(segment)
        if octets in {b".", b".."} or re.search(rb"[\x00-\x1f\x7f]", octets):
            raise Refused("a dot segment or a control character")
        try:
            octets.decode()
        except UnicodeDecodeError:
            raise Refused("not UTF-8") from None
        segments.append(urllib.parse.quote(octets, safe=""))
    return "/".join(segments)


def sorted_query(query: str) -> str:
    """Pieces between `&`, stable-sorted by decoded name, each as received."""

    def name(piece: str) -> bytes:
        return urllib.parse.unquote_to_bytes(piece.partition("=")[0].replace("+", " "))

    return "&".join(sorted(query.split("&"), key=name))


def refuse_odd_target(message: Message) -> None:
    """RFC 9110, 7.1: a request to an origin server has an origin-form target, of visible ASCII, without a fragment."""
    if not re.fullmatch(r"/(?!/)[\x21-\x22\x24-\x7e]*", message.target):
        raise Refused("ambiguous target")
    if re.search(r"%(?![0-9A-Fa-f]{2})", message.path):
        raise Refused("malformed percent-encoding")
    if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", message.method):
        raise Refused("the method is no token")


# --- schemes over a template ------------------------------------------------------------------------------------------


def sign_body(message: Message, key: bytes, *, header: str = "X-Signature", hash: str = "sha256") -> Pairs:
    return [(header, mac(key, message.body, hash).hex())]


def verify_body(message: Message, ring: Ring, *, header: str = "X-Signature", hash: str = "sha256") -> Proof:
    refuse_what_acts_uncovered(message)
    return Proof(match(ring, hex_octets(need(message, header)), message.body, hash))


def canonical_request_base(message: Message) -> bytes:
    """Method, path, Host, Content-Type, sorted query, body: one LF between (the Express form)."""
    host, kind = message.one("host"), message.one("content-type")
    if host is None or host == "" or kind == "":
        raise Refused("no Host, or an empty Content-Type that reads as none")
    head = [message.method, message.path, host, kind or "", sorted_query(message.query)]
    return "\n".join(head).encode() + b"\n" + message.body


def sign_canonical_request(message: Message, key: bytes, *, header: str = "X-Signature") -> Pairs:
    return [(header, mac(key, canonical_request_base(message)).hex())]


def verify_canonical_request(message: Message, ring: Ring, *, origin: str, header: str = "X-Signature") -> Proof:
    refuse_odd_target(message)
    refuse_other_host(message, origin)
    return Proof(match(ring, hex_octets(need(message, header)), canonical_request_base(message)))


def sign_github(message: Message, key: bytes) -> Pairs:
    """docs.github.com, validating webhook deliveries."""
    return [("X-Hub-Signature-256", "sha256=" + mac(key, message.body).hex())]


def verify_github(message: Message, ring: Ring) -> Proof:
    refuse_what_acts_uncovered(message)
    text = need(message, "X-Hub-Signature-256")
    if not text.startswith("sha256="):
        raise Refused("not sha256=")
    return Proof(match(ring, hex_octets(text[7:]), message.body))


def sign_slack(message: Message, key: bytes, created: int) -> Pairs:
    """api.slack.com, verifying requests from Slack."""
    signature = mac(key, b"v0:%d:%b" % (created, message.body)).hex()
    return [("X-Slack-Request-Timestamp", str(created)), ("X-Slack-Signature", "v0=" + signature)]


def verify_slack(message: Message, ring: Ring, now: float, max_age: int = 300) -> Proof:
    refuse_what_acts_uncovered(message)
    created, text = need(message, "X-Slack-Request-Timestamp"), need(message, "X-Slack-Signature")
    seconds = in_window(created, now, max_age)
    if not text.startswith("v0="):
        raise Refused("not v0=")
    base = b"v0:" + created.encode() + b":" + message.body
    key_id = match(ring, hex_octets(text[3:]), base)
    return Proof(key_id, seconds, once=("slack", key_id, base))


def sign_stripe(message: Message, key: bytes, created: int) -> Pairs:
    """docs.stripe.com, verify webhook signatures manually."""
    return [("Stripe-Signature", f"t={created},v1={mac(key, b'%d.%b' % (created, message.body)).hex()}")]


def verify_stripe(message: Message, ring: Ring, now: float, max_age: int = 300) -> Proof:
    refuse_what_acts_uncovered(message)
    members = [member.strip(" ").partition("=")[::2] for member in need(message, "Stripe-Signature").split(",")]
    times = {value for name, value in members if name == "t"}
    given = [value for name, value in members if name == "v1"]
    if len(times) != 1 or not 0 < len(given) <= MANY:
        raise Refused("not one time and one to sixteen signatures")
    (created,) = times
    seconds = in_window(created, now, max_age)
    base = created.encode() + b"." + message.body
    for text in given:
        try:
            key_id = match(ring, hex_octets(text), base)
        except Refused:
            continue
        return Proof(key_id, seconds, once=("stripe", key_id, base))
    raise Refused("no signature matches")


# --- RFC 9421 ---------------------------------------------------------------------------------------------------------

PLAIN = ("@method", "@authority", "@path", "@query")
_STRING = r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_PARAMETER = rf"; *([a-z*][a-z0-9_.*-]*)=({_STRING}|-?[0-9]{{1,15}})"
_INPUT = re.compile(
    rf"(?P<label>[a-z*][a-z0-9_.*-]*)=\( *(?P<list>(?:{_STRING}(?: +{_STRING})*)?) *\)(?P<params>(?:{_PARAMETER})*)"
)
_SIGNATURE = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]*)=:(?P<octets>[A-Za-z0-9+/]*={0,2}):")


def authority(origin: str) -> str:
    """RFC 9421, 2.2.3: lower case, without the scheme's default port or an empty one (RFC 3986, 6.2.3)."""
    scheme, _, rest = origin.partition("://")
    rest = rest.lower().removesuffix("/")
    return rest.removesuffix({"https": ":443", "http": ":80"}[scheme.lower()]).removesuffix(":")


def component(message: Message, name: str, origin: str) -> str:
    """RFC 9421, 2.1 and 2.2, plain components of a request."""
    derived: dict[str, Callable[[], str]] = {
        "@method": lambda: message.method,
        "@authority": lambda: authority(origin),
        "@scheme": lambda: origin.partition("://")[0].lower(),
        "@path": lambda: message.path,
        "@query": lambda: "?" + message.query,
        "@request-target": lambda: message.target,
        "@target-uri": lambda: f"{origin.partition('://')[0].lower()}://{authority(origin)}{message.target}",
    }
    if name.startswith("@"):
        if name not in derived:
            raise Refused(f"unknown derived component {name}")
        return derived[name]()
    value = message.one(name)
    if value is None:
        raise Refused(f"covered field {name} is absent")
    return value


def quoted(text: str) -> str:
    """An sf-string, RFC 9651, 4.1.6."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def signature_params(components: Sequence[str], params: Mapping[str, str | int]) -> str:
    """RFC 9421, 2.3."""
    listed = " ".join(map(quoted, components))
    return f"({listed})" + "".join(f";{k}={v if isinstance(v, int) else quoted(v)}" for k, v in params.items())


def signature_base(message: Message, components: Sequence[str], params: str, origin: str) -> bytes:
    """RFC 9421, 2.5: one line a component, `@signature-params` last, LF between, none at the end."""
    lines = [f"{quoted(name)}: {component(message, name, origin)}" for name in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    """RFC 9530, 2."""
    octets = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(octets).decode()}:"


def check_content_digest(text: str, body: bytes) -> None:
    """One member at least of an active algorithm, and each of those right (RFC 9530, 5 and 6.6); others do not count."""
    members = [member.strip(" \t") for member in text.split(",")]
    if not all(re.fullmatch(r"[a-z*][a-z0-9_.*-]*(=:[A-Za-z0-9+/]*={0,2}:)?", member) for member in members):
        raise Refused("no dictionary of digests")
    active = [member for member in members if member.partition("=")[0] in {"sha-256", "sha-512"}]
    if not active or any(member != content_digest(body, member.partition("=")[0]) for member in active):
        raise Refused("no active digest, or one that is not the body's")


def sign_rfc9421(
    message: Message,
    key: bytes,
    *,
    origin: str,
    key_id: str,
    created: int,
    nonce: str,
    components: Sequence[str] | None = None,
    label: str = "sig1",
    **extra: str | int,
) -> Pairs:
    """The fields to add, Content-Digest among them where there is a body. `extra`: alg, expires, tag, after the rest."""
    added = (
        [("Content-Digest", content_digest(message.body))] if message.body and not message.one("content-digest") else []
    )
    message = message.plus(added)
    if components is None:
        components = (*PLAIN, "content-digest") if message.body else PLAIN
    params = signature_params(components, {"created": created, "keyid": key_id, "nonce": nonce, **extra})
    signature = base64.b64encode(mac(key, signature_base(message, components, params, origin))).decode()
    return [*added, ("Signature-Input", f"{label}={params}"), ("Signature", f"{label}=:{signature}:")]


def verify_rfc9421(message: Message, ring: Ring, now: float, *, origin: str, max_age: int = 300) -> Proof:
    """One label; created, nonce and keyid; method, authority, path, query and a non-empty body are covered."""
    refuse_odd_target(message)
    refuse_other_host(message, origin)
    claimed = _INPUT.fullmatch(need(message, "Signature-Input"))
    given = _SIGNATURE.fullmatch(need(message, "Signature"))
    if claimed is None or given is None or claimed["label"] != given["label"]:
        raise Refused("not one signature with its parameters")
    components = [unquoted(name) for name in re.findall(_STRING, claimed["list"])]
    pairs = [
        (name, unquoted(text) if text.startswith('"') else int(text))
        for name, text in re.findall(_PARAMETER, claimed["params"])
    ]
    params = dict(pairs)
    if len(params) != len(pairs) or len(set(components)) != len(components) or len(components) > 64:
        raise Refused("a parameter or component occurs twice, or too many of them")
    if (
        not set(params) <= {"created", "nonce", "keyid", "alg", "expires"}
        or params.get("alg", "hmac-sha256") != "hmac-sha256"
    ):
        raise Refused("a parameter that this policy does not take")
    refuse_uncovered(components, message)
    named, nonce, seconds, expires = (params.get(name) for name in ("keyid", "nonce", "created", "expires"))
    if (
        not isinstance(named, str)
        or not isinstance(nonce, str)
        or not isinstance(seconds, int)
        or isinstance(expires, str)
    ):
        raise Refused("keyid, nonce and created are required, each of its type")
    if not 16 <= len(nonce) <= 256 or not 1 <= len(named) <= 256:
        raise Refused("no nonce of 16 to 256 characters, or no key id of 1 to 256")
    created = in_window(str(seconds), now, max_age)
    if expires is not None and not (max(now, created) <= expires < 10**12):
        raise Refused("past its own end")
    if "content-digest" in components:
        check_content_digest(need(message, "Content-Digest"), message.body)
    # 2.3: the parameters are serialized anew, in the order received.
    base = signature_base(message, components, signature_params(components, params), origin)
    candidates: Ring = ring if None in ring else {named: ring.get(named, ())}
    key_id = match(candidates, base64_octets(given["octets"]), base)
    return Proof(key_id, created, nonce, ("rfc9421", key_id, nonce, created))


def refuse_other_host(message: Message, origin: str) -> None:
    """The origin is configured; Host, which anyone can write, may only agree with it."""
    host = message.one("host")
    if host is not None and authority(f"{origin.partition('://')[0]}://{host}") != authority(origin):
        raise Refused("another authority")


def refuse_odd_length(message: Message, limit: int = 10 * 1024 * 1024) -> None:
    """RFC 9110, 8.6: digits, once, and no more than anyone will read; a server may write none as nothing."""
    length = message.one("content-length")
    if length and (not re.fullmatch(r"[0-9]+", length) or int(length) > limit):
        raise Refused("a length that is no length, or over the limit")


def refuse_uncovered(components: Sequence[str], message: Message) -> None:
    covers = set(components)
    if "@target-uri" in covers:
        covers |= {"@authority", "@path", "@query"}
    if "@request-target" in covers:
        covers |= {"@path", "@query"}
    wanted = {*PLAIN, "content-digest"} if message.body else set(PLAIN)
    if not wanted <= covers:
        raise Refused("a part that acts is not covered")


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


# --- canonical JSON ---------------------------------------------------------------------------------------------------

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

DEPTH = 128
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def canonical_json(text: bytes | str, *, round_integers: bool = False) -> bytes:
    """RFC 8785. An integer whose digits the ECMAScript form of its double does not give back is refused, or rounded."""

    return _canonical(read_json(text, finite if round_integers else exact)).encode()


def exact(token: str) -> float:
    number = finite(token)
    if token not in {"-0", es6_number(number)}:
        raise Refused("an integer that a double does not hold")
    return number


def python_json(text: bytes | str, *, ensure_ascii: bool = True) -> bytes:
    """`json.dumps` with sorted names and without blanks, of what RFC 8785 would take too, but for large integers."""
    return dumped(read_json(text, int), ensure_ascii)


def dumped(value: Json, ensure_ascii: bool) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()


def read_json(text: bytes | str, integer: Callable[[str], float]) -> Json:
    """RFC 8259 as RFC 7493 narrows it: UTF-8 without a BOM, no name twice, no half of a pair, numbers that doubles hold."""
    try:
        value: Json = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=distinct,
            parse_int=integer,
            parse_float=finite,
            parse_constant=finite,
        )
    except (ValueError, RecursionError):
        raise Refused("no JSON text") from None
    refuse_what_has_no_form(value, 0)
    return value


def distinct(pairs: Sequence[tuple[str, Json]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise Refused("a name occurs twice")
    return dict(pairs)


def finite(token: str) -> float:
    number = float(token)
    if number != number or number in {float("inf"), float("-inf")}:
        raise Refused("no finite number")
    return number


def refuse_what_has_no_form(value: Json, depth: int) -> None:
    inside: list[Json] = []
    if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        raise Refused("half of a surrogate pair")
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    elif isinstance(value, list):
        inside = value
    if isinstance(value, dict | list) and depth == DEPTH:
        raise Refused("too deep")
    for each in inside:
        refuse_what_has_no_form(each, depth + 1)


def _canonical(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, dict):
        # 3.2.3: names as arrays of UTF-16 code units, each an unsigned integer.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_string(name)}:{_canonical(value[name])}" for name in names) + "}"
    return es6_number(value)


def _string(text: str) -> str:
    """3.2.2.2."""
    return '"' + "".join(_SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def es6_number(number: float) -> str:
    """3.2.2.3: ECMA-262, Number::toString, over the shortest digits, which Python's repr has too."""
    if number == 0:
        return "0"
    if number < 0:
        return "-" + es6_number(-number)
    mantissa, _, exponent = repr(float(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of n.
    n = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    k = len(digits)
    if k <= n <= 21:
        return digits + "0" * (n - k)
    if 0 < n <= 21:
        return digits[:n] + "." + digits[n:]
    if -6 < n <= 0:
        return "0." + "0" * -n + digits
    return digits[0] + ("." + digits[1:] if k > 1 else "") + f"e{n - 1:+d}"


# --- parts of a message: what the route matched, and members of the body ----------------------------------------------

#: How each form reads integers, and how it writes a value.
FORMS: Mapping[str, tuple[Callable[[str], float], Callable[[Json], bytes]]] = {
    "jcs": (exact, lambda value: _canonical(value).encode()),
    "pyjson": (int, lambda value: dumped(value, True)),
    "pyjson-utf8": (int, lambda value: dumped(value, False)),
}
_HOLE = re.compile(r"\{(param|json):([^{}:]*)(?::([a-z0-9-]+))?\}")


def member(document: Json, pointer: str) -> Json:
    """RFC 6901, 4, in objects only."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict) or name not in document:
            raise Refused(f"no member {pointer}")
        document = document[name]
    return document


def only(document: Json, pointers: Sequence[str]) -> Json:
    """The document without all that no pointer leads to."""
    kept: dict[str, Json] = {}
    for pointer in pointers:
        inner = kept
        *outer, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        for name in outer:
            further = inner.setdefault(name, {})
            assert isinstance(further, dict)
            inner = further
        inner[last] = member(document, pointer)
    return kept


def json_document(message: Message, form: str) -> Json:
    """RFC 8259, 11: a JSON text says that it is one, and knows no charset but the one it has."""
    kind = (message.one("content-type") or "").lower()
    if not re.fullmatch(r'application/([^\s;/]+\+)?json([ \t]*;[ \t]*(charset=(utf-8|"utf-8"))?)?', kind):
        raise Refused("not the type of JSON")
    if message.one("content-encoding") is not None:
        raise Refused("an encoding that another reader would undo")
    return read_json(message.body, FORMS[form][0])


def scoped_base(message: Message, template: str) -> tuple[bytes, bytes]:
    """The signature base, and the body that the application may read."""
    pieces = re.split(r"(\{[^{}]*\})", template)
    holes = [_HOLE.fullmatch(piece) for piece in pieces[1::2]]
    members = [(hole[2], hole[3] or "jcs") for hole in holes if hole is not None and hole[1] == "json"]
    (form,) = {form for _, form in members if form != "text"} or {"jcs"}
    document = json_document(message, form) if members else None
    base = pieces[0].encode()
    for hole, literal in zip(holes, pieces[2::2], strict=True):
        assert hole is not None
        if hole[1] == "param":
            if hole[2] not in message.params or re.search("[\ufffd\ud800-\udfff]", message.params[hole[2]]):
                raise Refused("no such parameter, or one that was not UTF-8")
            value = message.params[hole[2]].encode()
        else:
            found = member(document, hole[2])
            if hole[3] == "text" and not isinstance(found, str):
                raise Refused("no string")
            value = found.encode() if hole[3] == "text" and isinstance(found, str) else FORMS[form][1](found)
        if literal and (value + literal.encode()).find(literal.encode()) != len(value):
            raise Refused("a value that holds the text that ends it")
        base += value + literal.encode()
    if not members and message.body:
        raise Refused("a body that nothing covers")
    return base, FORMS[form][1](only(document, [pointer for pointer, _ in members])) if members else b""


def sign_scoped(message: Message, key: bytes, template: str = "download:resource:{param:id}") -> Pairs:
    return [("X-Hmac-Signature", mac(key, scoped_base(message, template)[0]).hex())]


def verify_scoped(message: Message, ring: Ring, template: str = "download:resource:{param:id}") -> tuple[Proof, bytes]:
    """The proof, and the body that the application may read."""
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that nothing covers")
    signature = hex_octets(need(message, "X-Hmac-Signature"))
    base, handed = scoped_base(message, template)
    return Proof(match(ring, signature, base)), handed


def sign_envelope(
    message: Message, key: bytes, *, data: str = "data", hmac: str = "hmac", form: str = "jcs"
) -> Message:
    """`data`, `hmac`: names of members of the body."""
    document = json_document(message, form)
    assert isinstance(document, dict)
    document[hmac] = mac(key, FORMS[form][1](document[data])).hex()
    return replace(message, body=FORMS[form][1](document))


def verify_envelope(
    message: Message, ring: Ring, *, data: str = "data", hmac: str = "hmac", form: str = "jcs"
) -> tuple[Proof, bytes]:
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that nothing covers")
    document = json_document(message, form)
    if not isinstance(document, dict) or not {data, hmac} <= set(document) or not isinstance(document[hmac], str):
        raise Refused("no data, or no signature")
    text = document[hmac]
    assert isinstance(text, str)
    write = FORMS[form][1]
    return Proof(match(ring, hex_octets(text), write(document[data]))), write({data: document[data]})


# --- what all share ---------------------------------------------------------------------------------------------------


def need(message: Message, name: str) -> str:
    value = message.one(name.lower())
    if not value or len(value) > FIELD_LIMIT:
        raise Refused(f"{name} is absent, empty or too long")
    return value


def refuse_what_acts_uncovered(message: Message) -> None:
    refuse_odd_target(message)
    if message.query or not message.body:
        raise Refused("a scheme over the body alone, with a query or without a body")


def in_window(text: str, now: float, max_age: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise Refused("seconds are one to twelve digits")
    if abs(now - int(text)) > max_age:
        raise Refused("outside the window")
    return int(text)


def hex_octets(text: str) -> bytes:
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", text):
        raise Refused("not lower-case hex")
    return bytes.fromhex(text)


def base64_octets(text: str) -> bytes:
    """Strict, RFC 4648, 3.3 and 3.5: encoding what was decoded must give the same text."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("not base64") from None
    if base64.b64encode(octets).decode() != text:
        raise Refused("base64 with stray bits")
    return octets


def match(ring: Ring, signature: bytes, base: bytes, hash: str = "sha256") -> str | None:
    for key_id, keys in ring.items():
        if any(hmac.compare_digest(mac(key, base, hash), signature) for key in keys):
            return key_id
    raise Refused("no key gives this signature")
