"""The command line: what it prints, what it never prints, and its exit codes."""

import base64
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from sealgate import __version__, schemes
from sealgate.cli import cli

KEY = "0123456789abcdef0123456789abcdef-marker"
AT = 1_800_000_000
BODY = b'{"amount": 1}\n\x00\xff'
HEAD = b"POST /orders HTTP/1.1\r\nHost: api.shop.example\r\nContent-Type: application/json\r\n\r\n"
PLAIN = HEAD + BODY
JWK = {"kty": "oct", "kid": "acme", "alg": "HS256", "k": base64.urlsafe_b64encode(KEY.encode()).rstrip(b"=").decode()}


def run(*args: str, message: bytes | None = None, key: str | None = KEY) -> Result:
    return CliRunner().invoke(cli, list(args), input=message, env={"DEMO_KEY": key})


def sign(message: bytes = PLAIN, *more: str, scheme: str = "rfc9421", key: str = KEY) -> bytes:
    done = run(
        "sign", "--scheme", scheme, "--key-env", "DEMO_KEY", *_named(scheme, more), "-", message=message, key=key
    )
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout_bytes


def verify(message: bytes, *more: str, scheme: str = "rfc9421", key: str | None = KEY) -> Result:
    named = _named(scheme, more)
    return run("verify", "--scheme", scheme, "--key-env", "DEMO_KEY", *named, "-", message=message, key=key)


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
    return ("--key-id", "acme", *more) if scheme == "rfc9421" and "--key-id" not in more else more


def message_for(scheme: str) -> bytes:
    """Octets of any kind; or JSON where the scheme reads it; or nothing where it covers no body."""
    bodies = {"scoped": b"", "envelope": b'{"data": 1}'} | {name: b"1" for name in schemes.by_name() if "json" in name}
    return HEAD + bodies.get(scheme, BODY)


# keygen


@pytest.mark.parametrize("form", ["text", "json"])
def test_keygen_prints_a_symmetric_json_web_key_of_32_octets(form: str) -> None:
    jwk = json.loads(run("keygen", "--format", form).stdout)
    assert {"kty", "kid", "alg", "k"} == set(jwk)
    assert (jwk["kty"], jwk["alg"], len(jwk["k"])) == ("oct", "HS256", 43)
    assert len(base64.urlsafe_b64decode(jwk["k"] + "=")) == 32


def test_keygen_never_makes_the_same_key_twice() -> None:
    made = [json.loads(run("keygen").stdout) for _ in range(20)]
    assert 20 == len({jwk["k"] for jwk in made}) == len({jwk["kid"] for jwk in made})


def test_keygen_takes_a_key_id() -> None:
    assert json.loads(run("keygen", "--key-id", "acme").stdout)["kid"] == "acme"


def test_a_generated_key_signs_and_verifies_under_its_own_key_id() -> None:
    jwk = run("keygen").stdout
    done = run(*["sign", "--scheme", "rfc9421", "--key-env", "DEMO_KEY", "-"], message=PLAIN, key=jwk)
    done = run(
        *["verify", "--scheme", "rfc9421", "--format", "json", "--key-env", "DEMO_KEY", "-"],
        message=done.stdout_bytes,
        key=jwk,
    )
    assert json.loads(jwk)["kid"] == json.loads(done.stdout)["key_id"]


# sign and verify


@pytest.mark.parametrize("scheme", sorted(schemes.by_name()))
def test_what_is_signed_verifies_with_every_scheme(scheme: str) -> None:
    done = verify(sign(message_for(scheme), scheme=scheme), scheme=scheme)
    assert (done.exit_code, verdict(done)) == (0, "verified")


@pytest.mark.parametrize("scheme", sorted({*schemes.by_name()} - {"scoped"}))
def test_a_changed_body_is_rejected_with_every_scheme(scheme: str) -> None:
    head, end, body = sign(message_for(scheme), scheme=scheme).partition(b"\r\n\r\n")
    done = verify(head + end + body.replace(b"1", b"2", 1), scheme=scheme)
    assert code(done) in {"digest-mismatch", "signature-invalid"}


