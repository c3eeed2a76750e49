"""The AsyncAPI document at the door."""

from services.contracts import REGISTRY
from tests.gateway.conftest import Door


async def test_the_document_of_all_events_is_there_for_everybody_with_those_of_a_service_that_was_added(near_door: Door) -> None:
    client = near_door.client()
    answer = await client.get("/asyncapi.json")
    document = answer.json()
    assert (answer.status_code, answer.headers["content-type"], document["asyncapi"]) == (200, "application/json", "3.0.0")
    wanted = {contract.type for manifest in near_door.mitra.manifests for contract in manifest.contracts}
    assert set(document["components"]["messages"]) == wanted <= REGISTRY.keys()
    assert document["channels"]["crm.demo"]["messages"]["demo.thing.used.v1"] == {"$ref": "#/components/messages/demo.thing.used.v1"}
    assert (await client.get("/asyncapi.json")).content == answer.content
    assert (await client.post("/asyncapi.json")).status_code == 404
