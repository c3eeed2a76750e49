"""Asking contacts how to reach people, from the worker of another service: over HTTP, in this process, and while nobody answers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from services import contact_resolver, provisioning
from services.application import create_app
from services.contact_resolver import ContactResolver, ContactsDown, ResolvedContact, ResolvedEmail
from services.embedded import Server
from services.settings import Settings
from tests.contacts.make import create
from tests.gateway.serving import Recorder, serve
from tests.harness import Mitra

DEPLOYABLE = "demo_svc"


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def asking(mitra: Mitra, settings: Settings) -> AsyncIterator[ContactResolver]:
    resolver = ContactResolver(settings, DEPLOYABLE, clock=mitra.clock)
    yield resolver
    await resolver.close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FastAPI]:
    """The applications that are made meanwhile."""
    made: list[FastAPI] = []

    def note(*arguments: Any, **options: Any) -> FastAPI:
        made.append(create_app(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(contact_resolver, "create_app", note)
    return made


def at(mitra: Mitra, url: str) -> Settings:
    return mitra.settings.model_copy(update={"service_urls": {"contacts": url}})


async def make_contacts(mitra: Mitra, tenant_id: UUID, number: int) -> list[UUID]:
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    operations = [
        {"op": "create", "data": {"given_name": f"Ann {n}", "emails": [{"address": f"ann{n}@example.org"}]}} for n in range(number)
    ]
    made = []
    for start in range(0, number, 500):
        answer = await contacts.post("/v1/contacts/batch", json={"operations": operations[start : start + 500]})
        made += [UUID(result["id"]) for result in answer.json()["results"]]
    return made


async def test_contacts_are_resolved_over_http_in_calls_of_five_hundred(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    ids = await make_contacts(mitra, tenant_id, 1001)
    recorder = Recorder(mitra.apps["contacts"])
    async with serve(recorder) as url, asking(mitra, at(mitra, url)) as resolver:
        found = await resolver.resolve(tenant_id, [*ids, ids[0]])
    assert recorder.paths == ["/internal/contacts/resolve"] * 3
    assert list(found) == sorted(ids)
    assert (found[ids[7]].display_name, found[ids[7]].email) == ("Ann 7", "ann7@example.org")


async def test_a_miss_is_absent_and_so_is_a_contact_of_another_tenant(mitra: Mitra) -> None:
    mine, other = await mitra.new_tenant(), await mitra.new_tenant()
    (known,), (foreign,) = await make_contacts(mitra, mine, 1), await make_contacts(mitra, other, 1)
    async with asking(mitra, mitra.settings) as resolver:
        assert set(await resolver.resolve(mine, [known, foreign, uuid4()])) == {known}
        assert set(await resolver.resolve(other, [known, foreign])) == {foreign}
        assert await resolver.resolve(mine, []) == {}


async def test_what_is_told_of_a_contact_is_what_it_is_just_now(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    emails = [{"address": "old@example.org", "status": "bounced", "primary": True}, {"address": "ann@example.org", "label": "work"}]
    phones = [{"raw": "+49 171 5550199", "do_not_call": True}]
    ann = await create(contacts, emails=emails, phones=phones, language="de", country="DE", time_zone="Europe/Berlin")
    await contacts.post(f"/v1/contacts/{ann['id']}/archive")
    async with asking(mitra, mitra.settings) as resolver:
        found = (await resolver.resolve(tenant_id, [UUID(ann["id"])]))[UUID(ann["id"])]
    assert (found.display_name, found.given_name, found.family_name, found.archived) == ("Ann Lee", "Ann", "Lee", True)
    assert (found.language, found.country, found.time_zone) == ("de", "DE", "Europe/Berlin")
    assert [(phone.e164, phone.do_not_call) for phone in found.phones] == [("+491715550199", True)]
    assert found.email == "ann@example.org"


@pytest.mark.parametrize(
    ("emails", "address"),
    [
        ([], None),
        ([("a@x.org", False, "ok"), ("b@x.org", True, "ok")], "b@x.org"),
        ([("a@x.org", False, "ok"), ("b@x.org", True, "invalid")], "a@x.org"),
        ([("a@x.org", True, "bounced")], None),
    ],
)
def test_the_address_to_write_to_is_the_primary_sound_one(emails: list[tuple[str, bool, str]], address: str | None) -> None:
    listed = [ResolvedEmail(address=each, label=None, primary=primary, status=status) for each, primary, status in emails]
    nothing = dict.fromkeys(("given_name", "family_name", "language", "time_zone", "country"))
    contact = ResolvedContact(id=uuid4(), display_name="Ann", emails=listed, phones=[], archived=False, **nothing)
    assert contact.email == address


async def test_while_contacts_is_away_the_caller_is_told_and_once_it_is_back_it_answers(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    ids = await make_contacts(mitra, tenant_id, 1)
    async with asking(mitra, at(mitra, free_address())) as resolver:
        with pytest.raises(ContactsDown):
            await resolver.resolve(tenant_id, ids)
    async with serve(mitra.apps["contacts"]) as url, asking(mitra, at(mitra, url)) as resolver:
        assert set(await resolver.resolve(tenant_id, ids)) == set(ids)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_an_answer_that_may_pass_is_contacts_being_down(mitra: Mitra, status: int) -> None:
    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serve(refuse) as url, asking(mitra, at(mitra, url)) as resolver:
        with pytest.raises(ContactsDown):
            await resolver.resolve(uuid4(), [uuid4()])


async def test_a_database_that_is_away_is_contacts_being_down_until_it_answers(mitra: Mitra, server: Server, made: list[FastAPI]) -> None:
    tenant_id = await mitra.new_tenant()
    ids = await make_contacts(mitra, tenant_id, 1)
    admin = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "postgres"))
    async with asking(mitra, mitra.settings) as resolver:
        await admin.execute("ALTER DATABASE mitra_contacts ALLOW_CONNECTIONS false")
        try:
            for _ in range(2):
                with pytest.raises(ContactsDown, match="the database of contacts does not answer"):
                    await resolver.resolve(tenant_id, ids)
        finally:
            await admin.execute("ALTER DATABASE mitra_contacts ALLOW_CONNECTIONS true")
            await admin.close()
        assert list(await resolver.resolve(tenant_id, ids)) == ids
    assert len(made) == 1


async def test_contacts_own_application_is_made_once_however_often_it_is_asked_and_its_connections_are_given_back(
    mitra: Mitra, made: list[FastAPI]
) -> None:
    tenant_id = await mitra.new_tenant()
    ids = await make_contacts(mitra, tenant_id, 3)
    async with asking(mitra, mitra.settings) as resolver:
        assert made == []
        found = await asyncio.gather(*(resolver.resolve(tenant_id, [each]) for each in ids))
        assert [list(each) for each in found] == [[each] for each in ids]
        (app,) = made
        assert app.state.database.engine.pool.checkedin() > 0
    assert app.state.database.engine.pool.checkedin() == 0


async def test_only_a_service_may_ask(mitra: Mitra) -> None:
    person: httpx.AsyncClient = mitra.client("contacts", mitra.caller(await mitra.new_tenant()))
    answer = await person.post("/internal/contacts/resolve", json={"ids": [str(uuid4())]})
    assert (answer.status_code, answer.json()["code"]) == (403, "internal_only")
