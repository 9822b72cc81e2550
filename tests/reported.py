"""Reports made by hand, and names that an application should not have, for the tests of what the audit prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sealgate import Verifier, schemes
from sealgate.audit import Attack, Entry, Mismatch, Proof, Report, Source, Standing
from sealgate.audit.entry import standing
from sealgate.policy import Exempt, Policy

__all__ = ["ENDED", "EXEMPT", "HOSTILE", "OPEN", "REPORT_ONLY", "UNKNOWN", "VERIFIED", "entry", "hostile", "report"]

NOW = 1_700_000_000.0
_VERIFIER = Verifier(schemes.GITHUB, keys=b"thirty-two octets of test key, A")
_HEALTH = Exempt("load balancer probe", frozenset({"GET"}), None)
_BETA = Exempt("beta testers", frozenset({"GET"}), 1_600_000_000.0)

#: As the audit itself makes them.
VERIFIED = standing(Policy(_VERIFIER), (), "GET", NOW)
EXEMPT = standing(Policy(_VERIFIER), (_HEALTH,), "GET", NOW)
ENDED = standing(Policy(_VERIFIER), (_BETA,), "GET", NOW)
REPORT_ONLY = standing(Policy(_VERIFIER, report_only=True), (), "GET", NOW)
OPEN = Standing("open", ("nothing asks for a signature",))
UNKNOWN = Standing("unknown", ("a mounted application that cannot be read",))

HOSTILE = {
    "line end": "/a\nopen GET /forged\r\n",
    "terminal": "/\x1b[2J\x1b]0;title\x07\x9b31m",
    "markup": "/<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "/\" onmouseover=alert(1) x='",
    "entity": "/&lt;b&gt;&amp;#60;",
    "bidi": "/\u202egpj.exe\u2066\u200b",
    "surrogate": "/\udcff\ud800",
    "table": "/a|b|\\|c`d``e`",
    "link": "/[click](https://evil.example)![x](y)<https://evil.example>",
    "markdown": "/**b** _i_ ~~s~~ # h\n\n- x\n\n    code",
    "placeholder": "/{0}/{{1}}/{id}",
    "huge": "/" + "x" * 20_000,
    "deep": "/a" * 5_000,
    "brackets": "/<<<((([[[{{{/<int:x>/(?P<y>[^/]+)$",
    "blank": " ",
    "empty": "",
    "nul": "/\0",
    "css": "/</style><style>*{display:none}",
    "comment": "/--><!--]]>",
}


def entry(path: str, methods: str, stands: Standing = VERIFIED, view: str = "", line: int = 1, **more: str) -> Entry:
    """`methods`: separated by blanks."""
    source = Source(str(Path.cwd() / "shop" / "views.py"), line) if view else None
    return Entry(path, tuple(methods.split()), stands, view=view, source=source, **more)


def report(*entries: Entry, **more: object) -> Report:
    return replace(Report("shop.wsgi:application", "flask", entries), **more)  # type: ignore[arg-type]


def hostile(name: str) -> Report:
    """One that has the same name wherever text can stand, under each verdict."""
    proof = Proof(name, (name,), (name,), (name,))
    entries = tuple(
        Entry(name, (name,), Standing(verdict, (name,), (proof,), reason=name), view=name, source=Source(name, 3))
        for verdict in ("open", "unknown", "exempt", "verified")
    )
    mismatch, attack = Mismatch(name, name, "not-enforced", name), Attack(name, name, name, 200, False, True, name)
    return Report(name, "flask", entries, (mismatch,), (attack,))
