"""Acknowledged duplicates without an adapter: who answers tells the delivery; and settings that cannot be kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contract import signed
from duplicate_shops import Ledger, acknowledging
from judged import KEY_ID, RFC9421, as_request
from sealgate import ConfigurationError, Unavailable, Verifier, schemes
from sealgate.exceptions import Replayed
from sealgate.replay import Delivery


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


class TestByHand:
    def test_delivery_is_told_by_whoever_answers(self, ledger: Ledger) -> None:
        verifier, request = acknowledging(ledger), as_request(signed())
        delivery = Delivery()
        assert (False, KEY_ID) == (delivery.is_underway, verifier.verify(request, delivery=delivery).key_id)
        with pytest.raises(Unavailable) as waiting:
            verifier.verify(request, delivery=Delivery())
        assert (True, 5, KEY_ID) == (delivery.is_underway, waiting.value.retry_after, waiting.value.key_id)
        delivery.answered(200)
        with pytest.raises(Replayed) as again:
            verifier.verify(request, delivery=Delivery())
        assert (False, 200) == (delivery.is_underway, again.value.status)

    def test_delivery_is_told_once(self, ledger: Ledger) -> None:
        delivery = Delivery()
        acknowledging(ledger).verify(as_request(signed()), delivery=delivery)
        for status in (204, 500, None):
            delivery.answered(status)
        assert ["begin", "done"] == ledger.asked

    def test_without_a_delivery_duplicates_are_rejected(self, ledger: Ledger) -> None:
        verifier, request = acknowledging(ledger), as_request(signed())
        verifier.verify(request)
        for delivery in (None, Delivery()):
            with pytest.raises(Replayed) as refusal:
                verifier.verify(request, delivery=delivery)
            assert 401 == refusal.value.status

    def test_awaiting_is_the_same(self, ledger: Ledger) -> None:
        verifier, request = acknowledging(ledger), as_request(signed())

        async def both() -> int:
            delivery = Delivery()
            await verifier.averify(request, delivery=delivery)
            await delivery.aanswered(201)
            with pytest.raises(Replayed) as again:
                await verifier.averify(request, delivery=Delivery())
            return again.value.status

        assert 200 == asyncio.run(both())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"duplicates": "ignore"}, "reject or acknowledge"),
        ({"duplicates": None}, "reject or acknowledge"),
        ({"duplicates": "acknowledge", "replay": "off"}, "nothing is remembered"),
        ({"duplicates": "acknowledge", "replay": type("Plain", (), {"add": lambda *_: True})()}, "begin, finish"),
    ],
)
def test_setting_that_cannot_be_kept_is_a_mistake(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        RFC9421.verifier(**settings)


def test_scheme_that_signs_no_time_has_nothing_to_acknowledge_by() -> None:
    with pytest.raises(ConfigurationError, match="nothing is remembered"):
        Verifier(schemes.GITHUB, keys=b"k" * 32, duplicates="acknowledge")
