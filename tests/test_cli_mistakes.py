"""The command line: a mistake or a hostile file is one clear line and an exit code, and shows no key."""

import base64
import json
import random

import pytest

from command_line import AT, JWK, KEY, PLAIN, mistake, run, sign, verify
from kinds_of_scheme import ONE_OF_EACH_KIND, written

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
        run(command, "--scheme", name, "--key-env", "DEMO_KEY", "--format", form, *more, "-", message=message, key=key)
        for command in ("sign", "verify")
        for name, scheme in ONE_OF_EACH_KIND.items()
        for form in ("text", "json")
        for message in (PLAIN, signed, b"", b"GET / HTTP/1.1\n\n")
        for key in (written(KEY.encode(), scheme), json.dumps(JWK))
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
