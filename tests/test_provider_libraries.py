"""Each provider's own library and we agree: both directions, random messages, and no changed octet passes either."""

from __future__ import annotations

import pytest

from provider_adapters import LIBRARIES
from provider_libraries import Library, disagreements

ROUNDS = 200


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_what_one_signs_the_other_accepts_and_no_changed_octet(library: Library) -> None:
    assert [] == disagreements(library, ROUNDS)
