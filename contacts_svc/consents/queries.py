"""Reading consents: as they stand, and as they were known at an instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from contacts_svc.consent_purposes.models import ConsentPurpose
from contacts_svc.consent_purposes.rules import wording_asked
from contacts_svc.contacts.queries import get_contact
from services.database import context_of, now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.links import SignedLinks
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import Consent, ConsentStep
from .schemas import ConsentRequest, ConsentRequests

LINK_PURPOSE = "consent"
PLACE = ("contact_id", "purpose", "channel", "topic_id")
STEP = ("status", "wording_version", "wording_language", "source", "proof", "address_seen", "expires_at", "due_at")
"""What a step remembers of a consent; the rest of it never changes."""

FIELDS: FilterFields = {
    "id": Field("id", Consent.id),
    "contact_id": Field("id", Consent.contact_id),
    "purpose": Field("choice", Consent.purpose),
    "channel": Field("choice", Consent.channel),
    "topic_id": Field("id", Consent.topic_id),
    "status": Field("choice", Consent.status),
    "source": Field("choice", Consent.source),
    "wording_version": Field("number", Consent.wording_version),
    "expires_at": Field("instant", Consent.expires_at),
    "created_at": Field("instant", Consent.created_at),
    "updated_at": Field("instant", Consent.updated_at),
}
ORDERS = {"created_at": Order(Consent.created_at, datetime), "updated_at": Order(Consent.updated_at, datetime)}


async def get_consent(session: AsyncSession, consent_id: UUID) -> Consent:
    """The consent. Raises NotFound."""
    consent = await session.get(Consent, consent_id)
    if consent is None:
        raise NotFound(f"There is no consent {consent_id}")
    return consent


async def list_consents(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of all consents, whatever their status."""
    statement = filtered(all_of(Consent), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Consent.id, orders=ORDERS, default="-created_at")


async def consents_of(session: AsyncSession, contact_id: UUID, as_of: datetime | None) -> Sequence[RowMapping]:
    """The consents of a contact as they stand, or as they were known at `as_of` (by when it was recorded). Raises NotFound."""
    await get_contact(session, contact_id)
    step = (
        select(ConsentStep)
        .where(ConsentStep.consent_id == Consent.id, *([ConsentStep.recorded_at <= as_of] if as_of is not None else []))
        .order_by(ConsentStep.version.desc())
        .limit(1)
        .lateral("step")
    )
    known = [getattr(Consent, name) for name in ("id", "created_at", "archived_at", *PLACE)]
    then = [*(step.c[name] for name in ("version", *STEP)), step.c.recorded_at.label("updated_at")]
    statement = select(*known, *then).join(step, true()).where(Consent.contact_id == contact_id)
    found = await session.execute(statement.order_by(Consent.purpose, Consent.channel, Consent.topic_id.nulls_first()))
    return found.mappings().all()


async def find_requests(session: AsyncSession, consent_ids: Sequence[UUID], links: SignedLinks) -> ConsentRequests:
    """What the contacts of requests are to be told, with the link that confirms each; one that no longer waits is missing."""
    statement = select(Consent, ConsentPurpose).join(ConsentPurpose, ConsentPurpose.key == Consent.purpose)
    waiting = Consent.id.in_(consent_ids), Consent.status == "pending", Consent.due_at > now(session)
    rows = (await session.execute(statement.where(*waiting).order_by(Consent.id))).all()
    requests = [_request(consent, purpose, links.sign(link_of(session, consent))) for consent, purpose in rows]
    known = {request.id for request in requests}
    return ConsentRequests(requests=requests, missing=[each for each in dict.fromkeys(consent_ids) if each not in known])


def link_of(session: AsyncSession, consent: Consent) -> dict[str, Any]:
    """What the link of a request carries: ids, and the version that it confirms, so that it never confirms a later request."""
    ids = {"tenant": str(context_of(session).tenant_id), "contact": str(consent.contact_id), "consent": str(consent.id)}
    return ids | {"version": consent.version}


def _request(consent: Consent, purpose: ConsentPurpose, token: str) -> ConsentRequest:
    wording = wording_asked(purpose.wordings, consent.wording_language, consent.wording_version)
    told = {name: getattr(consent, name) for name in ("id", *PLACE, "wording_language", "wording_version", "address_seen")}
    told |= {"purpose_name": purpose.name, "wording": wording["text"], "confirm_by": consent.due_at, "path": f"/v1/consents/links/{token}"}
    return ConsentRequest.model_validate(told)
