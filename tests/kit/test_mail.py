"""E-mail out: a message arrives as it was written, and what did not arrive says whether it ever can."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from services.mail import Mailer, MailRefused, MailUnavailable, MailUncertain, send_mail
from tests.mail_sink import MailSink, mail_sink


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with mail_sink() as sink:
        yield sink


def letter(subject: str = "Grüße aus Nürnberg") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Shop <shop@example.com>"
    message["To"] = "asha@example.com"
    message.set_content("Plain: ä\n.\nlast")
    message.add_alternative("<p>HTML: ä</p>", subtype="html")
    return message


async def test_a_message_arrives_as_it_was_written(sink: MailSink) -> None:
    await send_mail(sink.url, letter(), sender="bounce@example.com", recipient="asha@example.com")
    (mail,) = sink.mails
    assert (mail.sender, mail.recipient) == ("bounce@example.com", "asha@example.com")
    assert mail.message["Subject"] == "Grüße aus Nürnberg"
    plain, html = mail.message.get_body(("plain",)), mail.message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["Plain: ä", ".", "last"]
    assert html.get_content().splitlines() == ["<p>HTML: ä</p>"]
    assert mail.raw.isascii()


async def test_one_connection_carries_many_messages_also_after_a_refusal(sink: MailSink) -> None:
    sink.answers["gone@example.com"] = "550 5.1.1 nobody here"
    mailer = Mailer(sink.url)
    await mailer.send(letter("1"), sender="a@example.com", recipient="b@example.com")
    with pytest.raises(MailRefused) as refused:
        await mailer.send(letter("2"), sender="a@example.com", recipient="gone@example.com")
    await mailer.send(letter("3"), sender="a@example.com", recipient="b@example.com")
    await mailer.close()
    assert refused.value.code == 550
    assert [mail.message["Subject"] for mail in sink.mails] == ["1", "3"]


async def test_a_server_that_is_busy_may_take_it_later(sink: MailSink) -> None:
    sink.answers["b@example.com"] = "451 try again"
    with pytest.raises(MailUnavailable) as busy:
        await send_mail(sink.url, letter(), sender="a@example.com", recipient="b@example.com")
    assert not isinstance(busy.value, MailUncertain)
    del sink.answers["b@example.com"]
    await send_mail(sink.url, letter(), sender="a@example.com", recipient="b@example.com")
    assert len(sink.mails) == 1


async def test_a_server_that_is_away_may_take_it_later() -> None:
    async with mail_sink() as sink:
        url = sink.url
    with pytest.raises(MailUnavailable) as away:
        await send_mail(url, letter(), sender="a@example.com", recipient="b@example.com")
    assert not isinstance(away.value, MailUncertain)


async def test_nobody_knows_what_became_of_a_message_whose_acceptance_was_cut_off(sink: MailSink) -> None:
    sink.breaking.add("b@example.com")
    with pytest.raises(MailUncertain):
        await send_mail(sink.url, letter(), sender="a@example.com", recipient="b@example.com")
    assert len(sink.mails) == 1


async def test_an_address_that_smtp_cannot_say_is_refused(sink: MailSink) -> None:
    with pytest.raises(MailRefused):
        await send_mail(sink.url, letter(), sender="a@example.com", recipient="jürgen@example.com")
    assert sink.mails == []


async def test_another_kind_of_url_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="smtp_url"):
        Mailer("http://example.com")
