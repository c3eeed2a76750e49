"""Mails for Schemathesis, which knows no message/rfc822 of its own: whole ones, with odd headers, and what is no mail at all."""

from email.message import EmailMessage
from email.policy import SMTP

import schemathesis
from hypothesis import strategies as st

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)
ADDRESSES = st.emails() | st.sampled_from(["", "nobody", "<@>", "a@b.c, d@e.f", "help+forged@desk.example"])
IDS = st.sampled_from(["", "<", "<>", "<1@home>", "<1@home> <2@home>", "<0190a0a0-0000-7000-8000-000000000001@desk.example>"])


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A mail as a server hands it over; its headers may be as broken as they like."""
    headers = {"From": ADDRESSES, "To": ADDRESSES, "Subject": WORDS, "Message-ID": IDS, "In-Reply-To": IDS, "References": IDS}
    lines = [f"{name}: {draw(values)}" for name, values in headers.items() if draw(st.booleans())]
    message = EmailMessage(policy=SMTP)
    message.set_content(draw(WORDS))
    if draw(st.booleans()):
        message.add_alternative(draw(WORDS), subtype="html")
    return "\r\n".join([*lines, ""]).encode() + message.as_bytes()


schemathesis.openapi.media_type("message/rfc822", mails() | st.binary(max_size=200))
