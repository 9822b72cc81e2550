"""`sealgate schemes`: what each scheme covers and where it is weak, from the schemes themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from sealgate import Scheme, schemes
from sealgate.exceptions import ConfigurationError
from sealgate.not_hmac import NOT_HMAC
from sealgate.printable import printable
from sealgate.verifier import MAX_AGE

__all__ = ["SchemeName", "lines", "list_schemes"]

#: What each code of `Scheme.weaknesses` leaves open.
_WEAKNESSES = {
    "adjacent-parts": "nothing stands between two signed parts: the end of one can become the start of the next",
    "audience": "the host is not covered: the message is as good at another service with the same key",
    "body-not-covered": 'the body is not covered: it is refused unless the route says uncovered=("body",)',
    "lossy-transform": "messages that differ can have one signature base",
    "method-not-covered": "the method is not covered: POST can become DELETE",
    "no-nonce": "nothing tells an honest retry from a replay: the same message is refused a second time",
    "no-time": "no time is covered: a captured message is good for ever, and replays are not seen",
    "plain-token": "the key itself is sent: whoever sees one message has it",
    "query-not-covered": 'the query is not covered: it is refused unless the route says uncovered=("query",)',
    "sha1": "the hash is SHA-1: no way is known to forge its HMAC, but no new scheme should use it",
    "target-not-covered": "the path is not covered: the message is as good on another route",
}
_REPLAY = {
    "nonce": "nonce: a nonce is accepted once",
    "base": "base: the same signed bytes are accepted once",
    "reusable": "reusable: good as often as one likes until it ends",
    "none": "none: replays are not seen",
}
_ABOUT = """\
What each scheme covers and where it is weak, as the code has it: `sealgate schemes --format markdown` writes this page,
and `sealgate schemes NAME` tells all of one scheme. A query or a body that the signature does not cover is refused,
unless the route says `uncovered=("query",)` or `("body",)`."""


class SchemeName(click.Choice[str]):
    """The name of a scheme; of what is no HMAC it says why it is none."""

    def __init__(self) -> None:
        super().__init__(sorted(schemes.by_name()))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if isinstance(value, str) and (said := NOT_HMAC.get(value.lower())) is not None:
            raise ConfigurationError(f"{value.lower()}: {said}")
        return str(super().convert(value, param, ctx))


@click.command("schemes")
@click.argument("name", required=False, type=SchemeName())
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def list_schemes(name: str | None, form: str) -> None:
    """List the schemes: where their claims are, what they cover, and where they are weak; or tell all of one, NAME.

    With --format markdown: the page docs/schemes.md.
    """
    chosen = list(schemes.by_name().values()) if name is None else [schemes.by_name()[name]]
    facts = [described(scheme) for scheme in chosen]
    if form == "json":
        click.echo(json.dumps(facts if name is None else facts[0], indent=2))
    elif form == "markdown":
        click.echo(_page(facts), nl=False)
    elif name is None:
        click.echo("\n\n".join(map(lines, facts)))
        click.echo(f"\nno HMAC, and why: sealgate schemes {'|'.join(NOT_HMAC)}")
    else:
        click.echo(lines(facts[0]))
        click.echo("".join(f"\n{code}: {_WEAKNESSES[code]}" for code in facts[0]["weaknesses"]))


def described(scheme: Scheme) -> dict[str, Any]:
    """What a scheme says of itself. `window`: seconds either way, of a link those it may last; None for no time."""
    weaknesses = scheme.weaknesses()
    return {
        "scheme": scheme.name,
        "fields": list(scheme.fields),
        "members": list(scheme.members),
        "parameters": list(scheme.query),
        "hash": scheme.hash,
        "key": scheme.key_form,
        "key_id": "named" if scheme.names_key else "none",
        "covered": list(scheme.covered),
        "window": None if "no-time" in weaknesses else scheme.longest or scheme.max_age or MAX_AGE,
        "replay": scheme.replay_class,
        "query": "refused" if "query-not-covered" in weaknesses else "covered",
        "body": "refused" if "body-not-covered" in weaknesses else "covered",
        "empty_body": "accepted" if scheme.empty_body or _is_addressed(scheme) else "refused",
        "origin": "required" if scheme.needs_origin else "optional",
        "weaknesses": sorted(weaknesses),
    }


def _is_addressed(scheme: Scheme) -> bool:
    """Whether the signature says what to do, or to what: without a body it still says something."""
    return bool(scheme.params) or not {"method-not-covered", "target-not-covered"} <= scheme.weaknesses()


def lines(facts: dict[str, Any]) -> str:
    """One fact a line; what there is none of is left out."""
    shown = {name: " ".join(value) if isinstance(value, list | tuple) else value for name, value in facts.items()}
    return "\n".join(f"{name:<12}{printable(str(value))}" for name, value in shown.items() if value not in {None, ""})


def _page(facts: Sequence[dict[str, Any]]) -> str:
    head = ["Scheme", "Claims", "Covered", "Hash", "Key", "Window", "Replays", "Query", "Empty body", "Weaknesses"]
    weaknesses = [[f"`{code}`", told] for code, told in _WEAKNESSES.items()]
    not_hmac = [[f"`{name}`", told] for name, told in NOT_HMAC.items()]
    sections = [
        *("# Schemes", _ABOUT, _table(head, [_row(each) for each in facts])),
        *("## Replays", "\n".join(f"* {told}" for told in _REPLAY.values())),
        *("## Weaknesses", _table(["Code", "What it leaves open"], weaknesses)),
        *("## Not HMAC", _table(["Name", "Why there is no scheme, and what to do"], not_hmac)),
    ]
    return "\n\n".join(sections) + "\n"


def _row(facts: dict[str, Any]) -> list[str]:
    return [
        f"`{facts['scheme']}`",
        _code(
            [
                *facts["fields"],
                *(f"?{name}" for name in facts["parameters"]),
                *(f"body {pointer}" for pointer in facts["members"]),
            ]
        ),
        _code(facts["covered"]),
        facts["hash"],
        facts["key"],
        "none" if facts["window"] is None else f"{facts['window']} s",
        facts["replay"],
        facts["query"],
        facts["empty_body"],
        _code(facts["weaknesses"]) or "none",
    ]


def _code(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