def test_a_scheme_over_what_the_route_matched_is_told_it() -> None:
    signed = sign(HEAD, scheme="scoped")
    mac = hmac.new(KEY.encode(), b"download:resource:doc-123", hashlib.sha256).hexdigest().encode()
    assert HEAD.removesuffix(b"\r\n") + b"X-Hmac-Signature: " + mac + b"\r\n\r\n" == signed
    assert code(verify(signed, "--param", "id=doc-124", scheme="scoped")) == "signature-invalid"
    assert code(verify(signed, "--param", "name=doc-123", scheme="scoped")) == "component-not-covered"
    assert code(verify(signed + b"1", scheme="scoped")) == "component-not-covered"
    for wrong in (("--param", "id"), ("--param", "id=1", "--param", "id=2")):
        assert mistake(verify(signed, *wrong, scheme="scoped")) == "--param: expected NAME=VALUE, each name once"


def test_a_scheme_that_writes_into_the_body_gives_the_whole_message() -> None:
    """Its length with it; and as JSON, the body to send."""
    body = b'{"more": [], "data": {"b": 1.0, "a": 2}}'
    mac = hmac.new(KEY.encode(), b'{"a":2,"b":1}', hashlib.sha256).hexdigest()
    expected = f'{{"data":{{"a":2,"b":1}},"hmac":"{mac}","more":[]}}'
    head = HEAD.removesuffix(b"\r\n")
    signed = sign(head + b"Content-Length: %d\r\n\r\n" % len(body) + body, scheme="envelope")
    assert head + b"content-length: %d\r\n\r\n" % len(expected) + expected.encode() == signed
    assert verify(signed, scheme="envelope").exit_code == 0
    assert signed == sign(signed, scheme="envelope")
    done = run("sign", *["--scheme", "envelope", "--key-env", "DEMO_KEY", "--format", "json", "-"], message=HEAD + body)
    assert {"scheme": "envelope", "fields": [], "body": expected} == json.loads(done.stdout)


def test_the_signature_is_the_one_that_the_standard_library_makes() -> None:
    expected = b"X-Signature: " + hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest().encode()
    assert expected in sign(scheme="body").splitlines()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_signing_adds_lines_and_preserves_every_other_octet(end: bytes) -> None:
    head = end.join([b"POST /orders HTTP/1.1", b"host:api.shop.example", b"X-Odd:   \xe9 \t", b"X-Odd: two", b"", b""])
    signed = sign(head + BODY, scheme="body")
    added = b"X-Signature: " + hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest().encode() + end
    assert head.removesuffix(end) + added + end + BODY == signed


def test_signing_again_replaces_the_earlier_signature() -> None:
    once = sign(PLAIN, "--at", str(AT))
    twice = sign(once, "--at", str(AT + 60))
    assert [line.split(b":")[0] for line in once.splitlines()] == [line.split(b":")[0] for line in twice.splitlines()]
    assert (b"created=%d" % (AT + 60) in twice, b"created=%d;" % AT in twice) == (True, False)


def test_the_signature_goes_into_the_field_that_is_named() -> None:
    signed = sign(PLAIN, "--header", "X-Shop-Hmac", scheme="canonical-request")
    assert b"\r\nX-Shop-Hmac: " in signed
    done = verify(signed, "--header", "X-Shop-Hmac", scheme="canonical-request")
    assert (done.exit_code, verdict(done)) == (0, "verified")


def test_sign_as_json_lists_the_fields_to_add() -> None:
    listed = json.loads(sign(PLAIN, "--format", "json", scheme="body"))
    expected = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()
    assert {"scheme": "body", "fields": [["X-Signature", expected]]} == listed


def test_the_verdict_names_key_scheme_coverage_time_and_nonce() -> None:
    proven = json.loads(verify(sign(PLAIN, "--at", str(AT)), "--at", str(AT), "--format", "json").stdout)
    assert tuple(proven[name] for name in ("verdict", "key_id", "scheme", "created")) == (
        "verified",
        "acme",
        "rfc9421",
        AT,
    )
    assert {"@method", "@authority", "@path", "@query", "content-digest"} <= set(proven["covered"])
    assert len(proven["nonce"]) >= 16


