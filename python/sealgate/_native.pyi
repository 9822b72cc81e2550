"""The Rust core. Pure but for `Root`, which opens files: no clock of its own, no I/O; times and nonces are arguments.

Randomness is drawn here only for decoys.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self, final

from typing_extensions import disjoint_base

__all__ = [
    "Claim",
    "Granted",
    "Key",
    "KeyRing",
    "Members",
    "Opened",
    "Origins",
    "Prover",
    "ReplaySet",
    "Request",
    "Response",
    "Root",
    "Scheme",
    "Seal",
    "Token",
    "Verified",
    "__version__",
    "canonicalize",
    "canonicalize_json",
    "canonicalize_same",
    "sealed_members",
]

__version__: str

def canonicalize(value: Any, *, round_integers: bool = False, limit: int = 268435456) -> bytes:
    """The canonical form of a value (RFC 8785): UTF-8, names in UTF-16 order, ECMAScript's numbers, no white space.

    `value`: dict with str names, list, tuple, str, int, float, bool and None, at most 128 levels deep. Subclasses
    are taken for what they are made of, and no code of theirs runs; of dict only OrderedDict and defaultdict, since
    others may answer for their members. `limit`: octets written. An integer that its double does not give back digit by
    digit is refused, or with `round_integers` rounded as ECMAScript does. Raises `CanonicalizationError`, whose `index`
    counts the canonical octets before the culprit.
    """

def canonicalize_same(
    value: Any, *, whole_floats: bool = False, round_integers: bool = False, limit: int = 268435456
) -> bytes:
    """As `canonicalize`, of a value that comes back from JSON as it was: no tuple, no subclass, and unless
    `whole_floats`, which other forms write as such, no float that RFC 8785 writes as an integer."""

def canonicalize_json(
    text: bytes | str, *, form: str = "jcs", round_integers: bool = False, limit: int = 268435456
) -> bytes:
    """The canonical form of a JSON text (RFC 8259), read in one pass.

    `form`: `jcs` (RFC 8785); `pyjson`, what `json.dumps(value, sort_keys=True, separators=(",", ":"))` gives; or
    `pyjson-utf8`, the same with `ensure_ascii=False`. `limit`: octets of text, 256 MiB at most; depth: 128 levels.
    A number with a fraction or an exponent follows its double (RFC 8785, 3.2.2.3): a reader that keeps all digits, such
    as Decimal, must read the canonical form, not the text. Raises `CanonicalizationError`, whose `index` is the offset
    in `text`: duplicate names, numbers beyond the doubles, integers that a double does not hold (in `jcs`, unless
    `round_integers`), lone surrogates, what is not UTF-8, a byte order mark, text after the value.
    """

@final
class Key:
    """An HMAC key (RFC 2104). `octets`: 16 bytes or more, str as UTF-8. Never printed or pickled, wiped on drop.

    `form`: `text`, or how the octets are written: `hex`, `base64`, `whsec` (base64 behind `whsec_`, Standard Webhooks).

    `not_before`, `not_after`: Unix seconds. In a ring the key counts from `not_before` on, and on or after `not_after`
    no longer. The methods of the key itself do not ask: they have no clock.
    """

    def __new__(
        cls,
        octets: bytes | str,
        *,
        form: str = "text",
        short_ok: bool = False,
        published_ok: bool = False,
        not_before: int | None = None,
        not_after: int | None = None,
    ) -> Key: ...
    @staticmethod
    def from_jwk(text: bytes) -> tuple[Key, str | None, str | None]:
        """The key in a symmetric JSON Web Key (RFC 7517, 4; RFC 7518, 6.4), its `kid` and its `alg`.

        `nbf` and `exp`, as of a JSON Web Token (RFC 7519, 4.1), are its `not_before` and `not_after`.
        """
    @staticmethod
    def from_jwks(
        text: bytes, *, hash: str | None = None, operations: Sequence[str] = ...
    ) -> list[tuple[Key, str | None]]:
        """The keys of a JSON Web Key Set (RFC 7517, 5), or of one JSON Web Key, each with its `kid`.

        Raises `ConfigurationError` unless each is of the type `oct`, and where it has these members, its `alg` is of
        `hash`, its `use` is `sig`, and its `key_ops` has all of `operations`.
        """
    @property
    def not_before(self) -> int | None: ...
    @property
    def not_after(self) -> int | None: ...
    def sign(self, message: bytes, hash: str = "sha256") -> bytes:
        """The signature octets of `message`."""
    def verify(self, message: bytes, signature: bytes | str, hash: str = "sha256") -> None:
        """Returns if `signature` (octets, or lower-case hex as str) is right; raises `InvalidSignature` if not."""
    def sign_json(self, value: Any, hash: str = "sha256") -> bytes:
        """The signature octets of `canonicalize(value)`, which is not kept anywhere: 8 KiB of it at a time."""
    def verify_json(self, value: Any, signature: bytes | str, hash: str = "sha256") -> None:
        """As `verify`, for the octets of `canonicalize(value)`; raises `CanonicalizationError` where it has none."""
    def derive(self, label: bytes) -> Key:
        """A key for one purpose: 32 octets of HKDF-SHA256 (RFC 5869), without salt, `label` as its info."""

@final
class KeyRing:
    """Keys by key id. `keys`: one anonymous key, or a mapping from key id to one key or several.

    Where a key has a `not_before` or a `not_after`, all that signs or verifies needs `now`, in Unix seconds, and raises
    `ConfigurationError` without it.
    """

    def __new__(
        cls, keys: Key | bytes | str | Mapping[str, Key | bytes | str | Sequence[Key | bytes | str]]
    ) -> KeyRing: ...
    @property
    def shortest(self) -> int:
        """Octets of the shortest key."""
    def shares_key(self, other: KeyRing) -> bool:
        """Whether a key of this ring is one of the other's as well, under whatever id."""
    @property
    def key_ids(self) -> tuple[str | None, ...]: ...
    def __len__(self) -> int: ...
    def derive(self, label: bytes) -> KeyRing:
        """The same ids, each key derived as `Key.derive` does."""
    @property
    def last_used(self) -> dict[tuple[str | None, int], int]:
        """By key id and place among the id's keys: the latest Unix second in which that key proved a message here.

        Of this ring in this process: a source's next ring begins anew.
        """
    def newest(self, key_id: str | None = None, now: float | None = None) -> Key:
        """The key to sign with: of `key_id`, or of the ring's first, the one with the latest `not_before` among those
        that count `now`; of several the first. Raises `ConfigurationError` where there is none."""
    def sign(self, message: bytes, key_id: str | None = None, hash: str = "sha256", now: float | None = None) -> bytes:
        """The signature octets of `message`, by the key that `newest` gives."""
    def verify(
        self,
        message: bytes,
        signature: bytes | str,
        key_id: str | None = None,
        hash: str = "sha256",
        now: float | None = None,
    ) -> str | None:
        """The ring's own id of the key that gives `signature` (octets, or lower-case hex as str).

        All candidates are tried, and an unknown id costs as much as a known one. Raises `UnknownKey` or
        `InvalidSignature`.
        """

