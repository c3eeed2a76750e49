"""Laws of holdouts: the same contacts for ever, about the share that was asked for, and others for another salt."""

from math import sqrt
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns_svc.holdouts.rules import BUCKETS, Share, bucket_of, decide_arm
from campaigns_svc.sends.rules import Standing, decide_allowance, decide_skip

CONTACTS = [UUID(int=number * 7919 + 1) for number in range(20_000)]
SALTS = st.text(alphabet="0123456789abcdef", min_size=8, max_size=32)


@settings(max_examples=20)
@given(salt=SALTS, share=st.integers(1, 9_000))
def test_the_share_that_is_held_out_is_the_share_that_was_asked_for(salt: str, share: int) -> None:
    """Law: of n contacts about n × share are held out, within five standard deviations of a binomial draw."""
    held = sum(Share(salt, share).holds(contact_id) for contact_id in CONTACTS)
    expected = len(CONTACTS) * share / BUCKETS
    assert abs(held - expected) <= 5 * sqrt(expected * (1 - share / BUCKETS))


@given(salt=SALTS, contact=st.uuids(), small=st.integers(0, 5_000), more=st.integers(0, 4_000))
def test_a_contact_stays_in_its_arm_and_a_larger_share_only_adds(salt: str, contact: UUID, small: int, more: int) -> None:
    """Law: the arm depends on salt and contact alone, and whoever is in a share is in every larger one of the same salt."""
    assert bucket_of(salt, contact) == bucket_of(salt, contact)
    if Share(salt, small).holds(contact):
        assert Share(salt, small + more).holds(contact)
    arms = {decide_arm(contact, everywhere=[Share(salt, small)], here=[Share("x" + salt, more)]) for _ in range(3)}
    assert len(arms) == 1


def test_two_salts_pick_independently() -> None:
    """Law: of those whom one salt picks another picks its usual share."""
    picked = [contact_id for contact_id in CONTACTS if Share("one", 2_000).holds(contact_id)]
    both = sum(Share("two", 2_000).holds(contact_id) for contact_id in picked)
    assert abs(both - len(picked) / 5) <= 5 * sqrt(len(picked) * 0.16)


def test_who_is_held_out_of_everything_is_not_counted_as_held_out_of_one() -> None:
    everybody, nobody = Share("s", BUCKETS), Share("s", 0)
    contact = CONTACTS[0]
    assert decide_arm(contact, everywhere=[everybody], here=[everybody]) == "global_holdout"
    assert decide_arm(contact, everywhere=[nobody], here=[everybody]) == "holdout"
    assert decide_arm(contact, everywhere=[], here=[nobody]) == "treatment"


FINE = {"is_known": True, "consent_id": UUID(int=1), "address_hash": "a"}


def test_every_reason_not_to_write_has_its_turn() -> None:
    assert decide_skip(Standing(**FINE)) is None
    wrong = {
        "erased": {"is_known": False},
        "no_consent": {"consent_id": None},
        "invalid_address": {"address_hash": None},
        "suppressed": {"is_barred": True},
        "duplicate_address": {"is_repeated": True},
        "capped": {"is_capped": True},
    }
    for reason, fields in wrong.items():
        assert decide_skip(Standing(**FINE | fields)) == reason


@given(limits=st.lists(st.tuples(st.none() | st.integers(1, 1_000), st.integers(0, 2_000)), max_size=4), most=st.integers(0, 500))
def test_no_limit_is_ever_passed(limits: list[tuple[int | None, int]], most: int) -> None:
    """Law: what is allowed now and what went out already stay within every limit, unless it was passed before."""
    room = decide_allowance(limits, most=most)
    assert 0 <= room <= most
    assert all(limit is None or room == 0 or sent + room <= limit for limit, sent in limits)
