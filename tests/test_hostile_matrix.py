"""The hostile matrix for every scheme: whatever was spoiled, a verdict, with the right code, and in bounded time."""

from __future__ import annotations

import pytest

from hostile_messages import CASES, TIMES, Case, Honest, request_of
from judged import NOW
from sealgate import Rejected, Verified
from sealgate.schemes import by_name

SCHEMES = by_name()
HONEST = {name: Honest(scheme) for name, scheme in SCHEMES.items()}


def verdict(honest: Honest, message: object) -> Verified | str:
    """The proof, or the code of the refusal; whatever the octets, no third."""
    try:
        return honest.verifier().verify(request_of(message), uncovered=honest.uncovered)  # type: ignore[arg-type]
    except Rejected as refused:
        return refused.code


@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_spoiled_was_accepted_before(name: str) -> None:
    """Or every refusal would mean nothing."""
    assert isinstance(verdict(HONEST[name], HONEST[name].message), Verified)


@pytest.mark.parametrize("name", sorted(name for name in SCHEMES if HONEST[name].time))
def test_a_time_that_is_signed_by_hand_was_accepted_before(name: str) -> None:
    """Or a hostile time would be refused for its signature."""
    found = HONEST[name].time
    assert found is not None
    later = HONEST[name].resigned(TIMES[found[0]](NOW + 1).encode())
    assert later != HONEST[name].message
    assert isinstance(verdict(HONEST[name], later), Verified)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
@pytest.mark.parametrize("name", SCHEMES)
def test_a_hostile_message_gets_a_verdict(name: str, case: Case) -> None:
    honest = HONEST[name]
    for message in case.messages(honest):
        said = verdict(honest, message)
        if isinstance(said, Verified):
            assert case.may_be_accepted, message
        else:
            assert said in case.codes_for(honest), message