@final
class Origins:
    """The origins (RFC 9110, 4.3.1) that this service answers for, e.g. `https://api.shop.example`."""

    def __new__(cls, origins: str | Sequence[str]) -> Origins: ...

@final
class Prover:
    """All the steps of a verification in their order, in one call, where keys and bodies are at hand.

    `clock`: Unix seconds. `max_age`: seconds. `body_limit`: octets. `remember(verified, key, expires, key_id, said)` is
    called last, where a message counts once; `key`: 32 octets; `expires`: the Unix second until which it is needed;
    `key_id`: whose share of the store it is of, where that has shares. It raises `Replayed` or `Unavailable`. `memory`:
    a store in memory, which is asked directly; `remember` is then called only where the key is not new, and `said` is
    False, or what was raised; else None.
    """

    def __new__(
        cls,
        scheme: Scheme,
        keys: KeyRing,
        origins: Origins | None,
        clock: Callable[[], float],
        max_age: int,
        body_limit: int,
        remember: Callable[[Verified, bytes, int, str | None, bool | BaseException | None], None] | None = None,
        memory: ReplaySet | None = None,
    ) -> Prover: ...
    def prove(self, request: Request, uncovered: frozenset[str] | None = None, /) -> Verified:
        """`uncovered`: of `query` and `body`, what need not be covered."""

@final
class Members:
    """A field made of members split by `separator`, each with a template, in any order; unknown ones are ignored."""

    def __new__(cls, separator: str, *members: str) -> Members: ...

