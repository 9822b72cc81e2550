"""Canonical JSON from values that are not what they say: none of their code runs while references to them are borrowed."""

from __future__ import annotations

import collections
import gc
from typing import Any

import pytest

from sealgate import canonicalize
from sealgate.exceptions import CanonicalizationError


def refused(value: object) -> CanonicalizationError:
    with pytest.raises(CanonicalizationError) as error:
        canonicalize(value)
    return error.value


class Asked(Exception):
    """Code of a value was run, which could do anything, also to what is being written."""


def ask(*_: object) -> Any:
    raise Asked


_ASKED_FOR = [
    "__bool__", "__contains__", "__eq__", "__float__", "__getitem__", "__index__", "__int__", "__iter__", "__len__", "__lt__", "__missing__", "__repr__", "__reversed__", "__str__",
    "as_integer_ratio", "get", "items", "keys", "values",
]  # fmt: skip
_ASKING = dict.fromkeys(_ASKED_FOR, ask)
_asking_list, _asking_tuple, _asking_dict = (type("Asking", (kind,), _ASKING) for kind in (list, tuple, dict))
_asking_int, _asking_float = (type("Asking", (kind,), _ASKING) for kind in (int, float))
_asking_str = type("Asking", (str,), {**_ASKING, "__hash__": str.__hash__, "encode": ask})


def test_code_of_a_value_is_not_run() -> None:
    value = _asking_list([_asking_tuple([1, _asking_int(2)]), _asking_float(2.5), {_asking_str("a"): _asking_str("b")}])
    assert b'[[1,2],2.5,{"a":"b"}]' == canonicalize(value)
    assert b"[1152921504606847000]" == canonicalize([_asking_int(2**60)], round_integers=True)
    assert b"[100000000000000000000]" == canonicalize([_asking_int(10**20)])


@pytest.mark.parametrize(
    "kind", [_asking_dict, collections.Counter, type("Own", (dict,), {}), type("Own", (collections.OrderedDict,), {})]
)
def test_subclasses_of_dict_that_may_make_their_members_up_are_refused(kind: type[dict[str, int]]) -> None:
    """`json.dumps` asks them for `items()`."""
    error = refused([kind(a=1)])
    assert 1 == error.index
    assert kind.__name__ in str(error)


def test_a_mapping_that_makes_values_up_is_not_asked_for_any() -> None:
    value = collections.defaultdict(ask, a=[1])
    assert b'{"a":[1]}' == canonicalize(value)
    assert ["a"] == [*value]


def test_a_class_is_not_asked_for_its_name() -> None:
    class Meta(type):
        __name__ = property(ask)

    class Named(metaclass=Meta):
        pass

    assert 0 == refused(Named()).index
    assert "Named" in str(refused({Named(): 1}))


def test_no_finalizer_changes_what_is_being_written() -> None:
    """Where a walk made what the garbage collector tracks, that would run there."""
    value = [{"a" * n: [str(n), n, n / 7, 10**20, None]} for n in range(1, 500)]
    expected = canonicalize(value)

    class Clearing:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            value.clear()

    before = gc.get_threshold()
    gc.disable()
    try:
        Clearing()
        gc.set_threshold(1)
        gc.enable()
        assert canonicalize(value) in {expected, b"[]"}
    finally:
        gc.set_threshold(*before)
        gc.enable()