def test_verify_twice_gives_the_same_verdict() -> None:
    signed = sign(PLAIN, "--at", str(AT))
    first, second = (verify(signed, "--at", str(AT)) for _ in range(2))
    assert (0, first.stdout) == (second.exit_code, second.stdout)


@pytest.mark.parametrize(
    ("at", "expected"),
    [(AT - 301, "signature-expired"), (AT - 300, None), (AT + 300, None), (AT + 301, "signature-expired")],
)
def test_the_clock_is_the_one_given(at: int, expected: str | None) -> None:
    done = verify(sign(PLAIN, "--at", str(AT)), "--at", str(at))
    assert expected == (code(done) if done.exit_code else None)


def test_a_rejection_as_json_has_the_reason_code() -> None:
    done = verify(PLAIN, "--format", "json")
    rejected = json.loads(done.stdout)
    assert (done.exit_code, rejected["verdict"], rejected["code"]) == (1, "rejected", "signature-missing")


def test_a_wrong_key_is_rejected() -> None:
    assert code(verify(sign(), key="another key of more than 16 octets")) == "signature-invalid"


def test_the_host_field_gives_the_origin_by_default() -> None:
    signed = sign(PLAIN, "--origin", "https://api.shop.example")
    assert verify(signed).exit_code == 0


def test_an_origin_that_the_host_field_contradicts_is_rejected() -> None:
    assert code(verify(sign(), "--origin", "https://other.example")) == "target-ambiguous"


def test_without_origin_and_host_a_scheme_over_the_authority_cannot_be_used() -> None:
    message = b"GET /orders HTTP/1.1\n\n"
    assert mistake(verify(message)).startswith("--origin: required")
    assert verify(sign(message, "--origin", "https://a.example"), "--origin", "https://a.example").exit_code == 0


def test_non_ascii_signature_octets_are_rejected() -> None:
    signed = sign(scheme="body").replace(b"X-Signature: ", b"X-Signature: \xe9\xff")
    assert code(verify(signed, scheme="body")) == "signature-malformed"


# keys


def test_a_json_web_key_gives_key_and_key_id() -> None:
    signed = run(*["sign", "--scheme", "rfc9421", "--key-env", "DEMO_KEY", "-"], message=PLAIN, key=json.dumps(JWK))
    assert b'keyid="acme"' in signed.stdout_bytes
    assert verify(signed.stdout_bytes).exit_code == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "RSA"},
        {"k": None},
        {"k": 7},
        {"k": JWK["k"] + "="},
        {"k": "!" + JWK["k"]},
        {"k": JWK["k"] + "A"},
        {"k": ""},
        {"kid": 7},
        {"alg": "HS512"},
        {"alg": "none"},
        {"alg": ["HS256"]},
    ],
)
def test_a_json_web_key_of_another_kind_is_refused(changes: dict[str, object]) -> None:
    done = verify(PLAIN, key=json.dumps(JWK | changes))
    assert "DEMO_KEY" in mistake(done)
    assert JWK["k"] not in done.stderr


@pytest.mark.parametrize("text", ["{", '{"kty": "oct"}', "{}", '{"k": "' + JWK["k"], " {1"])
def test_malformed_json_in_the_key_variable_is_refused_without_showing_it(text: str) -> None:
    done = verify(PLAIN, key=text)
    assert mistake(done) == "--key-env: DEMO_KEY: not a JSON Web Key of the type oct"


@pytest.mark.parametrize("key", [None, ""])
def test_a_key_variable_that_is_not_set_is_named(key: str | None) -> None:
    assert mistake(verify(PLAIN, key=key)) == "--key-env: DEMO_KEY: this environment variable is not set, or empty"


def test_a_short_key_is_refused_without_showing_it() -> None:
    done = verify(PLAIN, key="tooshort-marker")
    assert "tooshort-marker" not in mistake(done)


