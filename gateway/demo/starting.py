"""What `mitra up` does once everything is ready: the operator's key, the demo company the first time, and where to knock."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.keys.operations import bootstrap
from services.client import ADDRESS, DEMO_KEY, PATIENCE_SECONDS, NotAnswered, api_client, note, post
from services.database import Database
from services.settings import Settings

OPERATOR_KEY, DEMO = "operator.key", "demo.json"
COMPANY = {
    "name": "Noto Lights",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "admin": {"email": "admin@example.com", "name": "Ada Demo"},
}


async def first_start(settings: Settings, url: str, demo: bool, console: Console) -> None:
    """Note the address and make the operator's key; with `demo`, load the demo company unless it is there, and print its key.

    A start that was killed on the way is finished by the next one: whatever is noted is tried before it is believed.
    """
    note(settings.folder / ADDRESS, url)
    try:
        operator = await _operator_key(settings, url)
        if demo:
            await _start_demo(settings, url, operator, console=console)
    except (NotAnswered, httpx.HTTPError) as error:
        console.print(f"[yellow]The first start is not complete, the next one goes on with it: {error}[/]", soft_wrap=True)


async def _start_demo(settings: Settings, url: str, operator: str, *, console: Console) -> None:
    key = await _demo_key(settings, url, operator)
    day, loaded = _noted(settings.folder)
    if day is not None and not loaded:
        await load_demo(url, key, day=day, console=console)
        _note_demo(settings.folder, day, loaded=True)
    console.print(f"The demo company [bold]{COMPANY['name']}[/] is open to the key [bold]{key}[/]", soft_wrap=True)


def noted_day(folder: Path) -> date | None:
    """The day as of whose morning the demo company was made here, None where there is none."""
    return _noted(folder)[0]


async def load_demo(url: str, key: str, *, day: date, console: Console) -> None:
    """Send the demo company as of the morning of `day` with a progress bar, and ask for models fitted to all of it.

    Raises services.client.NotAnswered.
    """
    from gateway.demo.generation import invent_company  # numpy: 30 MB that the web process has no use for
    from gateway.demo.loading import load_company

    company = invent_company(day)
    columns = (TextColumn("Loading the demo company"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with api_client(url, key) as client:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("records", total=len(company.contacts) + len(company.orders))
            contact_id, version = await load_company(client, company, on_progress=lambda settled: progress.advance(bar, settled))
        await _caught_up(client, contact_id, version)
        await post(client, "/v1/models/fit", {})
        await _valued(client)


async def _valued(client: httpx.AsyncClient) -> None:
    """Return when the customers have their values, so that the first who asks finds them. Raises NotAnswered after a minute."""
    ends = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    first = {"order_by": "-lifetime_value_minor", "page_size": "1"}
    while not (await client.get("/v1/customers", params=first)).raise_for_status().json()["items"]:
        if asyncio.get_running_loop().time() > ends:
            raise NotAnswered(f"no customer has a value after {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(0.2)


async def _caught_up(client: httpx.AsyncClient, contact_id: str, version: str) -> None:
    """Return when analytics has applied what was written. Raises NotAnswered after a minute."""
    ends = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while (await client.get(f"/v1/customers/{contact_id}/value", headers={"Mitra-Version": version})).status_code == 503:
        if asyncio.get_running_loop().time() > ends:
            raise NotAnswered(f"analytics has not seen {version} for {PATIENCE_SECONDS:.0f} s")


async def _operator_key(settings: Settings, url: str) -> str:
    path = settings.folder / OPERATOR_KEY
    noted = path.read_text().strip() if path.exists() else ""
    if noted and await _opens(url, noted):
        return noted
    database = Database(settings.database("gateway"))
    try:
        key = await bootstrap(database)
    finally:
        await database.close()
    note(path, key)
    return key


async def _demo_key(settings: Settings, url: str, operator: str) -> str:
    path = settings.folder / DEMO_KEY
    noted = path.read_text().strip() if path.exists() else ""
    if noted and await _opens(url, noted):
        return noted
    _note_demo(settings.folder, datetime.now(UTC).date(), loaded=False)
    async with api_client(url, operator) as client:
        founded = await post(client, "/v1/tenants", COMPANY)
    key: str = founded["key"]["secret"]
    note(path, key)
    return key


async def _opens(url: str, key: str) -> bool:
    """Whether a key opens this door. Raises NotAnswered where it cannot be told."""
    async with api_client(url, key) as client:
        answer = await client.get("/v1/tenants", params={"page_size": 1})
    if answer.status_code not in (200, 401):
        raise NotAnswered(f"/v1/tenants answered {answer.status_code}")
    return answer.status_code == 200


def _noted(folder: Path) -> tuple[date | None, bool]:
    path = folder / DEMO
    if not path.exists():
        return None, False
    noted = orjson.loads(path.read_bytes())
    return date.fromisoformat(noted["day"]), noted["loaded"]


def _note_demo(folder: Path, day: date, *, loaded: bool) -> None:
    note(folder / DEMO, orjson.dumps({"day": day.isoformat(), "loaded": loaded}).decode())
