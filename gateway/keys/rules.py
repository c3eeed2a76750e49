"""What a key looks like, which scopes it may be given, and when it may be revoked."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from services.errors import Forbidden, WrongState, invalid_field
from services.routing import allows

TOKEN = re.compile(r"mk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class ScopesBeyondCaller(Forbidden):
    """Nobody hands on what they do not have."""

    code = "scopes_beyond_caller"


def token_of(prefix: str, secret: str) -> str:
    """The token that a program sends: `mk_<prefix>_<secret>`."""
    return f"mk_{prefix}_{secret}"


def read_token(token: str) -> tuple[str, str] | None:
    """The prefix and the secret of a token, None where it has not the form of one."""
    found = TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def hash_of(secret: str) -> str:
    """How a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(secret: str, secret_hash: str) -> bool:
    """Whether `secret` is the one that was stored, in a time that tells nothing."""
    return hmac.compare_digest(hash_of(secret), secret_hash)


def check_scopes(wanted: Sequence[str], held: frozenset[str]) -> None:
    """Raises ScopesBeyondCaller naming what `held` does not cover."""
    beyond = [scope for scope in wanted if not allows(held, scope)]
    if beyond:
        raise ScopesBeyondCaller(f"A key cannot be given more than you have: {', '.join(beyond)}")


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raises Invalid for a key that would be born expired."""
    if expires_at is not None and expires_at <= now:
        raise invalid_field("/expires_at", "past", "The key would be expired already")


def check_can_revoke(status: str) -> None:
    """Raises WrongState for a key that is revoked."""
    if status != "active":
        raise WrongState("revoke", state=status, verbs_that_fit=[])
