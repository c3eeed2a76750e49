"""How the command's own clients find and open Mitra's door, and knock again where it is shut for a moment."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer

from services.encoding import encode
from services.identifiers import new_id
from services.settings import Settings

Url = Annotated[str, typer.Option(help="where Mitra answers (default: the address that `mitra up` wrote down)", envvar="MITRA_URL")]
Key = Annotated[str, typer.Option(help="an API key (default: the key that `mitra up` wrote down)", envvar="MITRA_KEY")]
ADDRESS, DEMO_KEY = "address", "demo.key"
PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
PASSING_STATUSES = {429, 502, 503, 504}
PASSING_CODES = {"idempotency_key_in_use", "busy"}


class NotAnswered(RuntimeError):
    """The API refused a request, or was away for longer than our patience; says which."""


def api_client(url: str, key: str) -> httpx.AsyncClient:
    """A client of the gateway. What is not named is read from the folder of `mitra up`; says so where there is nothing."""
    folder = Settings().folder
    url = url or _noted(folder / ADDRESS, "--url")
    key = key or _noted(folder / DEMO_KEY, "--key")
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0)


async def post(client: httpx.AsyncClient, path: str, body: Any, *, key: str = "", patience_seconds: float = PATIENCE_SECONDS) -> Any:
    """POST plain values as JSON and return those of a 2xx answer. Raises NotAnswered.

    One Idempotency-Key (`key`, else a fresh one) goes with every try, so that a request whose answer was lost is carried out once. It
    is tried again while the door is shut, busy or over its limit, for as long as the patience lasts.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": key or new_id().hex}
    request = client.build_request("POST", path, content=encode(body), headers=headers)
    return await _send(client, request, patience_seconds=patience_seconds)


async def get(client: httpx.AsyncClient, path: str, *, patience_seconds: float = PATIENCE_SECONDS, **query: Any) -> Any:
    """The plain values at `path`, asked for as patiently as `post` does. Raises NotAnswered."""
    return await _send(client, client.build_request("GET", path, params=query), patience_seconds=patience_seconds)


async def _send(client: httpx.AsyncClient, request: httpx.Request, *, patience_seconds: float) -> Any:
    ends = asyncio.get_running_loop().time() + patience_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            answer = await client.send(request)
            if answer.is_success:
                return orjson.loads(answer.content)
            complaint, passing = _complaint(answer)
            if not passing:
                raise NotAnswered(complaint)
            asked = answer.headers.get("Retry-After", "")
            pause = max(pause, float(asked) if asked.isdecimal() else 0.0)
        except httpx.TransportError as error:
            complaint = f"{client.base_url} does not answer ({type(error).__name__})"
        if asyncio.get_running_loop().time() + pause > ends:
            raise NotAnswered(f"{complaint}; given up after {patience_seconds:.0f} s")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _complaint(answer: httpx.Response) -> tuple[str, bool]:
    """What an answer that is no success says, and whether it may pass by itself."""
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unknown", answer.reason_phrase
    return f"{answer.request.url.path} answered {answer.status_code} {code}: {detail}", (
        answer.status_code in PASSING_STATUSES or code in PASSING_CODES
    )


def note(path: Path, value: str) -> None:
    """Write a line that only this user may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value + "\n")


def _noted(path: Path, option: str) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise typer.BadParameter(f"name it with {option}, or run `mitra up` here first ({path} is not there)") from None
