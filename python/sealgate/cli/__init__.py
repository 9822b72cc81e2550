"""The command line: make and rotate keys, canonicalize JSON, sign or verify one message, list schemes, run the demo."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, TypeVar

import click

from sealgate import Key, KeyRing, Scheme, Signer, Verifier, __version__, canonicalize_json, schemes
from sealgate.cli.audit import audit
from sealgate.cli.described import SchemeName, lines, list_schemes
from sealgate.cli.keys import keys
from sealgate.cli.message import Message
from sealgate.cli.mistakes import mistakes
from sealgate.cli.posture import posture
from sealgate.cli.vectors import vectors
from sealgate.exceptions import CanonicalizationError, ConfigurationError, Rejected
from sealgate.keys import from_environment

__all__ = ["cli", "main"]

#: RFC 7518, 3.1.
_JWK_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_WITH_HEADER: dict[str, Callable[[str], Scheme]] = {
    "body": schemes.body,
    "canonical-request": schemes.canonical_request,
    "canonical-json": schemes.canonical_json,
    "canonical-json-pyjson": partial(schemes.canonical_json, form="pyjson"),
    "canonical-json-pyjson-utf8": partial(schemes.canonical_json, form="pyjson-utf8"),
    "scoped": lambda header: schemes.scoped(header=header),
}
_F = TypeVar("_F", bound=Callable[..., Any])


class _OneLine(click.Group):
    """Mistakes in usage or configuration end in one line on standard error and exit 2; a traceback is a bug."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with mistakes():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with mistakes():
            return super().invoke(ctx)


