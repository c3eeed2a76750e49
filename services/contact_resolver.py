"""The contacts resolver: how contacts are called and reached, asked of contacts by another service's worker at the moment of use.

Never inside a write: what it answers is used and forgotten, not stored.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from services.application import create_app, deployable_of
from services.clock import Clock, utc_now
from services.manifests import get_manifest
from services.settings import Settings
from services.tokens import Caller, KeyPairs, Minter

MOST_IDS = 500
TIMEOUT_SECONDS = 10.0


class ContactsDown(RuntimeError):
    """Contacts does not answer just now: nothing is known of anybody, so whoever asked waits and asks again."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ResolvedEmail(_Answer):
    """An e-mail address of a contact; only one whose status is `ok` is worth writing to."""

    address: str
    label: str | None
    primary: bool
    status: str


class ResolvedPhone(_Answer):
    """A telephone number of a contact."""

    e164: str
    label: str | None
    primary: bool
    do_not_call: bool


class ResolvedContact(_Answer):
    """How a contact is called and reached just now."""

    id: UUID
    display_name: str
    given_name: str | None
    family_name: str | None
    emails: Sequence[ResolvedEmail]
    phones: Sequence[ResolvedPhone]
    language: str | None
    time_zone: str | None
    country: str | None
    archived: bool

    @property
    def email(self) -> str | None:
        """The address to write to: the primary one where it is sound, else the first that is, else none."""
        sound = sorted((email for email in self.emails if email.status == "ok"), key=lambda email: not email.primary)
        return sound[0].address if sound else None


class AskedConsent(_Answer):
    """What a contact is to be told of a consent that waits to be confirmed: the words, and the path of the link that confirms it."""

    id: UUID
    contact_id: UUID
    purpose_name: str
    topic_id: UUID | None
    wording: str
    path: str


class ContactResolver:
    """Asks for the contacts of any tenant, as the deployable whose worker this is (`campaigns_svc`), by one client until it is closed.

    It asks the address that `settings.service_urls` names for contacts; where there is none, as in `mitra up`, contacts' own application
    answers inside this process. Either is made when first asked: most workers never ask, and the application is dear.
    """

    def __init__(self, settings: Settings, deployable: str, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._deployable = deployable
        self._clock = clock
        self._opening = asyncio.Lock()
        self._opened: _Opened | None = None
        self._closing = AsyncExitStack()

    async def close(self) -> None:
        """Give the connections back."""
        await self._closing.aclose()

    async def resolve(self, tenant_id: UUID, contact_ids: Iterable[UUID]) -> Mapping[UUID, ResolvedContact]:
        """Each contact that is known, archived ones too, in calls of 500; one that is not is absent. Raises ContactsDown."""
        found: dict[UUID, ResolvedContact] = {}
        wanted = list(dict.fromkeys(contact_ids))
        for start in range(0, len(wanted), MOST_IDS):
            found |= {contact.id: contact for contact in await self._ask(tenant_id, wanted[start : start + MOST_IDS])}
        return found

    async def find_asked(self, tenant_id: UUID, consent_ids: Sequence[UUID]) -> Mapping[UUID, AskedConsent]:
        """Those of at most 500 consents that still wait to be confirmed. Raises ContactsDown."""
        answer = await self._post(tenant_id, "/internal/consents/requests", consent_ids)
        return {asked.id: asked for asked in map(AskedConsent.model_validate, answer["requests"])}

    async def _ask(self, tenant_id: UUID, contact_ids: Sequence[UUID]) -> list[ResolvedContact]:
        answer = await self._post(tenant_id, "/internal/contacts/resolve", contact_ids)
        return [ResolvedContact.model_validate(each) for each in answer["contacts"]]

    async def _post(self, tenant_id: UUID, path: str, ids: Sequence[UUID]) -> Any:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._open()
        caller = Caller(tenant_id, f"system:{self._deployable}", None, frozenset(), issuer=self._deployable)
        headers = {"Authorization": f"Bearer {self._opened.minter.mint(caller, self._opened.audience)}"}
        try:
            answer = await self._opened.client.post(path, json={"ids": [str(each) for each in ids]}, headers=headers)
        except httpx.TransportError as error:
            raise ContactsDown(f"contacts does not answer ({type(error).__name__})") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise ContactsDown(f"contacts answers {answer.status_code}")
        answer.raise_for_status()
        return answer.json()

    async def _open(self) -> "_Opened":
        settings, manifest = self._settings, get_manifest("contacts", self._settings.services_path)
        minter = Minter(KeyPairs.load(settings.keys_folder, self._deployable), clock=self._clock)
        url = settings.service_urls.get(manifest.name, "")
        async with AsyncExitStack() as stack:
            transport = None
            if not url:
                try:
                    await stack.enter_async_context(self._app.router.lifespan_context(self._app))
                except (SQLAlchemyError, OSError) as error:
                    raise ContactsDown(f"the database of contacts does not answer ({type(error).__name__})") from error
                transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url=url or "http://contacts", timeout=TIMEOUT_SECONDS)
            await stack.enter_async_context(client)
            self._closing = stack.pop_all()
        return _Opened(client, minter, deployable_of(manifest))

    @cached_property
    def _app(self) -> FastAPI:
        """Contacts' own application with the routes for other services alone, since each route costs time to make. Made once, however
        often it is tried to open it: FastAPI's caches keep what they have seen.
        """
        manifest = get_manifest("contacts", self._settings.services_path)
        routers = [router for router in manifest.routers() if router.prefix.startswith("/internal/")]
        return create_app(replace(manifest, routers=lambda: routers), self._settings, clock=self._clock)


class _Opened(NamedTuple):
    """The way to contacts, and what its callers sign."""

    client: httpx.AsyncClient
    minter: Minter
    audience: str
