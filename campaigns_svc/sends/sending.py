"""The worker's side of a campaign. The argument why nobody is written to twice:

A recipient is claimed, and the claim committed, before the mail server is called. Only who was `planned` can be claimed, so of two
workers one gets it. After the call the claim becomes a row of the ledger, or `planned` again where the server surely did not take the
message. Whoever is still claimed when the work begins anew was in the hands of a worker that died: nobody knows, so it is `unknown`,
and becomes anything else only on the word of the provider's own record.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.campaigns import course
from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.campaigns.queries import get_campaign
from campaigns_svc.campaigns.schemas import Reason
from campaigns_svc.suppressions.hashing import DEPLOYABLE, hasher_of
from services.contact_resolver import ContactsDown
from services.database import now
from services.failpoints import reach
from services.jobs import Work
from services.mail import MailRefused, MailUnavailable, MailUncertain
from services.timers import arm
from services.tokens import KeyPairs

from .ledger import handed_row, ledger_row, put_back, take_from_queue, write_sends
from .models import QueuedSend
from .providers import Provider, open_provider
from .queries import count_of_campaign, count_of_sender, count_recipients
from .rules import decide_allowance
from .sifting import Mail, sift

if TYPE_CHECKING:
    from .composing import Composer

log = structlog.get_logger()

FAIL_POINTS = ("send.before_claim", "send.after_claim", "send.after_accept", "send.before_record", "send.after_record")

CLAIM = 50
SLICE_SECONDS = 5.0
SKIPPED_AT_ONCE = 2_000
AT_ONCE, SOON, LATER = timedelta(0), timedelta(seconds=5), timedelta(seconds=60)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message: `later` was surely not taken, `unknown` perhaps."""

    mail: Mail
    outcome: Literal["sent", "failed", "later", "unknown"]
    code: int | None = None


async def send(session: AsyncSession, work: Work) -> dict[str, Any] | None:
    """The job that writes to the recipients of a campaign, a slice at a time, and asks to be done again until nobody is left."""
    campaign = await get_campaign(session, UUID(work.key))
    await _doubt_claimed(session, campaign.id)
    if campaign.status == "stopped":
        await _skip_rest(session, campaign)
        return None
    if campaign.status != "running":
        return None
    pause = await _send_on(session, campaign, work) if work.settings.smtp_url else LATER
    if pause is not None:
        await arm(session, course.SEND, work.key, run_at=now(session) + pause)
    return None


async def settle_unknown(session: AsyncSession, campaign: Campaign, provider: Provider, *, cost_minor: int) -> None:
    """Ask the provider's record about everybody of whom nobody knows; without its word they stay as they are."""
    unknown = select(QueuedSend).where(QueuedSend.campaign_id == campaign.id, QueuedSend.state == "unknown").limit(1_000)
    for queued in (await session.scalars(unknown)).all():
        found = await provider.find(queued.id)
        if found is None:
            return
        if found == "unseen":
            await put_back(session, [queued.id], was="unknown", state="planned")
        elif await take_from_queue(session, [queued.id], ["unknown"]):
            status = "sent" if found == "taken" else "failed"
            await write_sends(session, [handed_row(session, campaign, queued, status=status, cost_minor=cost_minor)])


async def _send_on(session: AsyncSession, campaign: Campaign, work: Work) -> timedelta | None:
    """Write to as many as a slice allows; answers when to go on, None when nobody is left."""
    parts = await course.find_parts(session, campaign)
    if parts["sender"].status == "blocked":
        await course.pause_campaign(session, campaign.id, Reason(reason_code="sender_blocked"))
        return None
    from .composing import Composer  # with it comes Liquid, which a worker at rest has no use for

    settings = work.settings
    secret = KeyPairs.load(settings.keys_folder, DEPLOYABLE).link_secret()
    composer = Composer(work.tenant_id, campaign, parts["template"], parts["sender"], settings.door, secret, work.clock)
    try:
        async with open_provider(settings.smtp_url) as provider:
            await settle_unknown(session, campaign, provider, cost_minor=composer.sender.cost_minor)
            await session.commit()
            return await _send_slice(session, Lot(composer, provider, work))
    except ContactsDown as down:
        log.warning("send_waits", campaign_id=str(campaign.id), reason=str(down))
        return SOON


@dataclass(frozen=True, slots=True)
class Lot:
    """All that sending one slice of a campaign takes."""

    composer: "Composer"
    provider: Provider
    work: Work

    @property
    def campaign(self) -> Campaign:
        return self.composer.campaign


async def _send_slice(session: AsyncSession, lot: Lot) -> timedelta | None:
    ends = asyncio.get_running_loop().time() + SLICE_SECONDS
    while asyncio.get_running_loop().time() < ends:
        await session.refresh(lot.campaign)
        if lot.campaign.status != "running":
            return AT_ONCE
        room = await _room(session, lot)
        if room == 0:
            return SOON
        planned = select(QueuedSend).where(QueuedSend.campaign_id == lot.campaign.id, QueuedSend.state == "planned")
        queued = (await session.scalars(planned.order_by(QueuedSend.id).limit(room))).all()
        if not queued:
            return await _complete(session, lot.campaign)
        await session.commit()
        reports = await _send_some(session, lot, queued)
        if reports and all(report.outcome == "later" for report in reports):
            return SOON
    return AT_ONCE