def test_a_key_appears_in_no_output() -> None:
    forms = {KEY, KEY.encode().hex(), base64.b64encode(KEY.encode()).decode(), JWK["k"]}
    signed = sign()
    outputs = [
        run(
            command, "--scheme", scheme, "--key-env", "DEMO_KEY", "--format", form, *more, "-", message=message, key=key
        )
        for command in ("sign", "verify")
        for scheme in schemes.by_name()
        for form in ("text", "json")
        for message in (PLAIN, signed, b"", b"GET / HTTP/1.1\n\n")
        for key in (KEY, json.dumps(JWK))
        for more in ((), ("--key-id", "acme"), ("--origin", "nonsense"))
    ]
    assert {0, 1, 2} == {done.exit_code for done in outputs}
    assert [text for done in outputs for text in forms if text in done.output] == []


# mistakes and hostile files


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", "-: no empty line ends the header fields"),
        (b"\n", "-: line 1: expected a request line"),
        (PLAIN[:40], "-: no empty line ends the header fields"),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\n", "-: no empty line ends the header fields"),
        (bytes(range(256)) * 4, "-: no empty line ends the header fields"),
        (bytes(range(256)) * 4 + b"\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"GET /\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"GET  / HTTP/1.1\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"GET / HTTP/2\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"G\xc9T / HTTP/1.1\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"HTTP/1.1 200 OK\n\n", "-: line 1: expected `METHOD /target HTTP/1.1`"),
        (b"GET / HTTP/1.1\nHost a.example\n\n", "-: line 2: expected `Name: value`"),
        (b"GET / HTTP/1.1\nHost : a.example\n\n", "-: line 2: expected `Name: value`"),
        (b"GET / HTTP/1.1\nA: b\n folded\n\n", "-: line 3: expected `Name: value`"),
        (b"GET / HTTP/1.1\n: b\n\n", "-: line 2: expected `Name: value`"),
        (b"GET / HTTP/1.1\nA: b\rc: d\n\n", "-: line 2: a field value has no CR and no NUL"),
        (b"GET / HTTP/1.1\nA: \0\n\n", "-: line 2: a field value has no CR and no NUL"),
        (b"GET / HTTP/1.1\nA: " + b"x" * 70_000 + b"\n\n", "-: request line and header fields are larger than 64 KiB"),
        (b"GET / HTTP/1.1\n" + b"A: b\n" * 20_000 + b"\n", "-: request line and header fields are larger than 64 KiB"),
        (
            b"POST / HTTP/1.1\nContent-Length: 9\n\n1234",
            "-: Content-Length is not 4, the number of octets after the empty line",
        ),
        (
            b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n",
            "-: Transfer-Encoding: write the body as it is, without chunks",
        ),
        (b"POST / HTTP/1.1\n\n" + b"x" * (10 * 1024 * 1024 + 1), "-: the body is larger than 10 MiB"),
    ],
)
@pytest.mark.parametrize("command", ["sign", "verify"])
def test_a_file_that_is_no_request_message_is_one_clear_line(command: str, message: bytes, expected: str) -> None:
    assert expected == mistake(run(command, "--scheme", "body", "--key-env", "DEMO_KEY", "-", message=message))


@pytest.mark.parametrize("target", [b"*", b"orders", b"//orders", b"/a#b", b"/\xe9", b"/%zz", b"http://a.example/"])
def test_a_target_that_can_be_read_in_two_ways_is_a_verdict_and_never_signed(target: bytes) -> None:
    message = b"GET %s HTTP/1.1\nHost: a.example\n\n" % target
    signing = run("sign", "--scheme", "rfc9421", "--key-env", "DEMO_KEY", "--key-id", "a", "-", message=message)
    assert any(word in mistake(signing) for word in ("target", "path", "percent-encoding"))
    assert verify(message).exit_code == 1


def test_any_change_to_a_signed_file_gives_a_verdict_or_one_line() -> None:
    chance = random.Random(9421)
    signed = sign(PLAIN, "--at", str(AT))
    for _ in range(400):
        changed = bytearray(signed)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        done = verify(
            bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.3 else changed), "--at", str(AT)
        )
        assert isinstance(done.exception, SystemExit | None)
        assert done.exit_code in {1, 2} or bytes(changed) == signed or _same_meaning(bytes(changed), signed)


