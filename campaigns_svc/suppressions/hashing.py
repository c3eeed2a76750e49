"""The keyed hash under which an address is known where the address itself must not be."""

import hmac
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from services.settings import Settings
from services.tokens import KeyPairs

DEPLOYABLE = "campaigns_svc"
Hasher = Callable[[str], str]
_secrets: dict[Path, bytes] = {}


def hasher_of(settings: Settings, tenant_id: UUID) -> Hasher:
    """The hash of an address in one tenant: the same for two spellings that differ in case alone, and of no use in another tenant."""
    folder = settings.keys_folder
    if folder not in _secrets:
        _secrets[folder] = hmac.digest(KeyPairs.load(folder, DEPLOYABLE).link_secret().encode(), b"addresses", "sha256")
    key = hmac.digest(_secrets[folder], tenant_id.bytes, "sha256")
    return lambda address: hmac.digest(key, address.strip().casefold().encode(), "sha256").hex()
