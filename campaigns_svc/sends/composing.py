"""From a template and a contact to the mail itself: rendered, with links that are followed through us, and a way out of it."""

import html
import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import UUID

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.senders.models import Sender
from campaigns_svc.templates.models import Template
from campaigns_svc.templates.rendering import Words, parse_words
from services.clock import Clock
from services.contact_resolver import ResolvedContact
from services.links import SignedLinks

SEND_ID = "X-Mitra-Send"
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

    def compose(self, send_id: UUID, contact: ResolvedContact, *, address: str, address_hash: str) -> EmailMessage:
        """The mail to one contact. Raises MissingVariable, BrokenTemplate, and ValueError for an address that no header can say."""
        way_out = self._way_out(send_id, contact.id, address_hash)
        known = {name: getattr(contact, name) for name in ("given_name", "family_name", "display_name", "language", "country")}
        words = self._words.render({**self.campaign.variables, "contact": known, "unsubscribe_url": way_out})
        message = self._headed(send_id, address, words.subject, way_out=way_out)
        message.set_content(words.text)
        if words.html is not None:
            message.add_alternative(self._tracked(send_id, contact.id, words.html, way_out=way_out), subtype="html")
        return message

    def _headed(self, send_id: UUID, address: str, subject: str, *, way_out: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = Address(self.sender.from_name, addr_spec=self.sender.from_address)
        message["To"] = Address(addr_spec=address)
        message["Subject"] = subject
        if self.sender.reply_address is not None:
            message["Reply-To"] = Address(addr_spec=self.sender.reply_address)
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = f"<{send_id}@{self.sender.domain}>"
        message[SEND_ID] = str(send_id)
        message["List-Unsubscribe"] = f"<{way_out}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return message

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
