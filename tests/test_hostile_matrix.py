"""The hostile matrix for every scheme: whatever was spoiled, a verdict, with the right code, and in bounded time."""

from __future__ import annotations

import time

import pytest

from honest_messages import TIMES, Honest, as_large, request_of
from hostile_cases import CASES, Case
from judged import NOW
from reference import Message
from sealgate import Rejected, Request, Verified, Verifier
from sealgate.schemes import by_name
from sealgate.verifier import ReadBody

SCHEMES = by_name()
HONEST = {name: Honest(scheme) for name, scheme in SCHEMES.items()}


MANY = next(case for case in CASES if case.name == "200,000 signatures")


def verdict(honest: Honest, message: Message, read_body: ReadBody | None = None) -> Verified | str:
    return verdict_of(honest.verifier(), request_of(message), honest.uncovered, read_body)


def verdict_of(
    verifier: Verifier, request: Request, uncovered: frozenset[str], read_body: ReadBody | None = None
) -> Verified | str:
    """The proof, or the code of the refusal; whatever the octets, no third."""
    try:
        return verifier.verify(request, read_body, uncovered=uncovered)
    except Rejected as refused:
        return refused.code


def told(said: Verified | str) -> object:
    """A body that is at hand, and one that is read, give the same."""
    if isinstance(said, str):
        return said
    return said.key_id, said.covered, said.created, said.nonce, said.message_id, said.body


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
        assert told(said) == told(verdict(honest, message, lambda _, body=message.body: body)), message
        if isinstance(said, Verified):
            assert case.may_be_accepted, message
        else:
            assert said in case.codes_for(honest), message


@pytest.mark.parametrize("name", SCHEMES)
def test_two_hundred_thousand_signatures_cost_less_than_ten_honest_messages(name: str) -> None:
    """A12: they are not decoded, not compared, and in a field not even looked at. A ratio of times of this thread."""
    honest = HONEST[name]
    for message in MANY.messages(honest):
        # Where a body carries them, it is read as any body of its size is.
        assert 10 * cost(honest, as_large(honest, message)) > cost(honest, message)


def cost(honest: Honest, message: Message) -> int:
    """Nanoseconds of CPU time, the least of several."""
    verifier, request = honest.verifier(), request_of(message)
    times = []
    for _ in range(30):
        start = time.thread_time_ns()
        verdict_of(verifier, request, honest.uncovered)
        times.append(time.thread_time_ns() - start)
    return min(times)
