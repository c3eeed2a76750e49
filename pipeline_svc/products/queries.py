"""Reading products."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Product

FIELDS: FilterFields = {
    "id": Field("id", Product.id),
    "sku": Field("text", Product.sku),
    "name": Field("text", Product.name),
    "kind": Field("choice", Product.kind),
    "line": Field("text", Product.line),
    "tier": Field("number", Product.tier),
    "brand": Field("text", Product.brand),
    "status": Field("choice", Product.status),
    "created_at": Field("instant", Product.created_at),
    "updated_at": Field("instant", Product.updated_at),
}
ORDERS = {
    "created_at": Order(Product.created_at, datetime),
    "updated_at": Order(Product.updated_at, datetime),
    "name": Order(Product.name, str),
    "sku": Order(Product.sku, str),
}


async def get_product(session: AsyncSession, product_id: UUID, *, lock: bool = False) -> Product:
    """The product, locked for a change if asked. Raises NotFound."""
    product = await session.get(Product, product_id, with_for_update=lock or None)
    if product is None:
        raise NotFound(f"There is no product {product_id}")
    return product


async def list_products(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the products that are not archived."""
    statement = filtered(unarchived(Product), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Product.id, orders=ORDERS, default="-created_at")
