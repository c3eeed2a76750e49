"""Adding facts, set-based: one INSERT for all events of a batch."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Date, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.deliveries import Delivery
from services.encoding import encode

ATTRIBUTES = ("status", "payment_status", "fulfilment_status", "placed_on", "paid_minor", "refunded_minor", "is_test")

ADD = text("""
INSERT INTO fact (tenant_id, subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency,
                  amount_minor, margin_minor, attributes)
SELECT :tenant_id, subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency,
       amount_minor, margin_minor, attributes::jsonb
FROM unnest(:subject, :sequence, :kind, :contact_id, :occurred_at, :occurred_on, :recorded_at, :currency,
            :amount_minor, :margin_minor, :attributes)
  AS batch (subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency,
            amount_minor, margin_minor, attributes)
ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("tenant_id", type_=Uuid),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("subject", "kind", "currency", "attributes")),
    *(bindparam(name, type_=ARRAY(BigInteger)) for name in ("sequence", "amount_minor", "margin_minor")),
    *(bindparam(name, type_=ARRAY(DateTime(timezone=True))) for name in ("occurred_at", "recorded_at")),
    bindparam("contact_id", type_=ARRAY(Uuid)),
    bindparam("occurred_on", type_=ARRAY(Date)),
)
COLUMNS = tuple(name for name in ADD.compile().params if name != "tenant_id")
FORMER_CONTACTS = text("""
SELECT DISTINCT contact_id FROM fact WHERE subject = ANY(:subjects)
""").bindparams(bindparam("subjects", type_=ARRAY(Text)))


async def add_order_facts(session: AsyncSession, deliveries: Sequence[Delivery]) -> list[UUID]:
    """Add a fact for each order event; answers the contacts whose orders these are or were, in order of their ids.

    Reads the event's data as it came, without building its contract (which costs more than the whole rest of the handler).
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    contacts: set[UUID] = set()
    for delivery in deliveries:
        fact = _order_fact(delivery)
        contacts.add(fact["contact_id"])
        for name, values in columns.items():
            values.append(fact[name])
    await session.execute(ADD, {"tenant_id": context_of(session).tenant_id, **columns})
    known_before = sorted({d.envelope.subject for d in deliveries if d.envelope.sequence > 1})
    if known_before:
        contacts.update(await session.scalars(FORMER_CONTACTS, {"subjects": known_before}))
    return sorted(contacts)


def _order_fact(delivery: Delivery) -> dict[str, Any]:
    envelope = delivery.envelope
    state = envelope.data["state"]
    return {
        "subject": envelope.subject,
        "sequence": envelope.sequence,
        "kind": envelope.type.split(".", 1)[1].removesuffix(".v1"),
        "contact_id": UUID(state["contact_id"]),
        "occurred_at": envelope.time,
        "occurred_on": date.fromisoformat(envelope.data["occurred_on"]),
        "recorded_at": envelope.recorded_at,
        "currency": state["currency"],
        "amount_minor": state["total_minor"],
        "margin_minor": state.get("margin_minor"),
        "attributes": encode({name: state.get(name) for name in ATTRIBUTES}).decode(),
    }
