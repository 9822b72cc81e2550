"""Tests that several classes inherit, one for each adapter or store."""

from __future__ import annotations

from abc import ABC
from inspect import isabstract
from typing import Any


class Suite(ABC):  # noqa: B024  its suites have them
    """A class that is named as a test has to define all that its suite leaves open: pytest passes over it in silence."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__name__.startswith("Test") and isabstract(cls):
            raise TypeError(f"{cls.__name__} leaves something abstract")
