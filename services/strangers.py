"""Strangers: contacts whom a service's records name and of whom it never heard. Foreign ids are checked for form only when they come."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services import references
from services.database import Context, bind_tenant
from services.manifests import Manifest
from services.tenants import Tenant

EVERY_SECONDS = 24 * 3600.0
OF_THE_KIT = ("contact_reference", "consent_reference", "idempotency_answer")
TABLES = text("""
SELECT quote_ident(table_name) FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'contact_id' AND table_name <> ALL(:ours) ORDER BY table_name
""")
UNHEARD_OF = """
SELECT contact_id FROM {table} AS record WHERE contact_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM contact_reference AS known WHERE known.contact_id = record.contact_id)
"""

COUNT = "SELECT count(*) FROM ({strangers}) AS strangers"


def knows_contacts(manifest: Manifest) -> bool:
    """Whether a service hears of contacts, so that it can tell a stranger."""
    return any(references.on_contact in handlers for handlers in manifest.handlers.values())


async def count_strangers(session: AsyncSession, tenants: Sequence[Tenant]) -> int:
    """How many contacts the records of `tenants` name and nothing was ever heard of; reads every table that names contacts."""
    tables = list(await session.scalars(TABLES, {"ours": list(OF_THE_KIT)}))
    if not tables:
        return 0
    statement = text(COUNT.format(strangers=" UNION ".join(UNHEARD_OF.format(table=table) for table in tables)))
    found = 0
    for tenant in tenants:
        await bind_tenant(session, Context(tenant.id, "system:doctor", "strangers"))
        found += await session.scalar(statement) or 0
    return found


async def count(session: AsyncSession, _work: object) -> dict[str, int]:
    """The daily job: counts the strangers of every tenant, for the metrics."""
    return {"contacts": await count_strangers(session, list(await session.scalars(select(Tenant))))}
