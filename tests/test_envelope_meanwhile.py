"""A document that changes while it is opened or sealed: what comes out is what was signed, or nothing."""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest

from sealed import envelope
from sealgate import CanonicalizationError, Rejected


class _Waiting:
    """Garbage that changes what it knows as soon as the collector runs."""

    def __init__(self, change: Callable[[], None]) -> None:
        self.itself, self.change = self, change

    def __del__(self) -> None:
        self.change()


def _emptied(rows: list[Any]) -> None:
    for held in [*rows, *(value for row in rows for value in row.values() if isinstance(value, list)), rows]:
        held.clear()


def _other_values(rows: list[Any]) -> None:
    for row in rows:
        row["cells"] = "other"


def _other_order(rows: list[Any]) -> None:
    for row in rows:
        row["cells"] = row.pop("cells")


def _more(rows: list[Any]) -> None:
    for row in rows:
        row["other"] = 1


@pytest.mark.parametrize("change", [_emptied, _other_values, _other_order, _more])
@pytest.mark.parametrize("cells", [lambda n: [n, [n + 0.5]], lambda n: f"cell {n}"], ids=["lists", "leaves"])
def test_what_a_finalizer_changes_meanwhile_is_opened_and_sealed_as_it_was(
    cells: Callable[[int], Any], change: Callable[[list[Any]], None]
) -> None:
    """To make a dict may start the collector, which runs code of anybody."""
    for call in (lambda own, document: own.open(document), lambda own, document: own.seal(document["payload"])):
        rows = [{"name": f"row {n}", "cells": cells(n)} for n in range(300)]
        expected = json.loads(json.dumps(rows, sort_keys=True))
        own = envelope()
        document = own.seal(rows)
        held = document["payload"]
        gc.collect()
        _Waiting(partial(change, held))
        before = gc.get_threshold()
        gc.set_threshold(20)
        try:
            made = call(own, document)
        finally:
            gc.set_threshold(*before)
        gc.collect()  # where the collector waits for the end of a call (CPython 3.12)
        assert json.dumps(expected) != json.dumps(held)  # it has run
        payload = made if isinstance(made, list) else made["payload"]
        assert json.dumps(expected) == json.dumps(payload)


def test_what_is_opened_stands_in_canonical_order_whatever_the_order_of_the_document() -> None:
    """Rows of one table in two orders, flat ones and others: the order of a document's members is not signed."""
    own, rng = envelope(), random.Random(4)
    names = [f"name {n}" for n in range(5)]
    rows = [{name: [n] if n % 3 == 0 else n for name in names} for n in range(60)]
    sealed = own.seal({"rows": rows})
    for row in sealed["payload"]["rows"][::2]:
        items = list(row.items())
        rng.shuffle(items)
        row.clear()
        row.update(items)
    assert json.dumps({"rows": rows}) == json.dumps(own.open(sealed))
    assert json.dumps({"rows": rows}) == json.dumps(own.seal({"rows": sealed["payload"]["rows"]})["payload"])


def _added(rows: list[dict[str, Any]], is_odd: bool) -> None:
    for row in rows:
        if is_odd:
            row["unsigned"] = True
        else:
            row.pop("unsigned", None)


def _taken(rows: list[dict[str, Any]], is_odd: bool) -> None:
    for n, row in enumerate(rows):
        if is_odd:
            row.pop("name", None)
        else:
            row["name"] = f"row {n}"


def _cleared(rows: list[dict[str, Any]], is_odd: bool) -> None:
    if is_odd:
        for row in rows:
            row.clear()


class _Row:
    def __init__(self, row: dict[str, Any]) -> None:
        self.cell, self.name = row["cell"], row["name"]


def _of_an_instance(row: dict[str, Any]) -> dict[str, Any]:
    """Its names stand in its class."""
    return vars(_Row(row))


@pytest.mark.parametrize("change", [_added, _taken, _cleared])
@pytest.mark.parametrize("made", [dict, _of_an_instance], ids=["dicts", "of instances"])
@pytest.mark.parametrize("done", range(8))
def test_what_every_collection_changes_is_opened_and_sealed_as_it_was_signed(
    done: int, made: Callable[[dict[str, Any]], dict[str, Any]], change: Callable[[list[dict[str, Any]], bool], None]
) -> None:
    """In the middle of a copy too: what was there before and what is there after are two different things."""
    own = envelope()
    rows = [made({"cell": f"cell {n}", "name": f"row {n}"}) for n in range(400)]
    expected = own.seal(rows)["payload"]
    document = {**own.seal(rows), "payload": rows}
    collections = 0

    def collected(phase: str, _: object) -> None:
        nonlocal collections
        collections += phase == "start"
        if phase == "start" and collections > done:
            change(rows, collections % 2 == 1)

    spare = [dict[str, Any]() for _ in range(200)]  # all that the interpreter keeps for later dicts
    before = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1)
    try:
        opened = _unless_refused(lambda: own.open(document))
        sealed = _unless_refused(lambda: own.seal(rows))
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collected)
        spare.clear()
    assert opened is None or repr(expected) == repr(opened)
    assert sealed is None or repr(sealed["payload"]) == repr(own.open(sealed)) == repr(
        json.loads(json.dumps(sealed["payload"]))
    )
    assert done < 7 or None not in (opened, sealed)  # the later ones find the document as it was


def _unless_refused(call: Callable[[], Any]) -> Any:
    with suppress(CanonicalizationError, Rejected):
        return call()
    return None


def test_what_another_thread_changes_while_a_large_document_is_authenticated_is_opened_as_it_was_signed() -> None:
    """Over 256 KiB the interpreter's lock is given up for the signature, so a document may change after it was read."""
    own = envelope()
    rows = [{"cell": f"cell {n}", "name": f"row {n}"} for n in range(30_000)]
    document, clean = own.seal(rows), json.dumps(rows)
    last, ended = document["payload"][-1], Event()

    def change() -> None:
        while not ended.is_set():
            last["unsigned"] = True
            time.sleep(0)
            del last["unsigned"]
            time.sleep(0)

    thread = Thread(target=change)
    thread.start()
    try:
        opened = [_unless_refused(lambda: own.open(document)) for _ in range(40)]
    finally:
        ended.set()
        thread.join()
    texts = [json.dumps(each["payload"] if isinstance(each, dict) else each) for each in opened if each is not None]
    assert texts
    assert {clean} == set(texts)