@final
class Request:
    """A request as it is signed or received. `target`: origin-form, the path, and `?` query where there is one.

    `params`: what the route matched, as received and percent-decoded once, before any converter; None where the route
    has not been matched.
    """

    def __new__(
        cls,
        method: str,
        target: str | bytes,
        headers: Iterable[tuple[str | bytes, str | bytes]] | None = None,
        body: bytes | None = None,
        *,
        origin: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Request: ...
    @staticmethod
    def from_wsgi(
        environ: dict[str, Any], path: str | None = None, *, params: Mapping[str, str] | None = None
    ) -> Request:
        """A request received by a WSGI server (PEP 3333). `path` is what the application routes on, if not
        `SCRIPT_NAME` + `PATH_INFO`. The body is not read: pass `read_body` to the verifier."""
    @staticmethod
    def from_asgi(scope: dict[str, Any], *, params: Mapping[str, str] | None = None) -> Request:
        """A request received by an ASGI server: an `http` or `websocket` scope. The body is not read."""
    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str:
        """The target as received, or rebuilt from the decoded path where the server gives no raw one."""
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]:
        """Pairs of lower-case name and value (octets as Latin-1)."""
    @property
    def origin(self) -> str | None: ...
    @property
    def body(self) -> bytes | None:
        """None where it has not been read."""
    @property
    def params(self) -> dict[str, str] | None: ...

@final
class Response:
    """A response as it is signed or received. `status`: from 100 to 599 (RFC 9110, 15); any other is refused."""

    def __new__(
        cls,
        status: int,
        headers: Iterable[tuple[str | bytes, str | bytes]] | None = None,
        body: bytes | None = None,
    ) -> Response: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> list[tuple[str, str]]:
        """Pairs of lower-case name and value (octets as Latin-1)."""
    @property
    def body(self) -> bytes: ...

@final
class Verified:
    """A request that was proven, or a response: who signed it, what the signature covers, and the body it covers."""

    @property
    def key_id(self) -> str | None: ...
    @property
    def scheme(self) -> str: ...
    @property
    def covered(self) -> tuple[str, ...]: ...
    @property
    def created(self) -> int | None: ...
    @property
    def nonce(self) -> str | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def body(self) -> bytes:
        """What was proven, and so what to read: the body; its canonical form where that is what is signed; or where
        members are, the canonical object that holds these and no other. Raises `ConfigurationError` where it is
        `spooled`."""
    @property
    def spooled(self) -> Any:
        """The `sealgate.spool.Spooled` that holds the body, where it is in a file (`Verifier.spool`); else None."""
    @property
    def query(self) -> str | None:
        """What was proven of the query, and so what to read of it, where parameters stood behind the signature that the
        scheme has `ignored`; None: all of it. Adapters hand it over."""

@final
class Claim:
    """What a request says of itself, unproven."""

    @property
    def key_id(self) -> str | None: ...
    @property
    def body_limit(self) -> int:
        """Octets that the body may have at most: the service's limit, or what the message says if that is less."""
    @property
    def signs_body(self) -> bool:
        """The body itself is signed, so it is read before the signature can be checked."""
    def with_body(self, body: bytes, now: float) -> Claim:
        """The claim with what the body says of itself, its window checked; only where `Scheme.claims_in_body`."""
    def replay_key(self, body: bytes) -> tuple[bytes, int] | None:
        """After `authenticate`: the replay key (32 bytes), and the Unix second until which it counts; or None."""
    def authenticate(self, keys: KeyRing, body: bytes | None) -> None:
        """Checks the signature against every candidate key that counted when the claim was read; `body` only where
        `signs_body`."""
    def sign_token(self, keys: KeyRing, token: bytes) -> bytes:
        """After `authenticate` with these `keys`: the signature octets of `token`, by the key that was found.

        `token`: 1 to 64 characters of `A-Za-z0-9_-`, so that no caller gets a request signed; else `BodyMalformed`."""
    def conclude(self, body: bytes, now: float) -> Verified:
        """Checks the digest, the coverage, and again the window and that the key counts."""
    def conclude_spooled(self, spooled: Any, now: float) -> Verified:
        """As `conclude`, of a body that is in a file; not where `signs_body`.

        `spooled.size`: octets. `spooled.digest(hash)`: the octets of its digest by a hash that is stated, `sha256` or
        `sha512`."""

