"""The HTTP routes of tenants."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from gateway.keys.operations import found_tenant
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep, keep_instead
from services.showing import show_record

from . import operations, queries
from .models import HostedTenant
from .schemas import TenantCreate, TenantFounded, TenantPatch, TenantRead

router = Router("tenants", prefix="/v1/tenants")


@router.operation("GET", "", name="list", scope="tenants:read", response_model=Page[TenantRead])
async def list_tenants(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List the tenants that the caller may see: its own. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(TenantRead, await queries.list_tenants(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="platform:tenants", response_model=TenantFounded, status_code=201)
async def create_tenant(request: Request, session: SessionDep, response: Response, body: TenantCreate) -> TenantFounded:
    """Found a tenant with its first user and first key, for operators of the platform. The secret is shown this once. Errors: 422."""
    founded = await _found(session, body)
    _show_once(request, response, founded)
    return founded


@router.operation("GET", "/{tenant_id}", name="get", scope="tenants:read", response_model=TenantRead)
async def get_tenant(session: SessionDep, tenant_id: UUID) -> Response:
    """Read the caller's tenant. Errors: 404."""
    return await show_record(session, HostedTenant, tenant_id, schema=TenantRead, noun="tenant")


@router.operation("PATCH", "/{tenant_id}", name="update", scope="tenants:write", response_model=TenantRead)
async def update_tenant(
    session: SessionDep, response: Response, tenant_id: UUID, body: TenantPatch, if_match: IfMatch = None
) -> HostedTenant:
    """Rename the caller's tenant; its time zone and currency stay. Errors: 404, 412, 422, 428."""
    tenant = await operations.update_tenant(session, tenant_id, body, if_match)
    stamp(response, "tenant", tenant)
    return tenant


async def _found(session: SessionDep, body: TenantCreate) -> TenantFounded:
    admin = body.admin
    founded = await found_tenant(
        session, name=body.name, time_zone=body.time_zone, currency=body.currency, email=admin.email, admin_name=admin.name
    )
    shown = {"admin": founded.admin, "key": founded.made.with_secret()}
    return TenantFounded.model_validate(TenantRead.model_validate(founded.tenant).model_dump() | shown, from_attributes=True)


def _show_once(request: Request, response: Response, founded: TenantFounded) -> None:
    kept = founded.model_copy(update={"key": founded.key.model_copy(update={"secret": None})})
    keep_instead(request, kept.model_dump_json().encode())
    stamp(response, "tenant", founded)
