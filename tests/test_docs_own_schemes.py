"""The page on schemes of one's own: its example runs, and its tables have every part and transform and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sealgate import ConfigurationError, Rejected, Request, Scheme
from sealgate.exceptions import Replayed

TOP = Path(__file__).parent.parent
PAGE = (TOP / "docs" / "own-schemes.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PARTS, TRANSFORMS = (PAGE.split(f"## {title}\n")[1].split("\n## ")[0] for title in ("Parts", "Transforms"))
#: As they stand in the first column.
LISTED = [part for row in re.findall(r"^\| (.*?) \|", PARTS, re.MULTILINE) for part in re.findall(r"`(\{.*?\})`", row)]
NAMED = [
    name for row in re.findall(r"^\| (.*?) \|", TRANSFORMS, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)
]
CARRIED = {"created", "expires", "nonce", "message_id", "key_id", "digest", "methods", "content_type", "content_length"}
#: A base with each, and the field that carries what it names.
USED = {
    **{name: (f"{{body:{name}}}", None) for name in ("hex", "base64", "base64url", "sha256", "sha512")},
    **{name: ("{created}", f"{{created:{name}}}") for name in ("ms", "rfc3339", "http-date", "amz-date")},
    "number": ("{created}{body}", "{created:number}"),
    **{name: (f"{{json:/a:{name}}}", None) for name in ("jcs", "pyjson", "pyjson-utf8", "text")},
    "sorted": ("{@query:sorted}", None),
    "canonical": ("{@path:canonical}", None),
    "lower": ("{header:host:lower}", None),
    **{name: (f"{{@target-uri:{name}}}", None) for name in ("with-port", "without-port", "delimiters")},
    "greedy": ("{@method}.{@path:greedy}.{body}", None),
}


def source_of(path: str, table: str) -> list[str]:
    """The names in a table of the core."""
    text = (TOP / "src" / path).read_text()
    return re.findall(r'\("\\?"?([@\w-]+)\\?"?", ', text.split(table)[1].split("];")[0])


SIGNED = {"X-Sig": "{signature:base64}"}


def scheme_of(base: str, fields: Mapping[str, str] = SIGNED, **settings: Any) -> Scheme:
    return Scheme("own", base=base, fields=fields, accept_weaknesses=None, **settings)


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCEL_KEY", "the key of a shop that does not exist")
    names: dict[str, Any] = {}
    exec(compile(PYTHON[0], "docs/own-schemes.md", "exec"), names)
    parcels, signer, verifier = names["parcels"], names["signer"], names["verifier"]
    assert (frozenset(), "nonce", 120) == (parcels.weaknesses(), parcels.replay_class, parcels.max_age)
    sent = signer.sign(Request("POST", "/parcels?dry=1", [("Host", "api.shop.example")], b"{}"))
    assert {"body", "@method", "@path", "@query", "host"} <= set(verifier.verify(sent).covered)
    with pytest.raises(Replayed):
        verifier.verify(sent)
    for change in ({"method": "PUT"}, {"target": "/parcels?dry=0"}, {"body": b"{ }"}):
        message = {"method": "POST", "target": sent.target, "body": sent.body, **change}
        with pytest.raises(Rejected):
            verifier.verify(Request(message["method"], message["target"], sent.headers, message["body"]))


def test_every_part_is_listed_and_no_other() -> None:
    kinds = {re.split(r"[:}]", part[1:])[0] for part in LISTED}
    derived = set(re.findall(r'\("\\"(@[\w-]+)\\"", Self::', (TOP / "src" / "request.rs").read_text()))
    claims = set(source_of("claims.rs", "pub(crate) const CLAIMS"))
    assert (7, CARRIED) == (len(derived), claims)
    assert kinds == derived | claims | {"header", "param", "body", "form", "json", "signature"}


@pytest.mark.parametrize("part", LISTED)
def test_each_part_that_is_listed_is_one(part: str) -> None:
    kind = re.split(r"[:}]", part[1:])[0]
    if kind == "signature":
        made = scheme_of("{body}", {"X-Sig": part})
    elif kind in {"methods", "content_type", "content_length"}:
        query = {"m": part, "c": "{created}", "e": "{expires}", "s": "{signature:hex}"}
        made = Scheme("own", base="{@path}?{@query}", query=query, longest=60, accept_weaknesses=None)
    elif kind in CARRIED:
        made = scheme_of(f"{{@method}}{{{kind}}}", {**SIGNED, "X-Own": part})
    else:
        made = scheme_of(part if part != "{json:/note:text?}" else "{json:/z}" + part)
    if kind not in {"signature", *CARRIED}:
        (covered,) = [name for name in made.covered if name != "json:/z"]
        assert covered in (["body"] if kind == "form" else part), covered


def test_every_transform_is_listed_and_no_other() -> None:
    assert sorted(NAMED) == sorted(source_of("transform.rs", "const TRANSFORMS")) == sorted(USED)


@pytest.mark.parametrize("name", USED)
def test_each_transform_that_is_listed_is_one(name: str) -> None:
    base, carried = USED[name]
    in_body = {"json": {"/at": carried}} if name == "number" else {}
    fields = SIGNED if carried is None or in_body else {**SIGNED, "X-At": carried}
    assert scheme_of(base, fields, **in_body).weaknesses()
    changed = {key: value.replace(name, f"{name}x") for key, value in fields.items()}
    in_body = {"json": {"/at": f"{{created:{name}x}}"}} if in_body else {}
    with pytest.raises(ConfigurationError, match="unknown transform"):
        scheme_of(base.replace(name, f"{name}x"), changed, **in_body)