async def _send_some(session: AsyncSession, lot: Lot, queued: Sequence[QueuedSend]) -> list[Report]:
    """Claim some recipients, write to them, and note what became of it: one step that a worker which is told to end carries through."""
    contacts = await lot.work.contacts.resolve(lot.work.tenant_id, [each.contact_id for each in queued])
    reach("send.before_claim")
    hasher = hasher_of(lot.work.settings, lot.work.tenant_id)
    mails = await sift(session, lot.composer, queued, contacts, hasher=hasher)
    await session.commit()
    reach("send.after_claim")
    task = asyncio.ensure_future(_carry_out(session, lot, mails))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _carry_out(session: AsyncSession, lot: Lot, mails: Sequence[Mail]) -> list[Report]:
    lanes = [mails[lane :: lot.provider.lanes] for lane in range(lot.provider.lanes)]
    done = await asyncio.gather(*(_send_lane(lot, lane, mine) for lane, mine in enumerate(lanes)))
    reports = [report for lane in done for report in lane]
    await note_reports(session, lot.campaign, reports, cost_minor=lot.composer.sender.cost_minor)
    await arm(session, course.SEND, lot.work.key)  # it got on: breaks are counted anew, and a worker that dies now is replaced
    reach("send.before_record")
    await session.commit()
    reach("send.after_record")
    return reports


async def _send_lane(lot: Lot, lane: int, mails: Sequence[Mail]) -> list[Report]:
    return [await _send_one(lot, lane, mail) for mail in mails]


async def _send_one(lot: Lot, lane: int, mail: Mail) -> Report:
    try:
        await lot.provider.send(mail.content, sender=lot.composer.sender.from_address, recipient=mail.address, lane=lane)
    except MailRefused as refusal:
        return Report(mail, "failed", refusal.code)
    except MailUncertain:
        return Report(mail, "unknown")
    except MailUnavailable:
        return Report(mail, "later")
    reach("send.after_accept")
    return Report(mail, "sent")


async def note_reports(session: AsyncSession, campaign: Campaign, reports: Sequence[Report], *, cost_minor: int) -> None:
    """Write what became of claimed recipients to the ledger, or back into the queue."""
    await put_back(session, [report.mail.id for report in reports if report.outcome == "later"], was="claimed", state="planned")
    await put_back(session, [report.mail.id for report in reports if report.outcome == "unknown"], was="claimed", state="unknown")
    ended = [report for report in reports if report.outcome in ("sent", "failed")]
    taken = await take_from_queue(session, [report.mail.id for report in ended], ["claimed", "unknown"])
    rows = [
        handed_row(session, campaign, report.mail, status=report.outcome, cost_minor=cost_minor, code=report.code)
        for report in ended
        if report.mail.id in taken
    ]
    await write_sends(session, rows)


async def _room(session: AsyncSession, lot: Lot) -> int:
    """How many may go out now, within the limits of the campaign and of its sender."""
    campaign, sender = lot.campaign, lot.composer.sender
    limits: list[tuple[int | None, int]] = []
    if campaign.throttle_per_minute is not None:
        sent = await count_of_campaign(session, campaign.id, sender_id=sender.id, within=MINUTE)
        limits.append((campaign.throttle_per_minute, sent))
    for limit, within in ((sender.per_minute, MINUTE), (sender.per_day, DAY)):
        if limit is not None:
            limits.append((limit, await count_of_sender(session, sender.id, within=within)))
    return decide_allowance(limits, most=CLAIM)


async def _complete(session: AsyncSession, campaign: Campaign) -> timedelta | None:
    """End a campaign of which nobody is left to be written to, unless it was paused or stopped just now."""
    await session.refresh(campaign, with_for_update=True)
    if campaign.status != "running":
        return AT_ONCE
    await course.complete_campaign(session, campaign.id, counts=await count_recipients(session, campaign.id))
    return None


async def _doubt_claimed(session: AsyncSession, campaign_id: UUID) -> None:
    """Whoever is claimed now was in the hands of a worker that died: nobody knows whether their message went out."""
    claimed = QueuedSend.campaign_id == campaign_id, QueuedSend.state == "claimed"
    doubted = update(QueuedSend).where(*claimed).values(state="unknown")
    await session.execute(doubted, execution_options={"synchronize_session": False})
    await session.commit()


async def _skip_rest(session: AsyncSession, campaign: Campaign) -> None:
    """Skip whoever was not written to before the campaign was stopped."""
    planned = select(QueuedSend.id, QueuedSend.contact_id).where(QueuedSend.campaign_id == campaign.id, QueuedSend.state == "planned")
    while rest := {row.id: row.contact_id for row in await session.execute(planned.limit(SKIPPED_AT_ONCE))}:
        taken = await take_from_queue(session, list(rest), ["planned"])
        rows = [
            ledger_row(session, campaign, send_id, rest[send_id], status="skipped", skip_reason="campaign_stopped") for send_id in taken
        ]
        await write_sends(session, rows)
        await session.commit()
