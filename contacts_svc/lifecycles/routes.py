"""The HTTP routes by which a hand moves a contact in the pyramid."""

from uuid import UUID

from fastapi import Response

from contacts_svc.contacts.models import Contact
from contacts_svc.contacts.schemas import ContactRead
from services.preconditions import stamp
from services.routing import Router, SessionDep

from . import operations
from .schemas import ContactMove, LifecycleSetting

router = Router("contacts", prefix="/v1/contacts")


@router.operation("POST", "/{contact_id}/disqualify", name="disqualify", scope="contacts:write", response_model=ContactRead)
async def disqualify_contact(session: SessionDep, response: Response, contact_id: UUID, body: ContactMove = ContactMove()) -> Contact:
    """Move a suspect or prospect to the rest of the world. Errors: 404, 409 in another lifecycle or while it is held by hand."""
    contact = await operations.disqualify_contact(session, contact_id, reason_code=body.reason_code)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/requalify", name="requalify", scope="contacts:write", response_model=ContactRead)
async def requalify_contact(session: SessionDep, response: Response, contact_id: UUID, body: ContactMove = ContactMove()) -> Contact:
    """Make a contact of the rest of the world a suspect again. Errors: 404, 409 in another lifecycle or while it is held by hand."""
    contact = await operations.requalify_contact(session, contact_id, reason_code=body.reason_code)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/set-lifecycle", name="set_lifecycle", scope="contacts:write", response_model=ContactRead)
async def set_lifecycle(session: SessionDep, response: Response, contact_id: UUID, body: LifecycleSetting) -> Contact:
    """Hold a contact at a lifecycle by hand, with the reason; no rule moves it until it is cleared. Errors: 404, 422."""
    contact = await operations.set_lifecycle(session, contact_id, body)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/clear-lifecycle", name="clear_lifecycle", scope="contacts:write", response_model=ContactRead)
async def clear_lifecycle(session: SessionDep, response: Response, contact_id: UUID) -> Contact:
    """Let the rules decide on a contact's lifecycle again; where nobody holds it nothing changes. Errors: 404."""
    contact = await operations.clear_lifecycle(session, contact_id)
    stamp(response, "contact", contact)
    return contact