@final
class Root:
    """A directory, below which files are opened; absent where the platform cannot (Windows).

    `path` is looked up anew at each opening. `walk`: step by step, also where the system can be asked for the whole way
    (Linux, openat2). Raises `ConfigurationError` where there is no directory.
    """

    def __new__(cls, path: str | os.PathLike[str], *, walk: bool = False) -> Root: ...
    @property
    def walks(self) -> bool:
        """Whether it goes step by step."""
    def open(self, name: str) -> int:
        """A descriptor of the regular file `name`, names with `/` between them, for reading; the caller's to close.

        Raises `FileNotFoundError` where there is none, or a symbolic link, a mount or a `..` is on the way to it, and
        `OSError` where the system fails.
        """

@final
class Scheme:
    """How a party signs, as data: what is signed, where the claims are written, which hash.

    `base`: the template of what is signed, or several, of which any counts; they may differ in `with-port` and
    `without-port` only. `fields`: templates of header fields; a message may do without one whose name ends with `?`.
    `query`: templates of query parameters. `key`: how the party writes its keys, as `form` of `Key`. `json`: templates
    of members of the body, by JSON pointers (RFC 6901); they are strings, but a time that stands alone may be a number.
    In a pointer, also in a part `{json:...}`, `0` is the only element of an array, never a member of that name, and no
    other index is taken.

    Where the last of `query` is the signature alone, the scheme is one of links: `{@query}` and `{@target-uri}` are
    what is before it, `longest` is how many seconds a link may last, from `{created}` to `{expires}` in its query, and
    the key is derived (`Key.derive`) for `sealgate links` and the scheme's name, each after its length in 8 octets.
    `ignored`: names of parameters that may stand behind the signature; nobody is handed them. `{methods}` says what it
    is for; `{content_type}` and `{content_length}` which content, of which `{digest:sha256:base64url}` is the digest.
    """

    def __new__(
        cls,
        name: str,
        *,
        base: str | Sequence[str],
        fields: Mapping[str, str | Members] | None = None,
        query: Mapping[str, str | Members] | None = None,
        json: Mapping[str, str | Members] | None = None,
        hash: str = "sha256",
        key: str = "text",
        accept_weaknesses: Iterable[str] | None = ...,
        empty_body: bool = False,
        max_age: int | None = None,
        longest: int | None = None,
        ignored: Sequence[str] = ...,
    ) -> Scheme: ...
    @staticmethod
    def message_signature(
        name: str = "rfc9421",
        *,
        components: Sequence[str] | None = None,
        response_components: Sequence[str] | None = None,
        structured_fields: Mapping[str, str] | None = None,
        label: str = "sig1",
        tag: str | None = None,
        nonce: bool = True,
        accept_weaknesses: Iterable[str] | None = ...,
        max_age: int | None = None,
    ) -> Scheme:
        """HTTP Message Signatures (RFC 9421) with hmac-sha256.

        `components`: what a signature must cover, and ours do; `@method @authority @path @query` if omitted. The body
        is covered by Content-Digest (RFC 9530), beyond these. With parameters as in the RFC, such as
        `"example-dict";key="a"`; the quotes around the name may be left out. A field that occurs twice is refused.
        `response_components`: the same of a response; it needs `@status`, and of the request method, authority, path
        and query (`@method;req`), which is what it has if omitted. The request's signature is covered besides.
        `structured_fields`: `dictionary`, `list` or `item`, for fields that no RFC types, so that `;sf` may name them.
        `label`, `tag`: of several signatures the one with this tag counts, or without one, and of several such the one
        under this label, by which ours go. `nonce`: False for a party that sends none; then the weakness is `no-nonce`,
        and the signed base is what is accepted once. `created` and `keyid` are required, `expires` is honoured.
        """
    @staticmethod
    def aws_sigv4(
        name: str = "aws-sigv4",
        *,
        region: str | Sequence[str] | None,
        service: str | Sequence[str] | None,
        path: Literal["general", "s3"] = "general",
        presigned: int | None = None,
        unsigned_payload: bool = False,
        accept_weaknesses: Iterable[str] | None = None,
        max_age: int | None = None,
    ) -> Scheme:
        """AWS Signature Version 4: see `sealgate.schemes.aws_sigv4`."""
    @property
    def name(self) -> str: ...
    @property
    def covered(self) -> tuple[str, ...]: ...
    @property
    def hash(self) -> str: ...
    @property
    def max_age(self) -> int | None: ...
    @property
    def replay_class(self) -> str: ...
    @property
    def accept_signature(self) -> str | None:
        """What an Accept-Signature field (RFC 9421, 5) asks for, where the scheme is one of message signatures."""
    @property
    def names_key(self) -> bool:
        """The signature carries a key id."""
    @property
    def needs_origin(self) -> bool: ...
    @property
    def signs_body(self) -> bool:
        """The body itself is in the signature base of every message. Where a message may state its digest instead, each
        says for itself: `Claim.signs_body`."""
    @property
    def body_form(self) -> str | None:
        """`jcs`, `pyjson` or `pyjson-utf8` where that form of the body, or of members of it, is what is signed, `form`
        where it is the pairs of a form: the application is handed that, not the body as received."""
    @property
    def longest(self) -> int | None:
        """Of a scheme of links: the seconds that one may last."""
    @property
    def ignored(self) -> tuple[str, ...]:
        """Of a scheme of links: the parameters that may stand behind the signature."""
    @property
    def key_form(self) -> str:
        """How the party writes its keys: `text`, `hex`, `base64` or `whsec`."""
    @property
    def empty_body(self) -> bool:
        """A message without a body is taken, though nothing but the body is signed."""
    @property
    def query(self) -> tuple[str, ...]:
        """Names of the query parameters that carry claims."""
    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the header fields that carry the signature."""
    @property
    def carrier(self) -> str | None:
        """The header field, or else the query parameter, of the signature itself; None where the body carries it."""
    @property
    def members(self) -> tuple[str, ...]:
        """Pointers to the members of the body that carry the signature."""
    @property
    def claims_in_body(self) -> bool:
        """Members of the body carry the claims, so it is read before the key can be looked up."""
    @property
    def params(self) -> tuple[str, ...]:
        """Names of `Request.params` that are signed: where there are any, the route is matched first."""
    def weaknesses(self) -> frozenset[str]: ...
    def claim(
        self,
        request: Request,
        origins: Origins | None,
        now: float,
        max_age: int,
        body_limit: int,
        uncovered: frozenset[str] | None = None,
    ) -> Claim:
        """What the request says of itself. `uncovered`: of `query` and `body`, what need not be covered."""
    def claim_response(
        self,
        response: Response,
        request: Request,
        origins: Origins | None,
        now: float,
        max_age: int,
        body_limit: int,
    ) -> Claim:
        """What the response to `request` says of itself. Raises `ConfigurationError` where the scheme signs none."""
    def sign_response(
        self, response: Response, request: Request, key: Key, key_id: str | None, created: int, nonce: str
    ) -> list[tuple[str, str]]:
        """The header fields to add to the response to `request`."""
    def sign(self, request: Request, key: Key, key_id: str | None, created: int, nonce: str) -> list[tuple[str, str]]:
        """The header fields to add. Raises `ConfigurationError` where the scheme writes into the body."""
    def sign_whole(
        self,
        request: Request,
        key: Key,
        key_id: str | None,
        created: int,
        nonce: str,
        expires: int | None = None,
        methods: Sequence[str] = ...,
        upload: tuple[str, str, bytes | None] | None = None,
    ) -> tuple[list[tuple[str, str]], str | None, bytes | None]:
        """The header fields to add, and the target and the body to send, where the scheme writes into them.

        `expires`: Unix seconds, where the scheme says when a signature ends; a link ends after a minute if omitted.
        `methods`: what a link is for; that of the request if omitted. `upload`: the type, the length (`7`, or `0-7` for
        at most so many octets) and the digest of what may be uploaded; the request's own if omitted.
        """
    def signature_base(self, request: Request, key_id: str | None, created: int, nonce: str) -> bytes:
        """The octets that `sign` signs."""

@disjoint_base
class ReplaySet:
    """A bounded, expiring set of replay keys (32 octets), for one process. Full is an error; nothing live is evicted.

    `clock`: Unix seconds. `at_first` is called once, before the first key. What a key id holds must be less than what
    is left for all; without one there is no such limit. A known key, or one that has ended by the clock or by what was
    forgotten, is not new.
    """

    def __new__(cls, capacity: int, clock: Callable[[], float], at_first: Callable[[], object]) -> Self: ...
    def add(self, key: bytes, expires: int, key_id: str | None = None, /) -> bool:
        """True if `key` is new; afterwards it is not."""
    def begin(self, key: bytes, expires: int, key_id: str | None = None, /) -> Literal["new", "begun", "done", "spent"]:
        """What was known of `key`; if nothing, its delivery is in progress from here on."""
    def finish(self, key: bytes, expires: int, done: bool, /) -> None:
        """Of what this caller began: from here on it is `done`, or else `spent`."""
    def release(self, key: bytes, expires: int, key_id: str | None = None, /) -> None:
        """Of what this caller began: it is as if it had never been seen."""
    def __len__(self) -> int: ...

@final
class Token:
    """A token as received (`sealgate.Scope`), unproven. Raises `SignatureMalformed`, whatever `text` is."""

    def __new__(cls, text: str) -> Token: ...
    @staticmethod
    def sign(
        ring: KeyRing,
        subject: str,
        key_id: str | None,
        now: float,
        life: int,
        nonce: bytes | None,
        claims: Mapping[str, Any] | None,
    ) -> str:
        """The text of a token for `subject`, by the key that `KeyRing.newest` gives. `nonce`: 16 octets, for a single
        use. `claims`: a dict with members, or None. Raises `CanonicalizationError`."""
    @property
    def key_id(self) -> str | None: ...
    def end(self, max_age: int) -> int:
        """The last Unix second in which it can be accepted."""
    def check_window(self, now: float, max_age: int) -> None:
        """Raises `Expired`."""
    def authenticate(self, ring: KeyRing, subject: str, now: float) -> Granted:
        """Raises `UnknownKey`, `InvalidSignature`, or `SignatureMalformed` for proven claims that are not canonical."""

@final
class Granted:
    """What a token permits, proven. `created` and `expires`: Unix seconds, of which the last still counts."""

    @property
    def subject(self) -> str: ...
    @property
    def key_id(self) -> str | None:
        """The ring's own; None for an anonymous key."""
    @property
    def created(self) -> int: ...
    @property
    def expires(self) -> int: ...
    @property
    def claims(self) -> dict[str, Any]:
        """Empty where there are none."""
    @property
    def nonce(self) -> str | None:
        """Base64url; None where the token may be used again."""

