"""RFC 9421, with the digests of RFC 9530."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence

from reference.message import Message, Pairs, Proof, Refused, Ring, base64_octets, in_window, mac, match, need
from reference.target import authority, refuse_odd_target, refuse_other_host

PLAIN = ("@method", "@authority", "@path", "@query")
_STRING = r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_PARAMETER = rf"; *([a-z*][a-z0-9_.*-]*)=({_STRING}|-?[0-9]{{1,15}})"
_INPUT = re.compile(
    rf"(?P<label>[a-z*][a-z0-9_.*-]*)=\( *(?P<list>(?:{_STRING}(?: +{_STRING})*)?) *\)(?P<params>(?:{_PARAMETER})*)"
)
_SIGNATURE = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]*)=:(?P<octets>[A-Za-z0-9+/]*={0,2}):")


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
    """RFC 9421, 2.5, of plain components."""
    return joined_base([(quoted(name), component(message, name, origin)) for name in components], params)


def joined_base(lines: Sequence[tuple[str, str]], params: str) -> bytes:
    """RFC 9421, 2.5: one line an identifier and its value, `@signature-params` last, LF between, none at the end."""
    return "\n".join(f"{name}: {value}" for name, value in [*lines, ('"@signature-params"', params)]).encode("ascii")


def signed_lines(lines: Sequence[tuple[str, str]], params: str, key: bytes, label: str = "sig1") -> Pairs:
    """The two fields of a signature over identifiers and their values, as they are given; `params` starts with `;`."""
    params = f"({' '.join(name for name, _ in lines)}){params}"
    signature = base64.b64encode(mac(key, joined_base(lines, params))).decode()
    return [("Signature-Input", f"{label}={params}"), ("Signature", f"{label}=:{signature}:")]


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
