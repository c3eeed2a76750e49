"""Signed links: made for one purpose, tamper-proof, bounded in time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Gone, NotFound
from services.links import SignedLinks

LINKS = SignedLinks("a secret of the service", "unsubscribe")
PAYLOAD = {"contact_id": "0198", "topic": 7}


def test_a_link_gives_back_what_was_signed() -> None:
    assert LINKS.read(LINKS.sign(PAYLOAD)) == PAYLOAD
    assert LINKS.read(LINKS.sign(PAYLOAD), max_age_seconds=60) == PAYLOAD


def test_a_link_that_is_too_old_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    token, present = LINKS.sign(PAYLOAD), time.time()
    monkeypatch.setattr(time, "time", lambda: present + 61)
    with pytest.raises(Gone) as gone:
        LINKS.read(token, max_age_seconds=60)
    assert gone.value.code == "link_expired"
    assert LINKS.read(token) == PAYLOAD


@pytest.mark.parametrize("other", [SignedLinks("a secret of the service", "click"), SignedLinks("another secret", "unsubscribe")])
def test_a_link_of_another_purpose_or_secret_is_unknown(other: SignedLinks) -> None:
    with pytest.raises(NotFound) as unknown:
        LINKS.read(other.sign(PAYLOAD))
    assert unknown.value.code == "unknown_link"


@given(place=st.integers(0, 200), letter=st.sampled_from("ABCxyz019-_."))
def test_a_link_that_was_changed_is_unknown(place: int, letter: str) -> None:
    """Law: no single changed letter of a token is accepted."""
    token = LINKS.sign(PAYLOAD)
    place %= len(token) - 1  # the last letter carries bits that base64 does not use
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(NotFound):
            LINKS.read(changed)


@given(st.text(max_size=80))
def test_no_rubbish_is_a_link(token: str) -> None:
    """Law: whatever text is sent as a token, the answer is NotFound, never a crash."""
    with pytest.raises(NotFound):
        LINKS.read(token)
