"""Keys from a function or a coroutine: of each tenant, from a database, here a Django model, asked both ways."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, models

import django_project  # noqa: F401  settings first
from judged import HOST, JUDGED, KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, as_request, with_field
from reference import Message
from sealgate import ConfigurationError, Envelope, Key, KeyRing, Request, Unavailable, Verifier
from sealgate.exceptions import InvalidSignature, UnknownKey

DATABASE = "keys"
connections.settings[DATABASE] = connections.configure_settings(
    {"default": {}, DATABASE: {"ENGINE": "django.db.backends.sqlite3"}}
)[DATABASE]


class PartnerKey(models.Model):
    """`not_after`: Unix seconds, or None."""

    partner = models.CharField(max_length=256)
    octets = models.BinaryField()
    not_after = models.BigIntegerField(null=True)

    class Meta:
        app_label = "partners"

    @property
    def key(self) -> Key:
        return Key(bytes(self.octets), not_after=self.not_after)


def partner_keys(key_id: str | None, request: Request) -> list[Key] | None:
    """What a project writes: None says that the key id names no key."""
    rows = PartnerKey.objects.using(DATABASE).filter(partner=key_id).order_by("-pk")
    return [row.key for row in rows] or None


async def partner_keys_async(key_id: str | None, request: Request) -> list[Key] | None:
    rows = PartnerKey.objects.using(DATABASE).filter(partner=key_id).order_by("-pk")
    return [row.key async for row in rows] or None


@pytest.fixture(autouse=True)
def table(tmp_path: Path) -> Iterator[None]:
    """In a file: Django does not close a database in memory."""
    connections.settings[DATABASE]["NAME"] = tmp_path / "keys.db"
    with connections[DATABASE].schema_editor() as editor:
        editor.create_model(PartnerKey)
    PartnerKey.objects.using(DATABASE).create(partner=KEY_ID, octets=KEY)
    yield
    connections[DATABASE].close()


def ask(verifier: Verifier, request: Request) -> Any:
    return verifier.verify(request)


def ask_async(verifier: Verifier, request: Request) -> Any:
    async def asked() -> Any:
        try:
            return await verifier.averify(request)
        finally:
            await sync_to_async(connections.close_all)()  # those of the thread that asked the database

    return asyncio.run(asked())


each_way = pytest.mark.parametrize(("keys", "ask"), [(partner_keys, ask), (partner_keys_async, ask_async)])


@each_way
def test_a_model_holds_the_keys(keys: Any, ask: Any) -> None:
    assert KEY_ID == ask(RFC9421.verifier(keys=keys), as_request(RFC9421.signed())).key_id


@each_way
def test_a_row_that_comes_counts_at_once_and_one_that_goes_no_longer(keys: Any, ask: Any) -> None:
    verifier = RFC9421.verifier(keys=keys, replay="off")
    by_old, by_new = (as_request(RFC9421.signed(key=octets)) for octets in (KEY, OTHER_KEY))
    with pytest.raises(InvalidSignature):
        ask(verifier, by_new)
    PartnerKey.objects.using(DATABASE).create(partner=KEY_ID, octets=OTHER_KEY)
    assert [KEY_ID, KEY_ID] == [ask(verifier, request).key_id for request in (by_old, by_new)]
    PartnerKey.objects.using(DATABASE).filter(octets=KEY).delete()
    with pytest.raises(InvalidSignature):
        ask(verifier, by_old)


@each_way
def test_a_rows_end_is_the_keys(keys: Any, ask: Any) -> None:
    request = as_request(RFC9421.signed())
    PartnerKey.objects.using(DATABASE).update(not_after=NOW + 60)
    assert KEY_ID == ask(RFC9421.verifier(keys=keys, clock=lambda: NOW + 59), request).key_id
    with pytest.raises(InvalidSignature):
        ask(RFC9421.verifier(keys=keys, clock=lambda: NOW + 60), request)


@each_way
@pytest.mark.parametrize("key_id", ["initech", "' OR 1=1 --", "acme%", "ACME", "../acme"])
def test_an_id_without_a_row_is_unknown(key_id: str, keys: Any, ask: Any) -> None:
    signed = RFC9421.signed()
    (given,) = [value for name, value in signed.headers if name == "Signature-Input"]
    other = with_field(signed, "Signature-Input", given.replace(f'keyid="{KEY_ID}"', f'keyid="{key_id}"'))
    with pytest.raises(UnknownKey):
        ask(RFC9421.verifier(keys=keys), as_request(other))


@each_way
def test_a_database_that_is_down_is_unavailable_and_says_so_once(
    keys: Any, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    request = as_request(RFC9421.signed())
    with connections[DATABASE].schema_editor() as editor:
        editor.delete_model(PartnerKey)
    with pytest.raises(Unavailable):
        ask(RFC9421.verifier(keys=keys), request)
    with connections[DATABASE].schema_editor() as editor:
        editor.create_model(PartnerKey)
    told = [record.getMessage() for record in caplog.records if record.name == "sealgate"]
    assert ["key source failed: OperationalError"] == told


@each_way
def test_a_row_that_is_no_key_is_unavailable(keys: Any, ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    PartnerKey.objects.using(DATABASE).update(octets=KEY[:15])
    with pytest.raises(Unavailable):
        ask(RFC9421.verifier(keys=keys), as_request(RFC9421.signed()))
    told = " ".join(record.getMessage() for record in caplog.records if record.name == "sealgate")
    assert (True, False) == ("ConfigurationError" in told, KEY.decode()[:12] in told)


def test_a_coroutine_is_our_mistake_where_nothing_can_wait_for_it() -> None:
    with pytest.raises(ConfigurationError, match="averify"):
        RFC9421.verifier(keys=partner_keys_async).verify(as_request(RFC9421.signed()))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_tenant_has_its_own_keys(asynchronous: bool) -> None:
    """The request is there to say whose keys to look for: one key id, two tenants."""
    tenants = {"/north": KEY, "/south": OTHER_KEY}

    def keys(key_id: str | None, request: Request) -> bytes:
        return tenants[request.path]

    async def keys_async(key_id: str | None, request: Request) -> bytes:
        return tenants[request.path]

    verifier = RFC9421.verifier(keys=keys_async if asynchronous else keys, replay="off")
    accepted = []
    for path in tenants:
        for octets in (KEY, OTHER_KEY):
            message = Message("POST", path, [("Host", HOST)], b"{}")
            request = as_request(RFC9421.signed(message, key=octets))
            try:
                accepted.append(asyncio.run(verifier.averify(request)) if asynchronous else verifier.verify(request))
            except InvalidSignature:
                accepted.append(None)
    assert [KEY_ID, None, None, KEY_ID] == [verified and verified.key_id for verified in accepted]


def test_a_source_without_a_key_id_to_look_for_gives_a_ring() -> None:
    stripe = JUDGED["stripe"]
    asked: list[str | None] = []

    def keys(key_id: str | None, request: Request) -> KeyRing:
        asked.append(key_id)
        return KeyRing({"live": KEY, "test": OTHER_KEY})

    assert "test" == stripe.verifier(keys=keys).verify(as_request(stripe.signed(key=OTHER_KEY))).key_id
    assert [None] == asked


def test_an_envelope_asks_a_model_too() -> None:
    def keys(key_id: str | None, request: None) -> list[Key] | None:
        return [row.key for row in PartnerKey.objects.using(DATABASE).filter(partner=key_id)] or None

    envelope = Envelope("checkout", keys=keys, key_id=KEY_ID, clock=lambda: NOW)
    assert {"total": 1} == envelope.open(envelope.seal({"total": 1}))
    PartnerKey.objects.using(DATABASE).update(not_after=NOW)
    with pytest.raises(ConfigurationError, match="counts now"):
        envelope.seal({"total": 1})
