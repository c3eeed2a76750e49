"""Ids, the clock and the JSON of both."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto

from services.clock import utc_now
from services.encoding import encode
from services.identifiers import new_id


def test_ids_made_later_sort_later_as_uuids_and_as_text() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert [str(id_) for id_ in ids] == sorted(str(id_) for id_ in ids)


def test_an_id_is_a_version_seven_uuid_of_its_moment() -> None:
    made = new_id()
    assert (type(made), made.version, made.variant) == (UUID, 7, "specified in RFC 4122")
    assert abs((made.int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 5


def test_the_clock_gives_instants_in_utc_that_do_not_go_back() -> None:
    instants = [utc_now() for _ in range(100)]
    assert instants == sorted(instants)
    assert {instant.utcoffset() for instant in instants} == {timedelta(0)}


def test_instants_are_written_in_utc_with_a_z_and_ids_whatever_their_class() -> None:
    at = datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC)
    assert encode(at) == b'"2026-03-02T09:00:00.000005Z"'
    assert datetime.fromisoformat(encode(at.astimezone(timezone(timedelta(hours=5)))).decode().strip('"')) == at
    assert encode([UUID(int=1), pgproto.UUID(bytes(15) + b"\1"), date(2026, 3, 2)]) == (
        b'["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000001","2026-03-02"]'
    )


def test_what_has_no_json_is_refused() -> None:
    for value in (object(), float, {1, 2}, {1: 2}):
        with pytest.raises(TypeError):
            encode([value])
