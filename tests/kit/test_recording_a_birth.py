"""A row that is born through the ORM is written with its event, as a changed one is."""

from services.database import birth
from services.identifiers import new_id
from services.outbox import record
from tests.harness import Mitra


async def test_a_new_row_is_written_with_its_first_event(mitra: Mitra) -> None:
    from demo_svc.events import ThingCreated
    from demo_svc.things.models import Thing
    from demo_svc.things.operations import state_of

    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        thing = Thing(**birth(session, new_id()), label="lamp", amount_minor=7, status="new", secret=None, external_ids=[])
        await record(session, thing, ThingCreated(state=state_of(thing)))
        await session.commit()
    (event,) = await mitra.outbox("demo")
    assert (event.type, event.subject, event.sequence, event.data["changed"]) == ("demo.thing.created.v1", f"thing/{thing.id}", 1, [])
    assert event.recorded_at == thing.updated_at