@final
class Seal:
    """An envelope as received (`sealgate.Envelope`), unproven: a dict of the members `payload` and `signature`.

    Raises `BodyMalformed`, `SignatureMissing` or `SignatureMalformed`, whatever `document` is.
    """

    def __new__(cls, document: Any, payload: str, signature: str) -> Seal: ...
    @staticmethod
    def sign(
        ring: KeyRing,
        purpose: str,
        value: Any,
        limit: int,
        exact: bool,
        key_id: str | None,
        now: float,
        life: int | None,
        nonce: str,
    ) -> tuple[Any, str]:
        """A copy of `value`, and the text of its signature, by the key that `KeyRing.newest` gives. `exact`: refuses a
        value of which the copy would be another. Raises `CanonicalizationError`."""
    @staticmethod
    def sign_json(
        ring: KeyRing,
        purpose: str,
        value: Any,
        limit: int,
        exact: bool,
        key_id: str | None,
        now: float,
        life: int | None,
        nonce: str,
        payload: str,
        signature: str,
    ) -> str:
        """The JSON text of a document of the members `payload` and `signature`, without a copy."""
    @property
    def key_id(self) -> str | None: ...
    @property
    def created(self) -> int: ...
    @property
    def nonce(self) -> str: ...
    def end(self, max_age: int) -> int:
        """The last Unix second in which it can be accepted."""
    def check_window(self, now: float, max_age: int) -> None:
        """Raises `Expired`."""
    def authenticate(self, ring: KeyRing, purpose: str, limit: int, now: float) -> Opened:
        """Raises `BodyMalformed`, `BodyTooLarge`, `UnknownKey` or `InvalidSignature`."""

@final
class Opened:
    """What an envelope held, proven. `created` and `expires`: Unix seconds. A legacy one holds the payload only."""

    def __new__(
        cls,
        payload: Any,
        key_id: str | None = None,
        created: int | None = None,
        expires: int | None = None,
        nonce: str | None = None,
    ) -> Opened: ...
    @property
    def payload(self) -> Any: ...
    @property
    def key_id(self) -> str | None:
        """The ring's own; None for an anonymous key."""
    @property
    def created(self) -> int | None: ...
    @property
    def expires(self) -> int | None: ...
    @property
    def nonce(self) -> str | None: ...
    def __eq__(self, other: object, /) -> bool: ...

def sealed_members(document: Any, payload: str, signature: str) -> tuple[Any, str]:
    """The values of the two members that `document`, a dict, has; raises as `Seal` does."""
