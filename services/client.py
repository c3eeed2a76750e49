"""How the command's own clients find and open Mitra's door."""

import os
from pathlib import Path
from typing import Annotated

import httpx
import typer

from services.settings import Settings

Url = Annotated[str, typer.Option(help="where Mitra answers (default: the address that `mitra up` wrote down)", envvar="MITRA_URL")]
Key = Annotated[str, typer.Option(help="an API key (default: the key that `mitra up` wrote down)", envvar="MITRA_KEY")]
ADDRESS, DEMO_KEY = "address", "demo.key"


def api_client(url: str, key: str) -> httpx.AsyncClient:
    """A client of the gateway. What is not named is read from the folder of `mitra up`; says so where there is nothing."""
    folder = Settings().folder
    url = url or _noted(folder / ADDRESS, "--url")
    key = key or _noted(folder / DEMO_KEY, "--key")
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0)


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
