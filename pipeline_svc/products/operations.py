"""Changing products."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.pipeline_catalogue import (
    ProductArchived,
    ProductChanged,
    ProductCreated,
    ProductLaunched,
    ProductRestored,
    ProductRetired,
    ProductState,
)
from services.merge_patch import apply_patch
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import Product
from .queries import get_product
from .schemas import ProductCreate, ProductPatch

NOUN = "product"
INSERT_WHERE_FREE = (
    insert(Product.__table__)  # type: ignore[arg-type]
    .on_conflict_do_nothing(index_elements=["tenant_id", "sku"])
    .returning(Product.__table__.c.id)
)


def state_of(product: Product | Values) -> ProductState:
    """The public state of a product or of its row."""
    return ProductState.model_validate(product)


async def write_products(session: AsyncSession, births: Sequence[tuple[UUID, ProductCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new products and their events, one statement each; a sku that somebody has is refused."""
    rows = [{**birth(session, product_id), **product.model_dump(), "status": "draft"} for product_id, product in births]
    free = set(await session.scalars(INSERT_WHERE_FREE, sorted(rows, key=lambda row: str(row["sku"]))))
    born = [row for row in rows if row["id"] in free]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), ProductCreated(state=state_of(row)), None) for row in born]
    await record_many(session, facts)
    return {row["id"]: row if row["id"] in free else rules.SkuIsTaken("Another product has this sku") for row in rows}


async def create_product(session: AsyncSession, product: ProductCreate) -> Product:
    """Create a draft. Raises ExternalIdTaken, SkuIsTaken."""
    return Product(**await create_one(session, NOUN, product, write=write_products))


async def update_product(session: AsyncSession, product_id: UUID, patch: ProductPatch, if_match: str | None) -> Product:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken, SkuIsTaken, Invalid."""
    product = await get_product(session, product_id, lock=True)
    check_version(product.version, if_match)
    before = product.external_ids
    if apply_patch(product, patch):
        rules.check_cost_has_currency(product.unit_cost_minor, product.currency)
        await rename(session, NOUN, product.id, before=before, after=product.external_ids)
        try:
            await record(session, product, ProductChanged(state=state_of(product)))
        except IntegrityError as error:
            raise rules.SkuIsTaken("Another product has this sku") from error
    return product


async def launch_product(session: AsyncSession, product_id: UUID) -> Product:
    """Sell it from now on. Raises NotFound, WrongState."""
    product = await get_product(session, product_id, lock=True)
    product.status = rules.decide_status("launch", product.status)
    await record(session, product, ProductLaunched(state=state_of(product)))
    return product


async def retire_product(session: AsyncSession, product_id: UUID) -> Product:
    """Sell it no more. Raises NotFound, WrongState."""
    product = await get_product(session, product_id, lock=True)
    product.status = rules.decide_status("retire", product.status)
    await record(session, product, ProductRetired(state=state_of(product)))
    return product


async def archive_product(session: AsyncSession, product_id: UUID) -> Product:
    """Hide from lists. Raises NotFound."""
    product = await get_product(session, product_id, lock=True)
    if product.archived_at is None:
        product.archived_at = now(session)
        await record(session, product, ProductArchived(state=state_of(product)))
    return product


async def restore_product(session: AsyncSession, product_id: UUID) -> Product:
    """Bring back to lists. Raises NotFound."""
    product = await get_product(session, product_id, lock=True)
    if product.archived_at is not None:
        product.archived_at = None
        await record(session, product, ProductRestored(state=state_of(product)))
    return product


async def create_each(session: AsyncSession, products: Sequence[ProductCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, products, write=write_products)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, ProductCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_products, change=_hold_against)


async def update_each(session: AsyncSession, product_id: UUID, patch: ProductPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    product = await update_product(session, product_id, patch, if_match)
    return Outcome(200, product.id, product.version)


async def archive_each(session: AsyncSession, product_id: UUID) -> Outcome:
    """Archive for a batch."""
    product = await archive_product(session, product_id)
    return Outcome(200, product.id, product.version)


async def _hold_against(session: AsyncSession, product_id: UUID, wanted: ProductCreate) -> Outcome:
    product = await get_product(session, product_id, lock=True)
    return await update_each(session, product_id, patch_of(wanted, ProductPatch, product.external_ids), "*")


BATCH = BatchVerbs(ProductCreate, ProductPatch, create_each, upsert_each, update_each, archive_each)
