"""Internal tokens: who acts, in which tenant, with which scopes, signed by the deployable that says so (Ed25519)."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from services.clock import Clock, utc_now
from services.errors import Unauthenticated

LIFETIME = timedelta(seconds=60)
REUSE = timedelta(seconds=30)
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts. `actor` is `user:…`, `key:…` or `system:…`; `issuer` is the deployable that vouches."""

    tenant_id: UUID
    actor: str
    user_id: UUID | None
    scopes: frozenset[str]
    team_ids: tuple[UUID, ...] = ()
    roles: tuple[str, ...] = ()
    issuer: str = GATEWAY


class KeyPairs:
    """The key pair of this deployable and the public keys of all of them, read from one folder."""

    def __init__(self, deployable: str, *, private: Ed25519PrivateKey, public: Mapping[str, Ed25519PublicKey]) -> None:
        self.deployable = deployable
        self._private = private
        self._public = dict(public)

    @classmethod
    def load(cls, folder: Path, deployable: str) -> "KeyPairs":
        """Read `<deployable>.key` and every `*.pub`. Raises FileNotFoundError where `mitra init` was never run."""
        private = load_pem_private_key((folder / f"{deployable}.key").read_bytes(), password=None)
        assert isinstance(private, Ed25519PrivateKey)
        public = {}
        for path in sorted(folder.glob("*.pub")):
            key = load_pem_public_key(path.read_bytes())
            assert isinstance(key, Ed25519PublicKey)
            public[path.stem] = key
        return cls(deployable, private=private, public=public)

    def sign(self, claims: dict[str, object]) -> str:
        """A compact token over `claims`."""
        return jwt.encode(claims, self._private, algorithm="EdDSA", headers={"kid": self.deployable})

    def link_secret(self) -> str:
        """The secret with which this deployable signs links; every process of it has the same, and nobody else can work it out."""
        raw = self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.digest(raw, b"links", "sha256").hex()

    def public_key(self, deployable: str) -> Ed25519PublicKey | None:
        """The public key of a deployable, None for an unknown one."""
        return self._public.get(deployable)


def make_key_pair(folder: Path, deployable: str) -> None:
    """Write `<deployable>.key` (0600) and `<deployable>.pub` unless they exist."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{deployable}.key"
    if path.exists():
        return
    key = Ed25519PrivateKey.generate()
    (folder / f"{deployable}.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


class Minter:
    """Signs tokens for callers, one per (caller, audience), reused for 30 s of their 60."""

    def __init__(self, keys: KeyPairs, *, clock: Clock = utc_now) -> None:
        self._keys = keys
        self._clock = clock
        self._minted: dict[tuple[Caller, str], tuple[float, str]] = {}

    def mint(self, caller: Caller, audience: str) -> str:
        """A token that lets `caller` act at `audience` for a minute."""
        now = self._clock().timestamp()
        known = self._minted.get((caller, audience))
        if known is not None and known[0] > now:
            return known[1]
        if len(self._minted) > 10_000:
            self._minted.clear()
        token = self._keys.sign(
            {
                "iss": self._keys.deployable,
                "aud": audience,
                "exp": int(now + LIFETIME.total_seconds()),
                "tenant": str(caller.tenant_id),
                "sub": caller.actor,
                "user": str(caller.user_id) if caller.user_id else None,
                "teams": [str(team) for team in caller.team_ids],
                "roles": list(caller.roles),
                "scopes": sorted(caller.scopes),
            }
        )
        self._minted[caller, audience] = (now + REUSE.total_seconds(), token)
        return token


class Verifier:
    """Checks tokens for one service; a token that was checked once is known until it expires."""

    def __init__(self, keys: KeyPairs, *, clock: Clock = utc_now) -> None:
        self._keys = keys
        self._clock = clock
        self._known: dict[str, tuple[float, Caller]] = {}

    def verify(self, token: str) -> Caller:
        """The caller that `token` vouches for. Raises Unauthenticated.

        The gateway vouches for anybody; another deployable only for itself, as `system:<deployable>`.
        """
        now = self._clock().timestamp()
        known = self._known.get(token)
        if known is not None and known[0] > now:
            return known[1]
        caller, expires = self._check(token, now)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[token] = (expires, caller)
        return caller

    def _check(self, token: str, now: float) -> tuple[Caller, float]:
        try:
            issuer = str(jwt.get_unverified_header(token).get("kid"))
            key = self._keys.public_key(issuer)
            if key is None:
                raise Unauthenticated("The token is signed by nobody we know")
            claims = jwt.decode(
                token, key, algorithms=["EdDSA"], audience=self._keys.deployable, issuer=issuer, options={"verify_exp": False}
            )
            if claims["exp"] <= now:
                raise Unauthenticated("The token has expired")
            if issuer != GATEWAY and claims["sub"] != f"system:{issuer}":
                raise Unauthenticated("A service signs only as itself")
            return _caller(claims, issuer), float(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise Unauthenticated("The token is not valid") from error


def _caller(claims: Mapping[str, object], issuer: str) -> Caller:
    teams, roles, scopes = (claims[name] for name in ("teams", "roles", "scopes"))
    assert isinstance(teams, list)
    assert isinstance(roles, list)
    assert isinstance(scopes, list)
    return Caller(
        tenant_id=UUID(str(claims["tenant"])),
        actor=str(claims["sub"]),
        user_id=UUID(str(claims["user"])) if claims["user"] else None,
        scopes=frozenset(scopes),
        team_ids=tuple(UUID(team) for team in teams),
        roles=tuple(roles),
        issuer=issuer,
    )
