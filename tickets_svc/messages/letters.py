"""Letters: a mail as it came in, read; a reply as it goes out, composed. Neither knows a database."""

import hmac
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from uuid import UUID

from services.contracts import nfc
from services.errors import NotFound, Refusal, invalid_field
from services.links import SignedLinks

MOST_BYTES = 5_000_000
MOST_TEXT = 100_000
MOST_REFERENCES = 50
BULK = frozenset({"bulk", "list", "junk", "auto_reply"})


@dataclass(frozen=True)
class Letter:
    """A mail as it came in: what of it is looked at."""

    mail_id: str | None
    sender: str
    subject: str
    text: str
    html: str | None
    references: tuple[str, ...]
    recipients: tuple[str, ...]
    auto_reply: bool


def read_letter(raw: bytes) -> Letter:
    """A raw RFC 5322 message. Raises Invalid for what is none: without a sender, or too large."""
    if len(raw) > MOST_BYTES:
        raise invalid_field("", "too_large", f"A mail has at most {MOST_BYTES:,} bytes")
    message = message_from_bytes(raw, policy=policy.compat32)
    sender = parseaddr(_header(message, "From"))[1].lower()
    if "@" not in sender:
        raise invalid_field("", "not_a_mail", "A mail names its sender")
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    recipients = [
        address for _, address in getaddresses([_header(message, name) for name in ("To", "Cc", "Delivered-To", "X-Original-To")])
    ]
    submitted = _header(message, "Auto-Submitted").strip().lower() or "no"
    return Letter(
        mail_id=_header(message, "Message-ID").strip()[:998] or None,
        sender=sender[:320],
        subject=nfc(" ".join(_header(message, "Subject").split()))[:200],
        text=_part(parsed, "plain") or "",
        html=_part(parsed, "html"),
        references=tuple(f"{_header(message, 'In-Reply-To')} {_header(message, 'References')}".split()[:MOST_REFERENCES]),
        recipients=tuple(recipients),
        auto_reply=submitted != "no" or _header(message, "Precedence").strip().lower() in BULK,
    )


def compose(
    *, mailbox: str, recipient: str, subject: str, text: str, html: str | None, mail_id: str, reply_address: str, in_reply_to: str | None
) -> EmailMessage:
    """A reply. Its id and its reply address are what an answer to it is threaded by."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(addr_spec=mailbox)
    message["To"] = Address(addr_spec=recipient)
    message["Reply-To"] = Address(addr_spec=reply_address)
    message["Subject"] = " ".join(subject.split())
    message["Message-ID"] = mail_id
    if in_reply_to is not None:
        message["In-Reply-To"] = message["References"] = in_reply_to
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def mail_id_of(message_id: UUID, mailbox: str) -> str:
    """The Message-ID of a reply of ours."""
    return f"<{message_id}@{mailbox.partition('@')[2]}>"


def reply_address(secret: str, mailbox_id: UUID, mailbox: str, number: int) -> str:
    """The address to which a reply comes back: the mailbox with the signed number of the ticket."""
    local, _, domain = mailbox.partition("@")
    return f"{local}+{_signer(secret, mailbox_id).sign({'n': number})}@{domain}"


def number_of(secret: str, mailbox_id: UUID, recipients: tuple[str, ...]) -> int | None:
    """The number of the ticket that a reply address names, if one of the recipients is such an address of ours."""
    for recipient in recipients:
        token = recipient.partition("@")[0].partition("+")[2]
        if token:
            try:
                return int(_signer(secret, mailbox_id).read(token)["n"])
            except (NotFound, Refusal, KeyError, TypeError, ValueError):
                continue
    return None


def hash_of(secret: str, tenant_id: UUID, address: str) -> str:
    """The keyed hash by which an address is known again without being kept."""
    return hmac.digest(secret.encode(), f"{tenant_id}:{address.lower()}".encode(), "sha256").hex()


def _signer(secret: str, mailbox_id: UUID) -> SignedLinks:
    return SignedLinks(secret, f"reply:{mailbox_id}")


def _header(message: object, name: str) -> str:
    value = message.get(name, "")  # type: ignore[attr-defined]
    return str(value).replace("\x00", "")


def _part(message: EmailMessage, subtype: str) -> str | None:
    """The text of the first part of a kind, read as well as its own words allow."""
    part = message.get_body(preferencelist=(subtype,))
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        text = raw.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        text = raw.decode("utf-8", "replace")
    return str(nfc(text.replace("\x00", "")))[:MOST_TEXT]
