"""The command line: what it prints, what it never prints, and its exit codes."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys

import pytest

from command_line import AT, BODY, HEAD, KEY, PLAIN, code, message_for, mistake, run, sign, verdict, verify
from sealgate import Scheme, __version__, schemes

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


def covers_body(scheme: Scheme) -> bool:
    return any(part in {"body", "content-digest"} or part.startswith("json:") for part in scheme.covered)


@pytest.mark.parametrize("scheme", sorted(name for name, each in schemes.by_name().items() if covers_body(each)))
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


def test_a_scheme_that_writes_into_the_query_gives_the_whole_message() -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    mac = hmac.new(KEY.encode(), f"https://api.shop.example/orders?bodySHA256={digest}".encode(), "sha1").digest()
    field = b"X-Twilio-Signature: " + base64.b64encode(mac) + b"\r\n"
    signed = sign(PLAIN, scheme="twilio-json")
    line = f"POST /orders?bodySHA256={digest} HTTP/1.1\r\n".encode()
    assert line in signed
    assert field.lower() in signed.lower()
    assert BODY == signed.partition(b"\r\n\r\n")[2]
    listed = json.loads(sign(PLAIN, "--format", "json", scheme="twilio-json"))
    assert {"scheme", "fields", "target"} == set(listed)
    assert f"/orders?bodySHA256={digest}" == listed["target"]


def test_what_is_not_covered_is_taken_where_that_is_said() -> None:
    signed = sign(PLAIN.replace(b"/orders", b"/orders?dry=1"), scheme="github")
    assert code(verify(signed, scheme="github")) == "component-not-covered"
    assert verify(signed, "--uncovered", "query", scheme="github").exit_code == 0
    assert code(verify(signed, "--uncovered", "body", scheme="github")) == "component-not-covered"


def test_a_key_is_read_as_the_party_writes_it() -> None:
    done = verify(PLAIN, scheme="standard-webhooks", key=KEY)
    assert mistake(done) == "--key-env: DEMO_KEY: key: expected whsec_ and the base64 of 24 to 64 bytes"


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


# the command itself


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