@click.group(cls=_OneLine, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sealgate")
def cli() -> None:
    """HMAC request signatures: sign and verify messages, and see what each scheme covers."""


for command in (audit, keys, posture, list_schemes, vectors):
    cli.add_command(command)


def main() -> None:
    """Runs the command line; exit 0 is yes, 1 is no, 2 a mistake in usage or configuration."""
    cli.main(prog_name="sealgate")


def _format(command: _F) -> _F:
    choice = click.Choice(["text", "json"])
    return click.option("--format", "form", type=choice, default="text", show_default=True)(command)


def _message_options(command: _F) -> _F:
    options: list[Callable[[Any], Any]] = [
        click.argument("file", type=click.File("rb")),
        click.option("--scheme", "scheme_name", required=True, type=SchemeName()),
        click.option(
            "--key-env",
            required=True,
            metavar="NAME",
            help="Environment variable with the key: as the party writes it, or a JWK.",
        ),
        click.option("--key-id", metavar="ID", help="The key's id; the `kid` of a JWK by default."),
        click.option("--origin", metavar="URL", help="Of the service; by default `https://` and the Host field."),
        click.option("--header", metavar="FIELD", help="Field of the signature, for schemes that leave it free."),
        click.option(
            "--param",
            "params",
            multiple=True,
            metavar="NAME=VALUE",
            help="What the route matches, for schemes that sign it; may be given several times.",
        ),
        click.option(
            "--at", type=click.IntRange(0, 999_999_999_999), metavar="SECONDS", help="Unix time to take as now."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return _format(command)


@cli.command()
@click.option("--key-id", metavar="ID", help="The key's id; random by default.")
@_format
def keygen(key_id: str | None, form: str) -> None:
    """Make a key: 32 random bytes, as a JSON Web Key (RFC 7517), on standard output."""
    octets = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    jwk = {"kty": "oct", "kid": secrets.token_hex(8) if key_id is None else key_id, "alg": "HS256", "k": octets}
    click.echo(json.dumps(jwk, indent=2 if form == "text" else None))


@cli.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--form", "canonical_form", type=click.Choice(["jcs", "pyjson", "pyjson-utf8"]), default="jcs")
@click.option("--round-integers", is_flag=True, help="Round integers that a double does not hold, as ECMAScript does.")
@_format
def canonicalize(file: IO[bytes], canonical_form: str, round_integers: bool, form: str) -> None:
    """Print the canonical form of the JSON text in FILE (standard input by default): RFC 8785, and no line feed.

    Exit 1 and the reason where it has none. `pyjson` is json.dumps(value, sort_keys=True, separators=(",", ":")), and
    `pyjson-utf8` the same with ensure_ascii=False. With --format json: also its size and digest.
    """
    try:
        canonical = canonicalize_json(file.read(), form=canonical_form, round_integers=round_integers)
    except CanonicalizationError as error:
        if form == "json":
            click.echo(json.dumps({"error": str(error), "index": error.index}, indent=2))
        else:
            click.echo(f"sealgate: {error}", err=True)
        sys.exit(1)
    if form == "json":
        digest = hashlib.sha256(canonical).hexdigest()
        click.echo(json.dumps({"canonical": canonical.decode(), "size": len(canonical), "sha256": digest}, indent=2))
    else:
        click.echo(canonical, nl=False)


@cli.command()
@_message_options
def sign(file: IO[bytes], at: int | None, form: str, **options: Any) -> None:
    """Print the HTTP message in FILE (- is standard input) with its signature added, and otherwise as it was.

    With --format json: the fields to add, and the target and the body where the scheme writes into them.
    """
    message, setting = Message.read(file), _Setting.of(**options)
    signer = Signer(setting.scheme, key=setting.key, key_id=setting.key_id, clock=_clock(at))
    request = message.request(setting.origin_for(message), setting.params)
    target = body = None
    if setting.scheme.query or setting.scheme.members:
        signed = signer.sign(request)
        added = message.added(signed)
        target = signed.target if setting.scheme.query else None
        body = signed.body if setting.scheme.members else None
    else:
        added = signer.sign_headers(request)
    if form == "json":
        written = {"target": target, "body": None if body is None else body.decode()}
        written = {name: text for name, text in written.items() if text is not None}
        click.echo(json.dumps({"scheme": setting.scheme.name, "fields": added} | written, indent=2))
    else:
        click.echo(message.with_signature(added, target, body), nl=False)


@cli.command()
@_message_options
@click.option(
    "--uncovered",
    multiple=True,
    type=click.Choice(["query", "body"]),
    help="Take it though the signature does not cover it; may be given twice.",
)
def verify(file: IO[bytes], at: int | None, form: str, uncovered: tuple[str, ...], **options: Any) -> None:
    """Verify the HTTP message in FILE (- is standard input): exit 0 and the verdict, or exit 1 and the reason code.

    Replays are not looked for: one message has no past. Without --origin, the Host field is believed.
    """
    message, setting = Message.read(file), _Setting.of(**options)
    ring = KeyRing(setting.key if setting.key_id is None else {setting.key_id: setting.key})
    origin = setting.origin_for(message)
    verifier = Verifier(setting.scheme, keys=ring, origin=origin, replay="off", clock=_clock(at))
    try:
        verified = verifier.verify(message.request(None, setting.params), uncovered=frozenset(uncovered))
    except Rejected as error:
        rejected = {"verdict": "rejected", "code": error.code, "reason": str(error)}
        click.echo(json.dumps(rejected, indent=2) if form == "json" else lines(rejected))
        sys.exit(1)
    names = ("key_id", "scheme", "covered", "created", "nonce", "message_id")
    proven = {"verdict": "verified"} | {name: getattr(verified, name) for name in names}
    click.echo(json.dumps(proven, indent=2) if form == "json" else lines(proven))


@cli.command()
@click.option("--only", type=click.Choice(["django", "flask", "fastapi"]), help="The servers of one framework.")
@click.option("--keep", is_flag=True, help="Keep the servers up afterwards, until Ctrl-C.")
@_format
def demo(only: str | None, keep: bool, form: str) -> None:
    """The whole story on real servers: signed, unsigned and forged requests to Django, Flask and FastAPI.

    Needs openssl and curl. Exit 0 if every answer is the expected one, 1 if not. Keys are made for the run;
    SEALGATE_DEMO_KEY, SEALGATE_DEMO_WEBHOOK_KEY and SEALGATE_DEMO_EXPORT_KEY replace them, to sign by hand with --keep.
    """
    try:
        from sealgate.demo import report, story
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("sealgate"):
            raise
        raise ConfigurationError(f"the demo needs {error.name}: pip install 'sealgate[demo]'") from error
    with ExitStack() as stack:
        with report.progress(report.console(stderr=True)) as follow:
            outcome, servers = stack.enter_context(story.played(only, follow))
        if form == "json":
            click.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            report.show(outcome, report.console())
        if keep:
            _hold([f"{up.server.title}: http://{up.authority}" for up in servers])
    sys.exit(0 if outcome.ok else 1)


@dataclass(frozen=True, slots=True)
class _Setting:
    scheme: Scheme
    key: Key
    key_id: str | None
    origin: str | None
    params: dict[str, str]

    @classmethod
    def of(
        cls,
        *,
        scheme_name: str,
        key_env: str,
        key_id: str | None,
        origin: str | None,
        header: str | None,
        params: tuple[str, ...],
    ) -> _Setting:
        if header is None:
            scheme = schemes.by_name()[scheme_name]
        elif scheme_name in _WITH_HEADER:
            scheme = _WITH_HEADER[scheme_name](header)
        else:
            raise ConfigurationError(f"--header: the scheme {scheme_name} fixes its own fields")
        key, kid = _key(key_env, scheme)
        named = dict(param.partition("=")[::2] for param in params)
        if len(named) != len(params) or not all("=" in param for param in params):
            raise ConfigurationError("--param: expected NAME=VALUE, each name once")
        return cls(scheme, key, kid if key_id is None else key_id, origin, named)

    def origin_for(self, message: Message) -> str | None:
        """The origin given, or the one that the Host field names where the scheme cannot do without."""
        if self.origin is not None or not self.scheme.needs_origin:
            return self.origin
        host = next((value for name, value in message.fields if name.lower() == b"host"), None)
        if host is None:
            raise ConfigurationError(f"--origin: required, since {message.name} has no Host field")
        return f"https://{host.decode('latin-1')}"


def _key(variable: str, scheme: Scheme) -> tuple[Key, str | None]:
    """The key in an environment variable, and its key id where it is a JSON Web Key."""
    try:
        key, key_id, algorithm = from_environment(variable, scheme.key_form)
    except ConfigurationError as error:
        raise ConfigurationError(f"--key-env: {error}") from None
    if algorithm is not None and _JWK_HASHES.get(algorithm) != scheme.hash:
        raise ConfigurationError(f"--key-env: the key in {variable} is not for {scheme.hash}, the scheme's hash")
    return key, key_id


def _hold(servers: list[str]) -> None:
    """Returns on Ctrl-C. Wakes up now and then: a signal that comes just before a system call would not end it."""
    with suppress(KeyboardInterrupt):
        click.echo("\n".join([*servers, "Ctrl-C stops the servers"]), err=True)
        while True:
            time.sleep(1)


def _clock(at: int | None) -> Callable[[], float]:
    return time.time if at is None else lambda: float(at)