def _same_meaning(changed: bytes, signed: bytes) -> bool:
    """Only what the signature does not cover differs: case of names, blanks around values, line ends, Content-Type."""
    covered = [b"host", b"content-digest", b"signature", b"signature-input"]

    def meaning(message: bytes) -> tuple[object, ...]:
        head, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
        first, *lines = head.split(b"\n")
        fields = {name.lower(): value.strip(b" \t") for name, _, value in (line.partition(b":") for line in lines)}
        return first, [fields.get(name, b"").lower() if name == b"host" else fields.get(name) for name in covered], body

    return meaning(changed) == meaning(signed)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), "Missing command"),
        (("explode",), "No such command 'explode'"),
        (("schemes", "--format", "xml"), "Invalid value for '--format'"),
        (("--nothing",), "No such option"),
        (("sign",), "Missing"),
        (("verify", "--scheme", "none", "--key-env", "DEMO_KEY", "-"), "Invalid value for '--scheme'"),
        (("verify", "--scheme", "body", "--key-env", "DEMO_KEY", "no\nfile"), "Invalid value for 'FILE'"),
        (("verify", "--scheme", "body", "--key-env", "DEMO_KEY", "/"), "Invalid value for 'FILE'"),
        (("verify", "--scheme", "body", "--key-env", "DEMO_KEY", "--at", "now", "-"), "Invalid value for '--at'"),
        (("verify", "--scheme", "body", "--key-env", "DEMO_KEY", "--at", "-1", "-"), "Invalid value for '--at'"),
        (
            ("verify", "--scheme", "github", "--key-env", "DEMO_KEY", "--header", "X-A", "-"),
            "--header: the scheme github",
        ),
        (("verify", "--scheme", "body", "--key-env", "DEMO_KEY", "--header", "X A", "-"), ""),
        (("sign", "--scheme", "rfc9421", "--key-env", "DEMO_KEY", "-"), "key_id: the scheme rfc9421 names the key"),
        (("verify", "--scheme", "rfc9421", "--key-env", "DEMO_KEY", "--origin", "nonsense", "-"), "origin"),
        (("demo", "--only", "rails"), "Invalid value for '--only'"),
    ],
)
def test_a_mistake_in_usage_or_configuration_is_one_line_and_exit_2(args: tuple[str, ...], expected: str) -> None:
    assert expected in mistake(run(*args, message=PLAIN))


# schemes, and the command itself


def test_schemes_lists_every_scheme_with_coverage_and_weaknesses() -> None:
    listed = {item["scheme"]: item for item in json.loads(run("schemes", "--format", "json").stdout)}
    assert {
        name: (list(scheme.covered), scheme.replay_class, sorted(scheme.weaknesses()), list(scheme.fields), scheme.hash)
        for name, scheme in schemes.by_name().items()
    } == {
        name: (item["covered"], item["replay"], item["weaknesses"], item["fields"], item["hash"])
        for name, item in listed.items()
    }


def test_schemes_as_text_shows_the_weaknesses_of_each() -> None:
    blocks = {block.split()[1]: block for block in run("schemes").stdout.split("\n\n")}
    assert set(schemes.by_name()) == set(blocks)
    for name, scheme in schemes.by_name().items():
        assert all(weakness in blocks[name] for weakness in scheme.weaknesses())


@pytest.mark.parametrize("command", [(), ("keygen",), ("sign",), ("verify",), ("schemes",), ("demo",)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert (done.exit_code, done.stdout.startswith("Usage: ")) == (0, True)


def test_the_version_is_the_package_s() -> None:
    assert f"sealgate, version {__version__}\n" == run("--version").stdout


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "verify", "--scheme", "body", "--key-env", "DEMO_KEY", "-"],
        input=sign(scheme="body"),
        env=os.environ | {"DEMO_KEY": KEY},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, b"verdict     verified", b"")


@pytest.mark.parametrize("absent", ["click", "rich"])
def test_without_its_extra_the_program_says_in_one_line_how_to_get_it(absent: str) -> None:
    program = f"""
import sys
sys.modules[{absent!r}] = None
sys.argv[1:] = ["demo"]
from sealgate.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert (done.stderr.count("\n"), absent in done.stderr) == (1, True)
    assert "pip install 'sealgate[" in done.stderr
