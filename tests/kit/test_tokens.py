"""Internal tokens: who may vouch for whom, and for how long."""

import base64
import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Unauthenticated
from services.tokens import LIFETIME, REUSE, Caller, KeyPairs, Minter, Verifier, make_key_pair
from tests.harness import SettableClock

DEPLOYABLES = ("gateway", "campaigns_svc", "pipeline_svc")
PERSON = Caller(uuid4(), "user:1", UUID(int=1), frozenset({"orders:read", "orders:write"}), (UUID(int=2), UUID(int=3)), ("agent",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "keys"
    for name in DEPLOYABLES:
        make_key_pair(folder, name)
    return folder


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def minter(folder: Path, name: str, clock: SettableClock) -> Minter:
    return Minter(KeyPairs.load(folder, name), clock=clock)


def verifier(folder: Path, name: str, clock: SettableClock) -> Verifier:
    return Verifier(KeyPairs.load(folder, name), clock=clock)


def refusal(checker: Verifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        checker.verify(token)
    return refused.value.detail


def test_the_gateway_vouches_for_a_person_with_everything_that_it_said(folder: Path, clock: SettableClock) -> None:
    token = minter(folder, "gateway", clock).mint(PERSON, "pipeline_svc")
    assert verifier(folder, "pipeline_svc", clock).verify(token) == PERSON


def test_a_token_is_reused_for_thirty_seconds_and_then_made_anew(folder: Path, clock: SettableClock) -> None:
    gateway = minter(folder, "gateway", clock)
    first = gateway.mint(PERSON, "pipeline_svc")
    clock.advance(seconds=REUSE.total_seconds() - 1)
    assert gateway.mint(PERSON, "pipeline_svc") == first
    clock.advance(seconds=1)
    assert gateway.mint(PERSON, "pipeline_svc") != first


def test_another_caller_or_audience_gets_a_token_of_its_own(folder: Path, clock: SettableClock) -> None:
    gateway = minter(folder, "gateway", clock)
    tokens = {
        gateway.mint(PERSON, "pipeline_svc"),
        gateway.mint(PERSON, "campaigns_svc"),
        gateway.mint(replace(PERSON, scopes=frozenset()), "pipeline_svc"),
        gateway.mint(replace(PERSON, tenant_id=uuid4()), "pipeline_svc"),
    }
    assert len(tokens) == 4


def test_a_token_of_a_minute_has_expired_after_a_minute_even_where_it_was_seen_before(folder: Path, clock: SettableClock) -> None:
    token = minter(folder, "gateway", clock).mint(PERSON, "pipeline_svc")
    seen, unseen = verifier(folder, "pipeline_svc", clock), verifier(folder, "pipeline_svc", clock)
    assert seen.verify(token) == PERSON
    clock.advance(seconds=LIFETIME.total_seconds() - 2)
    assert seen.verify(token) == PERSON
    clock.advance(seconds=2)
    assert refusal(seen, token) == refusal(unseen, token) == "The token has expired"


def test_a_token_for_one_service_opens_no_other(folder: Path, clock: SettableClock) -> None:
    token = minter(folder, "gateway", clock).mint(PERSON, "campaigns_svc")
    assert refusal(verifier(folder, "pipeline_svc", clock), token) == "The token is not valid"


def test_a_service_signs_as_itself(folder: Path, clock: SettableClock) -> None:
    itself = Caller(uuid4(), "system:campaigns_svc", None, frozenset(), issuer="campaigns_svc")
    token = minter(folder, "campaigns_svc", clock).mint(itself, "pipeline_svc")
    assert verifier(folder, "pipeline_svc", clock).verify(token) == itself


@pytest.mark.parametrize("actor", ["user:1", "system:pipeline_svc", "system:gateway", "key:7"])
def test_a_service_that_signs_as_somebody_else_is_refused(folder: Path, clock: SettableClock, actor: str) -> None:
    token = minter(folder, "campaigns_svc", clock).mint(replace(PERSON, actor=actor), "pipeline_svc")
    assert refusal(verifier(folder, "pipeline_svc", clock), token) == "A service signs only as itself"


def test_a_service_cannot_sign_in_the_name_of_the_gateway(folder: Path, clock: SettableClock) -> None:
    token = minter(folder, "gateway", clock).mint(PERSON, "pipeline_svc")
    claims = jwt.decode(token, options={"verify_signature": False})
    service = KeyPairs.load(folder, "campaigns_svc")
    named_by_itself = service.sign(claims)
    assert refusal(verifier(folder, "pipeline_svc", clock), named_by_itself) == "The token is not valid"
    named_gateway = jwt.encode(claims, service._private, algorithm="EdDSA", headers={"kid": "gateway"})
    assert refusal(verifier(folder, "pipeline_svc", clock), named_gateway) == "The token is not valid"


def test_a_deployable_without_a_public_key_here_is_nobody(folder: Path, tmp_path: Path, clock: SettableClock) -> None:
    make_key_pair(tmp_path, "gateway")
    token = minter(tmp_path, "gateway", clock).mint(PERSON, "pipeline_svc")
    assert refusal(verifier(folder, "pipeline_svc", clock), token) == "The token is not valid"
    make_key_pair(tmp_path, "stranger_svc")
    token = minter(tmp_path, "stranger_svc", clock).mint(PERSON, "pipeline_svc")
    assert refusal(verifier(folder, "pipeline_svc", clock), token) == "The token is signed by nobody we know"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_without_a_signature_or_signed_with_a_public_key_is_forged(folder: Path, clock: SettableClock, algorithm: str) -> None:
    token = minter(folder, "gateway", clock).mint(PERSON, "pipeline_svc")
    head, body, signature = token.split(".")
    forged = f"{_part({'alg': algorithm, 'kid': 'gateway', 'typ': 'JWT'})}.{body}."
    assert refusal(verifier(folder, "pipeline_svc", clock), forged) == "The token is not valid"
    claims = jwt.decode(token, options={"verify_signature": False}) | {"scopes": ["*"]}
    assert refusal(verifier(folder, "pipeline_svc", clock), f"{head}.{_part(claims)}.{signature}") == "The token is not valid"


@given(token=st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}", fullmatch=True))
def test_no_rubbish_is_a_token(folder: Path, token: str) -> None:
    """Law: whatever text is sent as a token, the answer is Unauthenticated, never a crash."""
    refusal(verifier(folder, "pipeline_svc", SettableClock()), token)


def test_the_private_key_is_for_its_owner_alone_and_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_key_pair(folder, "gateway")
    private = folder / "gateway.key"
    before = private.read_bytes()
    make_key_pair(folder, "gateway")
    assert private.read_bytes() == before
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_deployable_without_keys_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gateway\.key"):
        KeyPairs.load(tmp_path, "gateway")


def test_tokens_of_many_callers_do_not_pile_up(folder: Path, clock: SettableClock) -> None:
    gateway, checker = minter(folder, "gateway", clock), verifier(folder, "pipeline_svc", clock)
    gateway._minted = {(replace(PERSON, actor=str(n)), "pipeline_svc"): (0.0, "") for n in range(10_001)}
    checker._known = {str(n): (0.0, PERSON) for n in range(10_001)}
    assert checker.verify(gateway.mint(PERSON, "pipeline_svc")) == PERSON
    assert (len(gateway._minted), len(checker._known)) == (1, 1)
    assert timedelta(0) < REUSE < LIFETIME
