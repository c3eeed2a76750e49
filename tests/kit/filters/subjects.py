"""A table with a column of every kind, records to fill it, and filters over it, rich in what tells SQL and Python apart."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.filters import Bindings, Field, FilterFields

TABLE: Final = sa.Table(
    "subject",
    sa.MetaData(),
    sa.Column("row_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("code", sa.String(200)),
    sa.Column("status", sa.Text),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("small", sa.SmallInteger),
    sa.Column("rate", sa.Numeric),
    sa.Column("active", sa.Boolean),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("close_on", sa.Date),
    sa.Column("owner_id", sa.Uuid),
    sa.Column("tags", JSONB(none_as_null=True)),
    sa.Column("labels", ARRAY(sa.Text)),
    sa.Column("words", ARRAY(sa.String(200))),
    sa.Column("custom", JSONB(none_as_null=True)),
)
_KINDS: Final[dict[str, Any]] = {
    "name": "text",
    "code": "text",
    "status": "choice",
    "amount_minor": "number",
    "small": "number",
    "rate": "number",
    "active": "boolean",
    "created_at": "instant",
    "close_on": "date",
    "owner_id": "id",
    "tags": "tags",
    "labels": "tags",
    "words": "tags",
    "custom": "custom",
}
FIELDS: Final[FilterFields] = {name: Field(kind, TABLE.c[name]) for name, kind in _KINDS.items()}
KEYS: Final = ("tier", "Key_2")

ME: Final = UUID("01890000-0000-7000-8000-000000000001")
NOW: Final = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=13)))
BINDINGS: Final = Bindings(me=ME, now=NOW)

TEXTS: Final = (
    *("", " ", "a", "A", "b", "ab", "Ab", "aB", "abc", "gold", "Gold", "GOLD", "open", "won", "null", "true", "5", "-1", "me"),
    *(
        "%",
        "_",
        "a%",
        "a_b",
        "\\",
        "\\%",
        "a\\b",
        "/",
        "/%",
        "*",
        "'",
        '"',
        "'; DROP TABLE subject; --",
        "$1",
        ":name",
        "{}",
        "[]",
        "\n",
        "\t",
    ),
    *("é", "e\u0301", "E\u0301", "É", "å", "A\u030a", "\u212b", "ｆ", "ß", "SS", "ss", "ẞ", "İ", "i", "I", "i\u0307", "ı", "Σ", "σ", "ς"),
    *("ΟΔΟΣ", "οδος", "οδοσ", "ǅ", "ǆ", "ŉ", "ﬁ", "K", "k", "\uffff", "\U0001f600", "\U00010400", "\U00010428", "가", "\u1100\u1161"),
    *("\u00a0", "\u200b", "\ue000", "\U0010fffd", "İstanbul", "ISTANBUL", "straße", "STRASSE", "\u0301", "\x7f", "\x01", "z" * 90),
)
NUMBERS: Final = (0, 1, -1, 5, -5, 7, 10, 255, 32767, -32768, 500000, 2**31 - 1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
WIDE: Final = (2**63, -(2**63) - 1, 10**30, -(10**400), 10**400)
DECIMALS: Final = tuple(
    Decimal(each) for each in ("0.5", "-0.5", "0.1", "1.50", "-7.25", "9223372036854775807.5", "0.3", "1e-20", "32767.5")
)
FLOATS: Final = (0.1, 0.5, 1.0, -7.25, 0.3, 0.1 + 0.2, 1e-20, 1e20, 1e300, -0.0)
INSTANTS: Final = tuple(
    datetime.fromisoformat(each)
    for each in (
        "2026-03-01T00:30:00+13:00",
        "2026-02-28T11:30:00+00:00",
        "2026-02-28T11:29:59.999999+00:00",
        "2026-02-27T11:30:00+00:00",
        "2026-02-21T11:30:00+00:00",
        "2026-03-07T11:30:00+00:00",
        "1970-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.5+00:00",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59.999999+00:00",
        "2024-02-29T12:00:00-05:30",
    )
)
DATES: Final = tuple(
    date.fromisoformat(each)
    for each in ("2026-03-01", "2026-02-28", "2026-02-22", "2026-03-08", "1970-01-01", "0001-01-01", "9999-12-31", "2024-02-29")
)
IDS: Final = (ME, UUID(int=0), UUID(int=2**128 - 1), UUID("01890000-0000-7000-8000-00000000000f"))
DAYS: Final = (0, 1, 7, -7, 36_500, -36_500)

_CUSTOM_VALUES: Final[tuple[Any, ...]] = (
    *TEXTS,
    *NUMBERS,
    10**30,
    *FLOATS,
    True,
    False,
    None,
    [],
    ["gold", "é"],
    ["e\u0301", 5],
    [["gold"]],
    {},
    {"tier": "gold"},
    {"gold": 1},
)
_NESTED: Final = {"tier": {"tier": "gold"}, "Key_2": [{"Key_2": 5}, "a"]}


def make_records(seed: int, *, count: int) -> list[dict[str, Any]]:
    """Records by column name, `row_id` from 1; text may be in any normal form, as callers of the predicate may hold it."""
    random = Random(seed)

    def some(values: tuple[Any, ...]) -> Any:
        return None if random.random() < 0.15 else random.choice(values)

    def members() -> list[str] | None:
        return None if random.random() < 0.15 else random.choices(TEXTS, k=random.randrange(4))

    def custom() -> dict[str, Any] | None:
        if random.random() < 0.1:
            return random.choice([None, {}, _NESTED])
        return {key: random.choice(_CUSTOM_VALUES) for key in KEYS if random.random() < 0.8}

    return [
        {
            "row_id": number,
            "name": some((*TEXTS, "".join(random.choices(TEXTS, k=3)))),
            "code": some(TEXTS),
            "status": some(("open", "won", "lost", "é")),
            "amount_minor": some(NUMBERS),
            "small": some(tuple(each for each in NUMBERS if -(2**15) <= each < 2**15)),
            "rate": some((*NUMBERS, *DECIMALS)),
            "active": some((True, False)),
            "created_at": some(INSTANTS),
            "close_on": some(DATES),
            "owner_id": some(IDS),
            "tags": members(),
            "labels": members(),
            "words": members(),
            "custom": custom(),
        }
        for number in range(1, count + 1)
    ]


def as_stored(value: Any) -> Any:
    """What the API writes for a value: all text in it in normal form C."""
    match value:
        case str():
            return normalize("NFC", value)
        case list():
            return [as_stored(each) for each in value]
        case dict():
            return {key: as_stored(each) for key, each in value.items()}
    return value


def quoted(text: str) -> str:
    """A text as a filter writes it."""
    return json.dumps(text, ensure_ascii=len(text) % 2 == 0)


_TEXT: Final = tuple(quoted(each) for each in TEXTS)
_NUMBER: Final = tuple(f"{each:f}" if isinstance(each, Decimal) else str(each) for each in (*NUMBERS, *WIDE, *DECIMALS))
_BOOLEAN: Final = ("true", "false")
_WHEN: Final = ("now", *(f"days_ago({each})" for each in DAYS))
_INSTANT: Final = (*_WHEN, *(quoted(each.astimezone(UTC).isoformat()) for each in INSTANTS), '"2026-02-28T12:30:00.000+01:00"')
_DATE: Final = (*_WHEN, *(quoted(each.isoformat()) for each in DATES))
_ID: Final = ("me", *(quoted(str(each)) for each in IDS), quoted(str(IDS[3]).upper()))
_ORDER: Final = ("=", "!=", "<", "<=", ">", ">=")
_CUSTOM: Final = tuple(f"custom.{key}" for key in KEYS)

_COMPARISONS: Final = [
    (("name", "code", *_CUSTOM), (*_ORDER, ":"), _TEXT),
    (("status",), ("=", "!="), _TEXT),
    (("amount_minor", "small", "rate", *_CUSTOM), _ORDER, _NUMBER),
    (("active", *_CUSTOM), ("=", "!="), _BOOLEAN),
    (("created_at",), _ORDER, _INSTANT),
    (("close_on",), _ORDER, _DATE),
    (("owner_id",), ("=", "!="), _ID),
    (("tags", "labels", "words"), (":",), _TEXT),
    ((*(name for name in FIELDS if name != "custom"), *_CUSTOM, "custom.absent"), ("=", "!="), ("null",)),
    (("custom.absent",), (*_ORDER, ":"), ('"gold"',)),
]


def all_comparisons() -> list[str]:
    """Every field with every operator and every value that goes with it."""
    return [" ".join(parts) for group in _COMPARISONS for parts in product(*group)]


def _comparison() -> st.SearchStrategy[str]:
    single = [st.tuples(*map(st.sampled_from, group)) for group in _COMPARISONS]
    free = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3).map(quoted)
    on_free = st.tuples(st.sampled_from(("name", "custom.tier")), st.sampled_from((*_ORDER, ":")), free)
    return st.one_of(*single, on_free).map(" ".join)


def _several(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(st.sampled_from((" AND ", " OR ")), st.lists(parts.map(lambda part: f"({part})"), min_size=2, max_size=3))
    return joined.map(lambda pair: pair[0].join(pair[1]))


def _negated(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return parts.map(lambda part: f"NOT ({part})")


def _filters() -> st.SearchStrategy[str]:
    """Filters of every shape within the limits: the last level would be too deep if it were negated."""
    plain = _comparison()
    inner = plain | _negated(plain) | _several(plain)
    outer = inner | _negated(inner) | _several(inner)
    return (outer | _several(outer)).filter(lambda text: len(text.encode()) <= 2048)


FILTERS: Final = _filters()
