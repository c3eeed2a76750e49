"""What the filter language is, what it refuses and where it points when it does."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.filters import Bindings, FilterError, compile_predicate, compile_sql, parse_filter
from services.filters.tree import AllOf, AnyOf, Comparison, DaysAgo, Me, Negation, Now, Operator, Written
from tests.kit.filters.subjects import BINDINGS, FIELDS

GUIDE = Path(__file__).parents[3] / "docs" / "filter-language.md"


def compared(field: str, operator: Operator, value: Written) -> Comparison:
    return Comparison(field, operator, value, field_at=0, operator_at=0, value_at=0)


A, B, C = (compared(field, "=", 1) for field in "abc")


@pytest.mark.parametrize("text", ["", " ", "\t\r\n"])
def test_an_empty_filter_lets_everything_through(text: str) -> None:
    assert parse_filter(text) is None
    assert compile_predicate(None, FIELDS, BINDINGS)({})
    assert str(compile_sql(None, FIELDS, BINDINGS)) == "true"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1", A),
        ("a=1", A),
        (" ((\na = 1))\t", A),
        ("NOT a = 1", Negation(A)),
        ("NOT NOT a = 1", Negation(Negation(A))),
        ("a=1 AND b=1 AND c=1", AllOf((A, B, C))),
        ("a=1AND b=1", AllOf((A, B))),
        ("a=1 OR b=1 OR c=1", AnyOf((A, B, C))),
        ("a=1 AND (b=1 OR c=1)", AllOf((A, AnyOf((B, C))))),
        ("(a=1 AND b=1) OR c=1", AnyOf((AllOf((A, B)), C))),
        ("NOT a=1 AND b=1", AllOf((Negation(A), B))),
        ("NOT (a=1 AND b=1)", Negation(AllOf((A, B)))),
        ("NOTE = 1", compared("NOTE", "=", 1)),
        ("NOT.a = 1", compared("NOT.a", "=", 1)),
        ("AND = 1 AND OR = 1", AllOf((compared("AND", "=", 1), compared("OR", "=", 1)))),
        ("custom.tier.x_1 : 5", compared("custom.tier.x_1", ":", 5)),
        ("_a1 = 1", compared("_a1", "=", 1)),
    ],
)
def test_a_text_has_this_tree(text: str, tree: object) -> None:
    assert parse_filter(text) == tree


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">=", ":"])
def test_every_operator_is_read_with_and_without_spaces(operator: Operator) -> None:
    assert parse_filter(f"a {operator} 1") == parse_filter(f"a{operator}1") == compared("a", operator, 1)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", 0),
        ("-5", -5),
        ("007", 7),
        ("1.0", 1),
        ("-0.50", Decimal("-0.5")),
        ("9" * 1000 + ".5", Decimal("9" * 1000 + ".5")),
        ("true", True),
        ("false", False),
        ("null", None),
        ("me", Me()),
        ("now", Now()),
        ("days_ago(7)", DaysAgo(7)),
        ("days_ago ( -36500 )", DaysAgo(-36500)),
        ('""', ""),
        ('"null"', "null"),
        ('"a AND (b"', "a AND (b"),
        ('"\\" \\\\ \\/ \\n \\t \\u0041"', '" \\ / \n \t A'),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"two\nlines"', "two\nlines"),
        ('"e\u0301"', "\u00e9"),
        ('"e\\u0301"', "\u00e9"),
    ],
)
def test_a_value_is_read_as_what_it_says(written: str, value: Written) -> None:
    tree = parse_filter(f"a = {written}")
    assert isinstance(tree, Comparison)
    assert (type(tree.value), tree.value) == (type(value), value)


def test_a_comparison_knows_its_columns() -> None:
    tree = parse_filter('  name  !=  "x"')
    assert isinstance(tree, Comparison)
    assert (tree.field_at, tree.operator_at, tree.value_at) == (2, 8, 12)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a", 1, "the filter ends too early: expected one of = != < <= > >= :"),
        ("a =", 3, "the filter ends too early: expected a value"),
        ("a = 1 AND ", 10, "the filter ends too early: expected a field or NOT or ("),
        ("(a = 1", 6, "the filter ends too early: expected )"),
        ("a = 1)", 5, "unexpected ')': expected the end"),
        ("a = 1 b = 2", 6, "unexpected 'b': expected AND or OR or the end"),
        ("a == 1", 3, "unexpected '=': expected a value"),
        ("a = 1e5", 5, "unexpected 'e5': expected AND or OR or the end"),
        ("1 = a", 0, "unexpected '1': expected a field or NOT or ("),
        ("a = ()", 4, "unexpected '(': expected a value"),
        ('a = "x""y"', 7, "unexpected '\"y\"': expected AND or OR or the end"),
        ("a = 1 AND b = 2 OR c = 3", 16, "AND and OR on one level need parentheses"),
        ("a = 1 OR b = 2 AND c = 3", 15, "AND and OR on one level need parentheses"),
        ("a = 1 AND (b = 2 OR c = 3 AND d = 4)", 26, "AND and OR on one level need parentheses"),
        ("a = 1 and b = 2", 6, "write AND in capitals"),
        ("a = 1 Or b = 2", 6, "write OR in capitals"),
        ("a = open", 4, "'open' is no value: text stands in double quotes"),
        ("a = NULL", 4, "'NULL' is no value: text stands in double quotes"),
        ("a = 'x'", 4, "text stands in double quotes"),
        ('a = "x', 4, "the text that starts here has no closing quote"),
        ('a = "x\\"', 4, "the text that starts here has no closing quote"),
        ('a = "x\\q"', 6, 'an escape in text is one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000'),
        ('a = "\\u12"', 5, 'an escape in text is one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000'),
        ("a = 1; b", 5, "unexpected character ';'"),
        ("é = 1", 0, "unexpected character 'é'"),
        ("a = \u0663", 4, "unexpected character '\u0663'"),
        ("a =\u00a01", 3, "unexpected character '\u00a0'"),
        ("a..b = 1", 1, "unexpected character '.'"),
        ("a = --1", 4, "unexpected character '-'"),
        ("a = months_ago(1)", 4, "there is no function 'months_ago', only days_ago(n)"),
        ("a = days_ago(1.5)", 13, "days_ago takes a whole number of days, at most 36500 either way"),
        ("a = days_ago(36501)", 13, "days_ago takes a whole number of days, at most 36500 either way"),
        (f"a = days_ago(-{'9' * 500})", 13, "days_ago takes a whole number of days, at most 36500 either way"),
        ('a = "x\x00"', 6, "text cannot hold NUL characters and lone surrogates"),
        ('b = "\ud800"', 5, "text cannot hold NUL characters and lone surrogates"),
        ('a = "x\\u0000"', 4, "text cannot hold NUL characters and lone surrogates"),
        ('a = "x\\udfff"', 4, "text cannot hold NUL characters and lone surrogates"),
        ("\x00", 0, "text cannot hold NUL characters and lone surrogates"),
    ],
)
def test_what_is_not_in_the_language_is_refused_at_its_column(text: str, position: int, message: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text)
    assert (refused.value.position, refused.value.message) == (position, message)
    assert str(refused.value) == f"{message} (at character {position})"


ID = '"01890000-0000-7000-8000-000000000001"'


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("active = true AND nme = 1", 18, "there is no field 'nme' here"),
        ("name.first = 1", 0, "there is no field 'name.first' here"),
        ("custom = 1", 0, "a custom field is named 'custom.key'"),
        ("custom.a.b = 1", 0, "a custom field is named 'custom.key'"),
        ("name = 5", 7, "'name' compares with text in double quotes"),
        ('amount_minor = "5"', 15, "'amount_minor' compares with a number"),
        ("amount_minor = true", 15, "'amount_minor' compares with a number"),
        ("amount_minor : 5", 13, "':' does not go with amount_minor: use = != < <= > >="),
        ("active = 1", 9, "'active' compares with true or false"),
        ("active < true", 7, "'<' does not go with active: use = !="),
        ("status = now", 9, "'status' compares with a word in double quotes"),
        ('status < "open"', 7, "'<' does not go with status: use = !="),
        ('tags = "vip"', 5, "'=' does not go with tags: use :"),
        ("tags : 5", 7, "'tags' compares with a tag in double quotes"),
        ("owner_id = now", 11, "'owner_id' compares with an id in double quotes, or me"),
        ('owner_id = "x"', 11, "'owner_id' compares with an id in double quotes, or me"),
        (f"owner_id = {ID.replace('-', '')}", 11, "'owner_id' compares with an id in double quotes, or me"),
        (f"owner_id < {ID}", 9, "'<' does not go with owner_id: use = !="),
        ("name < null", 5, "'<' does not go with null: use = !="),
        ("tags : null", 5, "':' does not go with null: use = !="),
        ("custom.tier > null", 12, "'>' does not go with null: use = !="),
        ("custom.tier < true", 12, "'<' does not go with true or false: use = !="),
        ("custom.tier : 5", 12, "':' does not go with a number: use = != < <= > >="),
        ("custom.tier = me", 14, "'custom.tier' compares with text in double quotes, a number, true or false"),
        ("custom.tier < now", 14, "'custom.tier' compares with text in double quotes, a number, true or false"),
        ("close_on < me", 11, "'close_on' compares with a date such as \"2026-01-31\", now or days_ago(n)"),
        *(
            (f'close_on < "{date}"', 11, "'close_on' compares with a date such as \"2026-01-31\", now or days_ago(n)")
            for date in ("", "2026-02-30", "20260131", "2026-W01-1", "2026-01-31T00:00:00Z", "2026-01-31\\n", "0000-01-01", "٢٠٢٦-01-31")
        ),
        *(
            (f'created_at < "{at}"', 13, "'created_at' compares with an instant such as \"2026-01-31T09:30:00Z\", now or days_ago(n)")
            for at in (
                *("", "2026-01-31", "2026-01-31T09:30:00", "2026-01-31T09:30Z", "2026-01-31 09:30:00Z", "2026-01-31T24:30:00Z"),
                *("2026-01-31T09:30:60Z", "2026-01-31T09:30:00.1234567Z", "2026-02-30T09:30:00Z", "2026-01-31T09:30:00+24:00"),
                *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-31T09:30:00Z\\n"),
            )
        ),
    ],
)
def test_a_comparison_that_does_not_fit_its_field_is_refused_by_both_compilers(text: str, position: int, message: str) -> None:
    tree = parse_filter(text)
    for compiler in (compile_sql, compile_predicate):
        with pytest.raises(FilterError) as refused:
            compiler(tree, FIELDS, BINDINGS)
        assert (refused.value.position, refused.value.message) == (position, message)


def test_me_is_an_error_where_nobody_asks() -> None:
    nobody = Bindings(me=None, now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(FilterError, match="nobody is asking, so there is no me") as refused:
        compile_predicate(parse_filter("owner_id = me"), FIELDS, nobody)
    assert refused.value.position == 11


def test_a_binding_of_now_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        Bindings(me=UUID(int=1), now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_filter_may_have_2048_bytes_and_no_more() -> None:
    room = 2048 - len('a = ""')
    assert parse_filter(f'a = "{"x" * room}"') == compared("a", "=", "x" * room)
    assert parse_filter(f'a = "{"é" * (room // 2)}"') == compared("a", "=", "é" * (room // 2))
    for text, position in ((f'a = "{"x" * room}x"', 2048), (f'a = "{"é" * (room // 2)}é"', 1026), ("x" * 10**6, 2048)):
        with pytest.raises(FilterError, match="at most 2048 bytes") as refused:
            parse_filter(text)
        assert refused.value.position == position


def test_a_filter_may_have_50_comparisons_and_no_more() -> None:
    assert parse_filter(" AND ".join(["a = 1"] * 50)) == AllOf((A,) * 50)
    with pytest.raises(FilterError, match="at most 50 comparisons") as refused:
        parse_filter(" AND ".join(["a = 1"] * 51))
    assert refused.value.position == 50 * len("a = 1 AND ")


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("NOT ", ""), ("NOT (b = 1 OR ", ")")])
def test_a_comparison_may_lie_5_deep_and_no_more(opening: str, closing: str) -> None:
    cost = opening.count("(") + opening.count("NOT")
    fitting = 5 // cost
    assert parse_filter(opening * fitting + "a = 1" + closing * fitting) is not None
    for depth in (fitting + 1, min(400, 2000 // len(opening + closing))):
        with pytest.raises(FilterError, match="more than 5 parentheses and NOTs lie one inside another"):
            parse_filter(opening * depth + "a = 1" + closing * depth)


def test_a_filter_that_is_too_deep_is_refused_where_the_outermost_of_six_begins() -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter("b = 1 AND ((((((a = 1))))))")
    assert refused.value.position == 10


@given(text=st.text(st.sampled_from("ab(\"\\)=<>!:.,-019 '\n\x00\ud800éNOTANDR_")) | st.text())
def test_any_text_is_a_filter_or_an_error_inside_it(text: str) -> None:
    """Law: parsing raises nothing but FilterError, and its position lies in the text or at its end."""
    position = 0
    try:
        parse_filter(text)
    except FilterError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_a_filter_is_parsed_once() -> None:
    assert parse_filter('name = "parsed once"') is parse_filter('name = "parsed once"')


def test_every_example_of_the_guide_is_a_filter() -> None:
    block = GUIDE.read_text(encoding="utf-8").split("```")[1]
    examples = block.strip().splitlines()
    assert len(examples) == 6
    for example in examples:
        assert parse_filter(example) is not None
