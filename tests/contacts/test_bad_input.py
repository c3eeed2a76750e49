"""What nobody can read, believe or store is refused where it stands; nothing is written and nothing is published."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from contacts_svc.contacts.models import Contact, ContactPoint
from services.external_ids import ExternalIdRow
from tests.harness import Mitra

LONG = "x" * 500_000
DEEP: Any = []
for _ in range(60):
    DEEP = [DEEP]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"emails": [{"address": "ann"}]}, "/emails/0/address"),
    ({"emails": [{"address": "a@example.org"}, {"address": "a@example.org\u0000"}]}, "/emails/1/address"),
    ({"emails": [{"address": f"{LONG}@example.org"}]}, "/emails/0/address"),
    ({"emails": [{"address": "a@example.org"}, {"address": "A@example.org"}]}, "/emails/1/address"),
    ({"emails": [{"address": "a@example.org", "status": "fine"}]}, "/emails/0/status"),
    ({"emails": [{"address": "a@example.org", "label": "x" * 41}]}, "/emails/0/label"),
    ({"emails": [{"address": "a@example.org", "colour": "red"}]}, "/emails/0/colour"),
    ({"emails": [{"address": "a@e.org", "primary": True}, {"address": "b@e.org", "primary": True}]}, "/emails/1/primary"),
    ({"emails": [{"address": f"a{n}@example.org"} for n in range(21)]}, "/emails"),
    ({"emails": "ann@example.org"}, "/emails"),
    ({"emails": DEEP}, "/emails/0"),
    ({"phones": [{"raw": "0171 1234567"}]}, "/phones/0/raw"),
    ({"phones": [{"raw": "+49 171 1234567"}, {"raw": "nonsense"}]}, "/phones/1/raw"),
    ({"country": "DE", "phones": [{"raw": "1"}]}, "/phones/0/raw"),
    ({"phones": [{}]}, "/phones/0/raw"),
    ({"phones": [{"raw": "+49 171 1234567\u0000"}]}, "/phones/0/raw"),
    ({"phones": [{"e164": "0171 1234567"}]}, "/phones/0/e164"),
    ({"phones": [{"raw": "9" * 65}]}, "/phones/0/raw"),
    ({"addresses": [{"country": "Germany"}]}, "/addresses/0/country"),
    ({"addresses": [{"lines": ["x"] * 7}]}, "/addresses/0/lines"),
    ({"addresses": [{"lines": [{"street": DEEP}]}]}, "/addresses/0/lines/0"),
    ({"country": "ZZ"}, "/country"),
    ({"country": "Germany"}, "/country"),
    ({"country": 49}, "/country"),
    ({"currency": "ZZZ"}, "/currency"),
    ({"potential_minor": 5}, "/currency"),
    ({"potential_minor": -5, "currency": "EUR"}, "/potential_minor"),
    ({"potential_minor": 2**60, "currency": "EUR"}, "/potential_minor"),
    ({"potential_minor": 0.5, "currency": "EUR"}, "/potential_minor"),
    ({"time_zone": "Mars/Base"}, "/time_zone"),
    ({"language": "de_DE"}, "/language"),
    ({"birth_on": "1971-02-30"}, "/birth_on"),
    ({"birth_on": "2999-01-01"}, "/birth_on"),
    ({"website": "javascript:alert(1)"}, "/website"),
    ({"kind": "robot"}, "/kind"),
    ({"kind": None}, "/kind"),
    ({"legal_name": "Lee GmbH"}, "/legal_name"),
    ({"given_name": ""}, "/given_name"),
    ({"given_name": "A\u0000n"}, "/given_name"),
    ({"given_name": "\ud800"}, "/given_name"),
    ({"given_name": LONG}, "/given_name"),
    ({"given_name": None}, "/display_name"),
    ({"display_name": ["Ann"]}, "/display_name"),
    ({"owner_id": "me"}, "/owner_id"),
    ({"team_ids": [{"team_id": "0190b2c0-0000-7000-8000-000000000002"}]}, "/team_ids/0/role"),
    ({"roles": ["customer", "friend"]}, "/roles/1"),
    ({"tags": ["ok", " "]}, "/tags/1"),
    ({"tags": ["x" * 41]}, "/tags/0"),
    ({"tags": ["\u0958" * 21]}, "/tags/0"),
    ({"tags": [f"t{n}" for n in range(51)]}, "/tags"),
    ({"industry": "two words"}, "/industry"),
    ({"persona": "ann@example.org"}, "/persona"),
    ({"preferences": {"likes": {"tea": DEEP}}}, "/preferences/likes"),
    ({"preferences": {"hobbies": ["chess"]}}, "/preferences/hobbies"),
    ({"external_ids": [{"source": "shop", "id": "ann@example.org"}]}, "/external_ids/0/id"),
    ({"origin": {"source": "trade fair"}}, "/origin/source"),
    ({"origin": None}, "/origin"),
    ({"lifecycle": "customer_active"}, "/lifecycle"),
    ({"custom": {"tier": "gold"}}, "/custom"),
    ({"id": "0190b2c0-0000-7000-8000-000000000002"}, "/id"),
]


async def rows(mitra: Mitra, tenant_id: UUID) -> int:
    async with mitra.session("contacts", tenant_id) as session:
        return sum([await session.scalar(select(func.count()).select_from(table)) or 0 for table in (Contact, ContactPoint, ExternalIdRow)])


async def test_bad_input_is_refused_where_it_stands(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    for fields, pointer in BAD:
        body = json.dumps({"given_name": "Ann"} | fields)
        for method, path in (("POST", ""), ("PUT", "/by/shop/1")):
            answer = await contacts.request(method, f"/v1/contacts{path}", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 422, (pointer, answer.text[:300])
            assert answer.json()["errors"][0]["pointer"] == pointer, answer.text[:300]
            assert len(answer.content) < 4_000
    assert await rows(mitra, tenant_id) == 0
    assert await mitra.outbox("contacts") == []


async def test_a_bad_patch_leaves_the_contact_as_it_was(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = (await contacts.post("/v1/contacts", json={"given_name": "Ann"})).json()
    for fields, pointer in BAD:
        wanted = "/origin" if pointer.startswith("/origin") else pointer
        body = json.dumps(fields)
        headers = {"content-type": "application/json", "If-Match": "1"}
        answer = await contacts.patch(f"/v1/contacts/{ann['id']}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, wanted), answer.text[:300]
    assert (await contacts.get(f"/v1/contacts/{ann['id']}")).json() == ann
    assert len(await mitra.outbox("contacts")) == 1


@pytest.mark.parametrize("path", ["/by/two%20words/1", "/by/shop/ann@example.org", "/by/shop/%00"])
async def test_a_key_that_is_no_code_is_refused(mitra: Mitra, contacts: httpx.AsyncClient, path: str) -> None:
    answer = await contacts.put(f"/v1/contacts{path}", json={"given_name": "Ann"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"][:6]) == (422, "#path/")
    assert await mitra.outbox("contacts") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["address", "raw", "lines", "likes", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("kind", "given_name", "emails", "phones", "addresses", "preferences", "tags", "team_ids", "birth_on", "country", "external_ids")


@settings(max_examples=100)
@given(body=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
async def test_no_body_makes_a_crash(contacts: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Law: any JSON object is taken or refused with a problem that points at something."""
    answer = await contacts.post("/v1/contacts", json=body)
    assert answer.status_code in (201, 409, 422)
    assert answer.status_code == 201 or answer.json()["errors"][0]["pointer"].startswith("/")
