"""The normal forms of e-mail addresses, numbers and codes: what is taken, what is refused, and that the form is stable."""

import unicodedata

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contacts_svc.contacts import normal_forms

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
EMAIL_PARTS = st.text(st.characters(codec="utf-8", categories=["Lu", "Ll", "Lt", "Lo", "Mn", "Nd"]), min_size=1, max_size=12)
DIGITS = st.text("0123456789٣３", min_size=3, max_size=12)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ann.Lee@Example.ORG", "ann.lee@example.org"),
        ("  ann@example.org ", "ann@example.org"),
        ("o'neil+crm@sub.example.co.uk", "o'neil+crm@sub.example.co.uk"),
        ("JO\u0308RG@BÜCHER.example", "jörg@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("अनु@उदाहरण.भारत", "अनु@उदाहरण.भारत"),
        ("a@b.xn--p1ai", "a@b.xn--p1ai"),
    ],
)
def test_an_address_is_kept_in_lower_case_and_normal_form_c(written: str, kept: str) -> None:
    assert normal_forms.email_address(written) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "ann@@example.org",
            "a b@example.org",
            "ann@exa mple.org",
            "ann@example.org\x00",
        ),
        *(
            ".ann@example.org",
            "ann.@example.org",
            "a..n@example.org",
            "ann@-example.org",
            "ann@example-.org",
            "ann@.org",
            "ann@example..org",
        ),
        *(
            "ann@example.1",
            "ann@127.0.0.1",
            "ann@example.o",
            "Ann <ann@example.org>",
            "ann@example.org,bo@example.org",
            "a\u200bn@example.org",
        ),
        *("ann@exam_ple.org", "ann@example.org\nbcc:x@example.org", f"{'a' * 65}@example.org", f"ann@{'a' * 64}.org"),
        f"ann@{'.'.join(['a' * 60] * 4)}.example",
    ],
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    assert normal_forms.email_address(wrong) is None


@given(EMAIL_PARTS, EMAIL_PARTS, st.sampled_from(["org", "DE", "Bücher", "xn--p1ai", "भारत"]))
def test_an_address_in_its_normal_form_stays_as_it_is(local: str, host: str, top: str) -> None:
    """Law: f(f(x)) = f(x); f(x) is in normal form C, has no capital of one-to-one case, and is at most 254 bytes long."""
    found = normal_forms.email_address(f"{local}@{host}.{top}")
    assume(found is not None)
    assert found is not None
    assert normal_forms.email_address(found) == found
    assert (unicodedata.normalize("NFC", found), found.lower()) == (found, found)
    assert len(found.encode()) <= 254


@given(st.sampled_from(REGIONS), st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
def test_a_number_has_one_form_however_it_is_written(region: str, kind: int) -> None:
    """Law: the national way (with its country), the international way and E.164 of a number give the same E.164."""
    number = phonenumbers.example_number_for_type(region, kind)
    assume(number is not None)
    assert number is not None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for style in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
        assert normal_forms.phone_number(phonenumbers.format_number(number, style), region) == e164
    assert normal_forms.phone_number(e164, None) == e164


@given(
    st.sampled_from(["", "+", "00", "+49 ", "+1-", "(0", "+39 0"]),
    DIGITS,
    st.sampled_from(["", " ext. 7", "-11", " 1 2"]),
    st.sampled_from(REGIONS),
)
def test_a_number_in_its_normal_form_stays_as_it_is(start: str, digits: str, end: str, region: str) -> None:
    """Law: f(f(x)) = f(x), without a country too."""
    found = normal_forms.phone_number(start + digits + end, region)
    assume(found is not None)
    assert found is not None
    assert normal_forms.phone_number(found, None) == found
    assert normal_forms.phone_number(found, region) == found


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("0171 1234567", "DE", "+491711234567"),
        ("+49 (0)171 1234567", None, "+491711234567"),
        ("0049 171 1234567", "DE", "+491711234567"),
        ("011 49 171 1234567", "US", "+491711234567"),
        ("(650) 253-0000 ext. 12", "US", "+16502530000"),
        ("06 698 12345", "IT", "+390669812345"),
        ("0171 1234567", None, None),
        ("110", "DE", None),
        ("+1", None, None),
        ("call me", "DE", None),
        ("+999 123456789", None, None),
        ("+49 171 1234567890123", None, None),
    ],
)
def test_a_number_is_read_as_people_write_it(written: str, country: str | None, kept: str | None) -> None:
    assert normal_forms.phone_number(written, country) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("DE", "de"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("de-1996", "de-1996"),
        ("d", None),
        ("de_DE", None),
        ("german", None),
    ],
)
def test_a_language_is_kept_in_its_customary_case(written: str, kept: str | None) -> None:
    assert normal_forms.language_tag(written) == kept
    assert kept is None or normal_forms.language_tag(kept) == kept


def test_codes_are_those_of_the_standards() -> None:
    assert [normal_forms.country_code(code) for code in ("de", "GB", "UK", "ZZ", "D")] == ["DE", "GB", None, None, None]
    assert [normal_forms.currency_code(code) for code in ("eur", "KWD", "ZZZ")] == ["EUR", "KWD", None]
    assert [normal_forms.time_zone(name) for name in ("Europe/Berlin", "UTC", "europe/berlin", "Mars/Base", "../x")] == [
        "Europe/Berlin",
        "UTC",
        None,
        None,
        None,
    ]


def test_a_website_is_one_of_http_only() -> None:
    assert normal_forms.website("https://example.org/a?b=c") == "https://example.org/a?b=c"
    for wrong in ("javascript:alert(1)", "ftp://example.org", "https://localhost", "https://ann@example.org", "https://example.org/a b"):
        assert normal_forms.website(wrong) is None
