"""Adding facts, set-based: one INSERT for all events of a batch."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.deliveries import Delivery
from services.encoding import encode

ATTRIBUTES = ("status", "payment_status", "fulfilment_status", "placed_on", "paid_minor", "refunded_minor", "is_test")
SIGNAL_ATTRIBUTES = ("status", "type", "kind", "archived_at", "machine")

ADD = text("""
INSERT INTO fact (tenant_id, subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency,
                  amount_minor, margin_minor, attributes)
SELECT :tenant_id, subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency,
       amount_minor, margin_minor, attributes
FROM json_to_recordset(cast(:facts AS json))
  AS fact (subject text, sequence bigint, kind text, contact_id uuid, occurred_at timestamptz, occurred_on date,
           recorded_at timestamptz, currency text, amount_minor bigint, margin_minor bigint, attributes jsonb)
ON CONFLICT DO NOTHING
""").bindparams(bindparam("tenant_id", type_=Uuid), bindparam("facts", type_=Text))
FORMER_CONTACTS = text("""
SELECT DISTINCT known.contact_id FROM unnest(:subjects) AS listed (subject)
CROSS JOIN LATERAL (SELECT contact_id FROM fact WHERE fact.subject = listed.subject OFFSET 0) AS known
""").bindparams(bindparam("subjects", type_=ARRAY(Text)))


async def add_order_facts(session: AsyncSession, deliveries: Sequence[Delivery]) -> str:
    """Add a fact for each order event; answers the contacts whose orders these are or were: their ids in order, between commas.

    Reads the event's data as it came and hands it on as one text: building the contract of each event, or an array of each column,
    costs more than the rest of the handler.
    """
    facts = [order_fact(delivery) for delivery in deliveries]
    await session.execute(ADD, {"tenant_id": context_of(session).tenant_id, "facts": encode(facts).decode()})
    contacts = {fact["contact_id"] for fact in facts}
    known_before = sorted({d.envelope.subject for d in deliveries if d.envelope.sequence > 1})
    if known_before:
        contacts.update(map(str, await session.scalars(FORMER_CONTACTS, {"subjects": known_before})))
    return ",".join(sorted(contacts))


async def add_signal_facts(session: AsyncSession, deliveries: Sequence[Delivery]) -> str:
    """Add a fact for each event about a customer that has no amount (a ticket, a mail, a visit); answers the contacts as above.

    Its day is that of its time in UTC: signals count by weeks, and only commercial facts carry a business day of their own.
    """
    facts = [fact for fact in map(signal_fact, deliveries) if fact is not None]
    await session.execute(ADD, {"tenant_id": context_of(session).tenant_id, "facts": encode(facts).decode()})
    return ",".join(sorted({fact["contact_id"] for fact in facts}))


def signal_fact(delivery: Delivery) -> dict[str, Any] | None:
    """The fact of an event about a customer that has no amount, as ADD takes it; None where it names no customer."""
    envelope = delivery.envelope
    state = envelope.data["state"]
    if not state.get("contact_id"):
        return None
    return {
        "subject": envelope.subject,
        "sequence": envelope.sequence,
        "kind": envelope.type.split(".", 1)[1].removesuffix(".v1"),
        "contact_id": state["contact_id"],
        "occurred_at": envelope.time,
        "occurred_on": envelope.time.astimezone(UTC).date(),
        "recorded_at": envelope.recorded_at,
        "currency": "XXX",
        "amount_minor": 0,
        "attributes": {n: told[n] for n in SIGNAL_ATTRIBUTES for told in (state, envelope.data) if told.get(n) is not None},
    }


def order_fact(delivery: Delivery) -> dict[str, Any]:
    """The fact of an order's event, as ADD takes it."""
    envelope = delivery.envelope
    state = envelope.data["state"]
    return {
        "subject": envelope.subject,
        "sequence": envelope.sequence,
        "kind": envelope.type.split(".", 1)[1].removesuffix(".v1"),
        "contact_id": state["contact_id"],
        "occurred_at": envelope.time,
        "occurred_on": envelope.data["occurred_on"],
        "recorded_at": envelope.recorded_at,
        "currency": state["currency"],
        "amount_minor": state["total_minor"],
        "margin_minor": state.get("margin_minor"),
        "attributes": {name: state.get(name) for name in ATTRIBUTES},
    }
