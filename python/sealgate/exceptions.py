"""Everything sealgate raises: `Rejected` is theirs, `ConfigurationError` ours, `Unavailable` a dependency's.

Messages are lower case, carry an index where there is one, and never a key, a signature or a body.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BodyMalformed",
    "BodyTooLarge",
    "BodyUnreadable",
    "CanonicalizationError",
    "ConfigurationError",
    "DigestMismatch",
    "Expired",
    "FileMissing",
    "HandshakeAnswered",
    "InvalidSignature",
    "KeyNotAllowed",
    "NotCovered",
    "Rejected",
    "Replayed",
    "SealgateError",
    "SignatureMalformed",
    "SignatureMissing",
    "TargetAmbiguous",
    "Unavailable",
    "UnknownKey",
]


class SealgateError(Exception):
    """Root of every exception that sealgate raises on purpose."""


class ConfigurationError(SealgateError, ValueError):
    """The service is set up wrongly; raised at start-up, naming the setting."""


class CanonicalizationError(SealgateError, ValueError):
    """A value or text has no canonical form (RFC 8785); `index` is the offset in the text, where there is one."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class Unavailable(SealgateError):
    """A key source or a replay store did not answer, so nothing can be accepted: answer 503. `key_id` as `Rejected`.

    `retry_after`: seconds after which it may be otherwise, where that is known (RFC 9110, 10.2.3).
    """

    code: ClassVar[str] = "unavailable"
    status: ClassVar[int] = 503
    key_id: str | None = None

    def __init__(self, message: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(message or self.code)
        self.retry_after = retry_after


class Rejected(SealgateError):
    """The request is refused. `code` is for logs and metrics, `status` a hint for the answer.

    `key_id`: for logs, the key id that the message claims, which nobody has proven; at most 256 printable characters.
    Do not show `code` to the caller: a refusal that explains itself is an oracle.
    """

    code: ClassVar[str] = "rejected"
    status: ClassVar[int] = 401
    key_id: str | None = None

    def __init__(self, message: str = "", index: int | None = None) -> None:
        super().__init__(message or self.code)
        self.index = index


class SignatureMissing(Rejected):
    """No signature, or a part of it is absent."""

    code = "signature-missing"


class SignatureMalformed(Rejected):
    """The signature's fields do not have the scheme's form; `index` is the offset in the field."""

    code = "signature-malformed"


class UnknownKey(Rejected):
    """The key id names no key of ours."""

    code = "key-unknown"


class KeyNotAllowed(Rejected):
    """A valid signature, by a key that this route does not admit."""

    code = "key-not-allowed"
    status = 403


class InvalidSignature(Rejected):
    """No candidate key gives the signature over the bytes received."""

    code = "signature-invalid"


class DigestMismatch(Rejected):
    """The body is not the one whose digest was signed (RFC 9530)."""

    code = "digest-mismatch"


class NotCovered(Rejected):
    """A part of the request that acts is not covered by the signature."""

    code = "component-not-covered"


class BodyMalformed(Rejected):
    """The scheme reads claims or a canonical form from the body, and the body has neither."""

    code = "body-malformed"


class Expired(Rejected):
    """Too old, or from the future."""

    code = "signature-expired"


class Replayed(Rejected):
    """Accepted once already. `status` is 200 where duplicates are acknowledged and the first one was answered 2xx."""

    code = "nonce-replayed"

    def __init__(self, message: str = "", index: int | None = None, *, status: int | None = None) -> None:
        super().__init__(message, index)
        if status is not None:
            self.status = status  # type: ignore[misc]  # the request is not acted on, so it is a refusal all the same


class HandshakeAnswered(Rejected):
    """A provider's probe of the URL, which is answered without a view: see `sealgate.handshakes`.

    `content`, `media_type` and `fields`: of the answer, which `sealgate.answer.answer_to` makes. `signed`: the provider
    has proven itself; otherwise whoever asked is answered.
    """

    code = "handshake"
    status = 200

    def __init__(
        self,
        provider: str,
        content: bytes = b"",
        media_type: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
        *,
        signed: bool,
    ) -> None:
        super().__init__(f"{provider}, {'signed' if signed else 'unsigned'}")
        self.content = content
        self.media_type = media_type
        self.fields = fields
        self.signed = signed


class FileMissing(Rejected):
    """No file is there for an identifier that was proven: an unknown one, or one whose file has gone."""

    code = "file-missing"
    status = 404


class TargetAmbiguous(Rejected):
    """The request target or authority can be read in two ways, or is not the one this service has."""

    code = "target-ambiguous"
    status = 400


class BodyTooLarge(Rejected):
    """The body is over the limit."""

    code = "body-too-large"
    status = 413


class BodyUnreadable(Rejected):
    """The body did not arrive whole, in time, or in a framing that this server can pass on."""

    code = "body-unreadable"
    status = 400

    def __init__(self, message: str = "", index: int | None = None, *, status: int | None = None) -> None:
        super().__init__(message, index)
        if status is not None:
            self.status = status  # type: ignore[misc]  # 408 too slow, 411 length required
