"""The HTTP routes of products."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Product
from .schemas import ProductCreate, ProductPatch, ProductRead

router = Router("products", prefix="/v1/products")


@router.operation("GET", "", name="list", scope="products:read", response_model=Page[ProductRead])
async def list_products(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List products. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ProductRead, await queries.list_products(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="products:read", response_model=Page[ProductRead])
async def search_products(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ProductRead, await queries.list_products(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="products:write", response_model=ProductRead, status_code=201)
async def create_product(session: SessionDep, response: Response, body: ProductCreate) -> Product:
    """Create a product. Errors: 409 for a sku or external id that is taken, 422."""
    product = await operations.create_product(session, body)
    stamp(response, "product", product)
    return product


@router.operation("POST", "/batch", name="batch", scope="products:write", response_model=BatchAnswer)
async def batch_products(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{product_id}", name="get", scope="products:read", response_model=ProductRead)
async def get_product(session: SessionDep, product_id: UUID) -> Response:
    """Read a product. Errors: 404."""
    return await show_record(session, Product, product_id, schema=ProductRead, noun="product")


@router.operation("PATCH", "/{product_id}", name="update", scope="products:write", response_model=ProductRead)
async def update_product(
    session: SessionDep, response: Response, product_id: UUID, body: ProductPatch, if_match: IfMatch = None
) -> Product:
    """Change a product by merge patch. Errors: 404, 409 for a sku or external id that is taken, 412, 422, 428."""
    product = await operations.update_product(session, product_id, body, if_match)
    stamp(response, "product", product)
    return product


@router.operation("POST", "/{product_id}/launch", name="launch", scope="products:write", response_model=ProductRead)
async def launch_product(session: SessionDep, response: Response, product_id: UUID) -> Product:
    """Sell a product from now on. Errors: 404, 409 when it is no draft."""
    product = await operations.launch_product(session, product_id)
    stamp(response, "product", product)
    return product


@router.operation("POST", "/{product_id}/retire", name="retire", scope="products:write", response_model=ProductRead)
async def retire_product(session: SessionDep, response: Response, product_id: UUID) -> Product:
    """Sell a product no more. Errors: 404, 409 when it is not active."""
    product = await operations.retire_product(session, product_id)
    stamp(response, "product", product)
    return product


@router.operation("POST", "/{product_id}/archive", name="archive", scope="products:write", response_model=ProductRead)
async def archive_product(session: SessionDep, response: Response, product_id: UUID) -> Product:
    """Hide a product from lists. Errors: 404."""
    product = await operations.archive_product(session, product_id)
    stamp(response, "product", product)
    return product


@router.operation("POST", "/{product_id}/restore", name="restore", scope="products:write", response_model=ProductRead)
async def restore_product(session: SessionDep, response: Response, product_id: UUID) -> Product:
    """Bring a product back to lists. Errors: 404."""
    product = await operations.restore_product(session, product_id)
    stamp(response, "product", product)
    return product
