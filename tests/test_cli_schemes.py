"""`sealgate schemes`: one table, from the schemes themselves, that says what a verifier does; and what is no HMAC."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest

from body_claims import NOTIFICATION
from command_line import mistake, run
from sealgate import Rejected, Request, Scheme, Signer, Verified, Verifier, schemes
from sealgate.exceptions import NotCovered
from sealgate.not_hmac import NOT_HMAC

PAGE = Path(__file__).parent.parent / "docs" / "schemes.md"
KEY = b"thirty-two octets of test key, A"
NOW = 1_700_000_000
SCHEMES = schemes.by_name()
LISTED = {each["scheme"]: each for each in json.loads(run("schemes", "--format", "json").stdout)}
each_scheme = pytest.mark.parametrize("name", SCHEMES)


#: What a party's form of `KEY` is.
KEYS = {
    "text": KEY.decode(),
    "hex": KEY.hex(),
    "base64": base64.b64encode(KEY).decode(),
    "whsec": f"whsec_{base64.b64encode(KEY).decode()}",
}
BODIES = {None: b'{"data": 1}', "jcs": b'{"data": 1}', "form": b"data=1", "pyjson": b"[1]", "pyjson-utf8": b"[1]"}


def verdict(scheme: Scheme, target: str = "/orders", body: bytes | None = None, at: int = NOW) -> Verified | Rejected:
    """What is said of a message that we signed, `at` seconds; without a body where a body would be refused."""
    if body is None:
        bare = "body-not-covered" in scheme.weaknesses() and not scheme.members
        body = b"" if bare else body_for(scheme)
    uncovered = frozenset({"body"}) if "body-not-covered" in scheme.weaknesses() and scheme.members else frozenset()
    return answer(scheme, target, body, at, uncovered)


def body_for(scheme: Scheme) -> bytes:
    """One that it can sign, where it signs bodies."""
    return NOTIFICATION if scheme.name == "adyen" else BODIES[scheme.body_form]


def answer(scheme: Scheme, target: str, body: bytes, at: int = NOW, uncovered: Set[str] = frozenset()) -> Any:
    kind = "application/x-www-form-urlencoded" if scheme.body_form == "form" else "application/json"
    headers = [("Host", "api.shop.example"), ("Content-Type", kind)]
    params, origin = dict.fromkeys(scheme.params, "doc-1"), "https://api.shop.example"
    key, key_id = KEYS[scheme.key_form], "acme" if scheme.names_key else None
    request = Request("POST", target, headers, body, origin=origin, params=params)
    signer = Signer(scheme, key=key, key_id=key_id, clock=lambda: at)
    if scheme.longest is None:
        signed = signer.sign(request)
    else:
        digest = hashlib.sha256(body).digest()
        upload: Any = {"content_type": kind, "content_length": len(body), "content_digest": digest}
        stated = upload if "content-length" in scheme.covered else {}
        link = signer.sign_url(origin + target, scheme.longest, ["POST"], **stated)
        signed = Request("POST", link.removeprefix(origin), headers, body)
    keys: Any = {key_id: key} if key_id else key
    verifier = Verifier(scheme, keys=keys, origin=origin, clock=lambda: NOW)
    try:
        return verifier.verify(signed, uncovered=frozenset(uncovered))
    except Rejected as refused:
        return refused


def says(facts: dict[str, Any], name: str, verdict: Verified | Rejected) -> bool:
    """Whether the table and the verdict agree."""
    return (facts[name] == "refused") == isinstance(verdict, NotCovered) and (
        facts[name] in {"accepted", "covered"}
    ) == isinstance(verdict, Verified)


def test_every_scheme_is_listed_with_what_it_says_of_itself() -> None:
    expected = {
        name: (list(scheme.covered), scheme.replay_class, sorted(scheme.weaknesses()), list(scheme.fields), scheme.hash)
        for name, scheme in SCHEMES.items()
    }
    assert expected == {
        name: (each["covered"], each["replay"], each["weaknesses"], each["fields"], each["hash"])
        for name, each in LISTED.items()
    }


@each_scheme
def test_the_table_says_what_a_verifier_does_with_a_query(name: str) -> None:
    assert isinstance(verdict(SCHEMES[name]), Verified)
    assert says(LISTED[name], "query", verdict(SCHEMES[name], "/orders?dry=1"))


@each_scheme
def test_the_table_says_what_a_verifier_does_with_a_body(name: str) -> None:
    assert says(LISTED[name], "body", answer(SCHEMES[name], "/orders", body_for(SCHEMES[name])))


@pytest.mark.parametrize("name", sorted(name for name, scheme in SCHEMES.items() if not scheme.members))
def test_the_table_says_what_a_verifier_does_without_a_body(name: str) -> None:
    assert says(LISTED[name], "empty_body", verdict(SCHEMES[name], body=b""))


@each_scheme
def test_the_table_says_for_how_long_a_message_is_good(name: str) -> None:
    scheme, window = SCHEMES[name], LISTED[name]["window"]
    assert (window is None) == ("no-time" in scheme.weaknesses())
    ages = [(0, True)] if window is None else [(window, True), (-window, True), (window + 1, False)]
    if scheme.longest is not None:  # it may last long, and not begin late
        ages[1] = (-300, True)
    for age, good in ages:
        assert good == isinstance(verdict(scheme, at=NOW - age), Verified), age


def test_the_text_has_a_block_for_each_scheme() -> None:
    *blocks, last = run("schemes").stdout.rstrip().split("\n\n")
    assert list(SCHEMES) == [block.split()[1] for block in blocks]
    for block, scheme in zip(blocks, SCHEMES.values(), strict=True):
        assert all(weakness in block for weakness in scheme.weaknesses())
    assert all(name in last for name in NOT_HMAC)


@each_scheme
def test_one_scheme_is_told_in_full_with_what_each_weakness_leaves_open(name: str) -> None:
    assert LISTED[name] == json.loads(run("schemes", name, "--format", "json").stdout)
    facts, _, told = run("schemes", name).stdout.partition("\n\n")
    assert ["scheme", name] == facts.splitlines()[0].split()
    assert sorted(SCHEMES[name].weaknesses()) == [line.partition(": ")[0] for line in told.splitlines()]


def test_the_page_is_what_the_command_writes() -> None:
    """Once more: sealgate schemes --format markdown > docs/schemes.md"""
    assert run("schemes", "--format", "markdown").stdout == PAGE.read_text()


# what is no HMAC


@pytest.mark.parametrize("name", NOT_HMAC)
def test_what_is_no_hmac_is_refused_with_the_reason_and_the_way_out(name: str) -> None:
    said = f"{name}: {NOT_HMAC[name]}"
    assert said == mistake(run("schemes", name))
    for command in ("sign", "verify"):
        assert said == mistake(run(command, "--scheme", name, "--key-env", "DEMO_KEY", "-", message=b""))
    constant = name.upper().replace("-", "_")
    with pytest.raises(AttributeError, match=re.escape(NOT_HMAC[name])):
        getattr(schemes, constant)
    assert not hasattr(schemes, constant)
    assert name in PAGE.read_text()


@pytest.mark.parametrize("name", ["discord", "STRIPPE", "__wrapped__", "_DISCORD", ""])
def test_another_name_is_an_attribute_that_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'sealgate.schemes' has no attribute '{name}'$"):
        getattr(schemes, name)


def test_what_is_no_hmac_has_no_preset_and_points_to_those_that_exist() -> None:
    assert not NOT_HMAC.keys() & SCHEMES.keys()
    for constant in re.findall(r"schemes\.(\w+)", " ".join(NOT_HMAC.values())):
        assert isinstance(getattr(schemes, constant), Scheme)


def test_a_name_that_nobody_has_is_a_mistake_that_lists_the_others() -> None:
    assert "'slack', 'square'" in mistake(run("schemes", "no-such"))
