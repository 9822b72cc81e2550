"""`sealgate vectors`: what is published can be had from the installed package."""

from __future__ import annotations

import json

from command_line import mistake, run
from published import SCHEMES


def test_all_are_listed() -> None:
    listed = {line.split()[0] for line in run("vectors").stdout.split("\n\n")[0].splitlines()}
    assert {*SCHEMES, "sealed-values", "tokens"} == listed


def test_one_is_printed_and_all_are() -> None:
    one = json.loads(run("vectors", "rfc9421").stdout)
    assert "rfc9421" == one["scheme"]
    assert one == json.loads(run("vectors", "--format", "json").stdout)["rfc9421"]


def test_another_name_is_a_mistake() -> None:
    assert "no vectors of that name" in mistake(run("vectors", "rfc9999"))
