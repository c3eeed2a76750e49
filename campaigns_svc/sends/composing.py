"""From a template and a contact to the mail itself: rendered, with links that are followed through us, and a way out of it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from uuid import UUID

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.senders.models import Sender
from campaigns_svc.templates.models import Template
from campaigns_svc.templates.rendering import Words, parse_words
from services.clock import Clock
from services.contact_resolver import ResolvedContact
from services.links import SignedLinks

SEND_ID = "X-Mitra-Send"
WIRE = policy.compat32.clone(linesep="\r\n", max_line_length=None)
"""The older of Python's two ways to write a mail, at a third of the time; nothing that goes into a header holds a line break."""
SAYABLE = re.compile(r"[^\s<>()\[\],;:\"\\@]+@[^\s<>()\[\],;:\"\\@]+")
HREF = re.compile(r"(<a\b[^>]*?\bhref=[\"'])(https?://[^\"'<>]+)([\"'])", re.IGNORECASE)


@dataclass(frozen=True)
class Composer:
    """Writes the mails of one campaign. `door` is where links lead to, `secret` what signs them."""

    tenant_id: UUID
    campaign: Campaign
    template: Template
    sender: Sender
    door: str
    secret: str
    clock: Clock
    _words: Words = field(init=False)
    _links: dict[str, SignedLinks] = field(init=False)

    def __post_init__(self) -> None:
        template = self.template
        object.__setattr__(self, "_words", parse_words(template.subject, template.html, template.text))
        object.__setattr__(self, "_links", {purpose: SignedLinks(self.secret, purpose) for purpose in ("clicks", "opens", "unsubscribe")})

    def compose(self, send_id: UUID, contact: ResolvedContact, *, address: str, address_hash: str) -> bytes:
        """The mail to one contact. Raises MissingVariable, BrokenTemplate, and ValueError for an address that no header can say."""
        if SAYABLE.fullmatch(address) is None:
            raise ValueError("this address would break the header")
        way_out = self._way_out(send_id, contact.id, address_hash)
        known = {name: getattr(contact, name) for name in ("given_name", "family_name", "display_name", "language", "country")}
        words = self._words.render({**self.campaign.variables, "contact": known, "unsubscribe_url": way_out})
        message: MIMEBase = MIMEText(words.text, "plain", "utf-8")
        if words.html is not None:
            page = self._tracked(send_id, contact.id, words.html, way_out=way_out)
            message = MIMEMultipart("alternative", _subparts=[message, MIMEText(page, "html", "utf-8")])
        for name, value in self._headers(send_id, address, words.subject, way_out=way_out):
            message[name] = value
        return message.as_bytes(policy=WIRE)

    def _headers(self, send_id: UUID, address: str, subject: str, *, way_out: str) -> Iterator[tuple[str, str]]:
        yield "From", formataddr((self.sender.from_name, self.sender.from_address))
        yield "To", address
        yield "Subject", subject if subject.isascii() else Header(subject, "utf-8").encode()
        if self.sender.reply_address is not None:
            yield "Reply-To", self.sender.reply_address
        yield "Date", format_datetime(self.clock())
        yield "Message-ID", f"<{send_id}@{self.sender.domain}>"
        yield SEND_ID, str(send_id)
        yield "List-Unsubscribe", f"<{way_out}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"

    def _way_out(self, send_id: UUID, contact_id: UUID, address_hash: str) -> str:
        """The link that unsubscribes: it says all that this takes, so that it works whatever becomes of the send."""
        campaign = self.campaign
        said = {
            "t": self.tenant_id.hex,
            "s": send_id.hex,
            "c": contact_id.hex,
            "g": campaign.id.hex,
            "h": address_hash,
            "p": campaign.purpose,
        }
        return self._link("unsubscribe", said | ({"o": campaign.topic_id.hex} if campaign.topic_id else {}))

    def _tracked(self, send_id: UUID, contact_id: UUID, page: str, *, way_out: str) -> str:
        """The page with every link led through us, and a picture that tells when it is looked at."""
        said = {"t": self.tenant_id.hex, "s": send_id.hex, "c": contact_id.hex}
        numbers = iter(range(1, page.count("<") + 1))

        def follow(found: re.Match[str]) -> str:
            target = html.unescape(found[2])
            if target == way_out:
                return found[0]
            return f"{found[1]}{self._link('clicks', {**said, 'u': target, 'l': str(next(numbers))})}{found[3]}"

        pixel = f'<img src="{self._link("opens", said)}" width="1" height="1" alt="">'
        body, end, rest = HREF.sub(follow, page).rpartition("</body>")
        return f"{body}{pixel}{end}{rest}" if end else f"{rest}{pixel}"

    def _link(self, purpose: str, said: dict[str, str]) -> str:
        return f"{self.door}/v1/track/{purpose}/{self._links[purpose].sign(said)}"
