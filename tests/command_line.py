"""The command as tests call it: what they sign and verify by it, and what it said."""

import base64

from click.testing import CliRunner, Result

from body_claims import NOTIFICATION
from sealgate import schemes
from sealgate.cli import cli

KEY = "0123456789abcdef0123456789abcdef-marker"
AT = 1_800_000_000
BODY = b'{"amount": 1}\n\x00\xff'
HEAD = b"POST /orders HTTP/1.1\r\nHost: api.shop.example\r\nContent-Type: application/json\r\n\r\n"
PLAIN = HEAD + BODY
JWK = {"kty": "oct", "kid": "acme", "alg": "HS256", "k": base64.urlsafe_b64encode(KEY.encode()).rstrip(b"=").decode()}


def run(*args: str, message: bytes | None = None, key: str | None = KEY) -> Result:
    return CliRunner().invoke(cli, list(args), input=message, env={"DEMO_KEY": key})


def sign(message: bytes = PLAIN, *more: str, scheme: str = "rfc9421", key: str | None = None) -> bytes:
    done = run(
        *["sign", "--scheme", scheme, "--key-env", "DEMO_KEY", *_named(scheme, more), "-"],
        message=message,
        key=key_for(scheme) if key is None else key,
    )
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout_bytes


def verify(message: bytes, *more: str, scheme: str = "rfc9421", key: str | None = "of the scheme") -> Result:
    named = [*_named(scheme, more), *(["--uncovered", "body"] if scheme == "mailgun" else [])]
    key = key_for(scheme) if key == "of the scheme" else key
    return run("verify", "--scheme", scheme, "--key-env", "DEMO_KEY", *named, "-", message=message, key=key)


def key_for(scheme: str) -> str:
    """The key as the party writes it."""
    text = base64.b64encode(KEY.encode()).decode()
    forms = {"text": KEY, "hex": KEY.encode().hex(), "base64": text, "whsec": f"whsec_{text}"}
    return forms[schemes.by_name()[scheme].key_form]


def verdict(done: Result) -> str:
    return done.stdout.splitlines()[0].split()[-1]


def code(done: Result) -> str:
    assert (done.exit_code, verdict(done)) == (1, "rejected")
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())["code"]


def mistake(done: Result) -> str:
    """The one line that a mistake of ours ends in."""
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert isinstance(done.exception, SystemExit)
    return done.stderr.removeprefix("sealgate: ").rstrip()


def _named(scheme: str, more: tuple[str, ...]) -> tuple[str, ...]:
    if scheme == "scoped" and "--param" not in more:
        return ("--param", "id=doc-123", *more)
    return ("--key-id", "acme", *more) if schemes.by_name()[scheme].names_key and "--key-id" not in more else more


def message_for(scheme: str) -> bytes:
    """Octets of any kind; or JSON or a form where the scheme reads it; or nothing where it covers no body."""
    if schemes.by_name()[scheme].body_form == "form":
        return HEAD.replace(b"application/json", b"application/x-www-form-urlencoded") + b"amount=1"
    bodies = {
        "adyen": NOTIFICATION,
        **dict.fromkeys(("scoped", "signed-url", "signed-url-once"), b""),
        "envelope": b'{"data": 1}',
        "linear": b'{"amount": 1}',
        "mailgun": b'{"signature": {}}',
    }
    bodies |= {name: b"1" for name in schemes.by_name() if name.startswith("canonical-json")}
    return HEAD + bodies.get(scheme, BODY)
