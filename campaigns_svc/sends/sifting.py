"""The last look before a mail goes out: who may be written to now, with which words, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.suppressions.hashing import Hasher
from campaigns_svc.suppressions.queries import find_barred
from campaigns_svc.templates.values import BrokenTemplate, MissingVariable
from services.contact_resolver import ResolvedContact
from services.events.campaigns import SkipReason
from services.references import find_consents, find_references

from .ledger import claim_recipients, ledger_row, take_from_queue, write_sends
from .models import QueuedSend
from .queries import count_sent, find_used_addresses
from .rules import Standing, decide_skip, find_consent

if TYPE_CHECKING:
    from .composing import Composer


@dataclass(frozen=True, slots=True)
class Mail:
    """A claimed recipient, and the mail that is to go out to them, as it goes over the wire."""

    id: UUID
    contact_id: UUID
    address: str
    address_hash: str
    consent_id: UUID
    lifecycle_then: str | None
    content: bytes


async def sift(
    session: AsyncSession, composer: "Composer", queued: Sequence[QueuedSend], contacts: Mapping[UUID, ResolvedContact], *, hasher: Hasher
) -> list[Mail]:
    """Claim those of `queued` who may be written to, and skip the others in the ledger, all in the running transaction."""
    campaign = composer.campaign
    standings = await _standings(session, campaign, queued, contacts, hasher=hasher)
    lifecycles = {each: known.lifecycle for each, known in (await find_references(session, [q.contact_id for q in queued])).items()}
    mails: list[Mail] = []
    skips: dict[UUID, tuple[UUID, SkipReason]] = {}
    for each in queued:
        made = _write(composer, each, standings[each.contact_id], contacts.get(each.contact_id), lifecycles.get(each.contact_id))
        if isinstance(made, Mail):
            mails.append(made)
        else:
            skips[each.id] = each.contact_id, made
    claimed = await claim_recipients(session, {mail.id: (mail.address_hash, mail.consent_id, mail.lifecycle_then) for mail in mails})
    taken = await take_from_queue(session, list(skips), ["planned"])
    rows = [
        ledger_row(session, campaign, send_id, contact_id, status="skipped", skip_reason=reason, lifecycle_then=lifecycles.get(contact_id))
        for send_id, (contact_id, reason) in skips.items()
        if send_id in taken
    ]
    await write_sends(session, rows)
    return [mail for mail in mails if mail.id in claimed]


def _write(
    composer: "Composer", queued: QueuedSend, standing: Standing, contact: ResolvedContact | None, lifecycle: str | None
) -> Mail | SkipReason:
    """The mail to a recipient, or why there is none."""
    reason = decide_skip(standing)
    if reason is not None:
        return reason
    assert contact is not None
    assert contact.email is not None
    assert standing.address_hash is not None
    assert standing.consent_id is not None
    try:
        content = composer.compose(queued.id, contact, address=contact.email, address_hash=standing.address_hash)
    except (MissingVariable, BrokenTemplate):  # what was published renders for a whole contact: something of this one is missing
        return "missing_variable"
    except ValueError:
        return "invalid_address"
    known = standing.address_hash, standing.consent_id, lifecycle
    return Mail(queued.id, queued.contact_id, contact.email, *known, content)


async def _standings(
    session: AsyncSession,
    campaign: Campaign,
    queued: Sequence[QueuedSend],
    contacts: Mapping[UUID, ResolvedContact],
    *,
    hasher: Hasher,
) -> dict[UUID, Standing]:
    ids = [each.contact_id for each in queued]
    live = {contact_id: contact for contact_id, contact in contacts.items() if not contact.archived}
    hashes = {contact_id: hasher(contact.email) for contact_id, contact in live.items() if contact.email is not None}
    consents = await find_consents(session, ids)
    barred = await find_barred(session, list(hashes.values()), topic_id=campaign.topic_id)
    used = await find_used_addresses(session, campaign.id, list(hashes.values()))
    sent = await count_sent(session, ids, days=campaign.cap_days) if campaign.cap_days is not None else {}
    found: dict[UUID, Standing] = {}
    for contact_id in ids:
        hashed = hashes.get(contact_id)
        standing = Standing(
            is_known=contact_id in live,
            consent_id=find_consent(
                consents.get(contact_id, ()), purpose=campaign.purpose, channel=campaign.channel, topic_id=campaign.topic_id
            ),
            address_hash=hashed,
            is_barred=hashed in barred,
            is_repeated=hashed in used,
            is_capped=campaign.cap_sends is not None and sent.get(contact_id, 0) >= campaign.cap_sends,
        )
        found[contact_id] = standing
        if hashed is not None and decide_skip(standing) is None:
            used.add(hashed)
    return found
