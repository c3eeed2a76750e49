"""E-mail out, by SMTP: what is sent, what was refused, and what nobody can know."""

from email import policy
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

TIMEOUT_SECONDS = 30.0
WIRE = policy.SMTP.clone(max_line_length=998, cte_type="7bit")  # folding sooner would break the links in headers
SECURE_PORT, PLAIN_PORT = 465, 587


class MailRefused(Exception):
    """The server will never take this message: trying again is of no use. `code` is its SMTP reply code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the mail server refused the message with {code}")
        self.code = code


class MailUnavailable(Exception):
    """The message was not taken this time; the same message may be taken later."""


class MailUncertain(MailUnavailable):
    """The connection broke after the message was handed over: whether it was taken, only the server knows."""


class Mailer:
    """A connection to an SMTP server: opened when a message needs it, kept for the next, used by one task at a time.

    `smtp_url` is `smtp://user:password@host:port` (STARTTLS where the server offers it) or `smtps://…`.
    """

    def __init__(self, smtp_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = _parsed(smtp_url)
        self._timeout = timeout_seconds
        self._client: SMTP | None = None

    async def send(self, message: EmailMessage, *, sender: str, recipient: str) -> None:
        """Hand `message` over for one recipient. Raises MailRefused, MailUnavailable, MailUncertain.

        MailUncertain is a MailUnavailable: who must never send twice tells them apart, who must never lose catches both.
        """
        await self.send_content(message.as_bytes(policy=WIRE), sender=sender, recipient=recipient)

    async def send_content(self, content: bytes, *, sender: str, recipient: str) -> None:
        """`send` for a message that is written already."""
        try:
            client = await self._connected()
            await client.mail(sender)
            await client.rcpt(recipient)
        except SMTPResponseException as error:
            await self.close()
            raise _refusal(error) from error
        except UnicodeEncodeError as error:  # an address of other letters than SMTP without SMTPUTF8 can say
            await self.close()
            raise MailRefused(553) from error
        except (SMTPException, OSError, ValueError) as error:
            await self.close()
            raise MailUnavailable(type(error).__name__) from error
        await self._hand_over(client, content)

    async def close(self) -> None:
        """Give the connection back."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _connected(self) -> SMTP:
        if self._client is None or not self._client.is_connected:
            url = self._url
            self._client = SMTP(
                hostname=url.hostname,
                port=url.port or (SECURE_PORT if url.scheme == "smtps" else PLAIN_PORT),
                username=unquote(url.username) if url.username else None,
                password=unquote(url.password) if url.password else None,
                use_tls=url.scheme == "smtps",
                timeout=self._timeout,
            )
            await self._client.connect()
        return self._client

    async def _hand_over(self, client: SMTP, content: bytes) -> None:
        try:
            await client.data(content)
        except SMTPResponseException as error:
            await self.close()
            raise _refusal(error) from error
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            await self.close()
            raise MailUncertain(type(error).__name__) from error


async def send_mail(smtp_url: str, message: EmailMessage, *, sender: str, recipient: str) -> None:
    """Send one message over a connection of its own. Raises as `Mailer.send` does."""
    mailer = Mailer(smtp_url)
    try:
        await mailer.send(message, sender=sender, recipient=recipient)
    finally:
        await mailer.close()


def _refusal(error: SMTPResponseException) -> MailRefused | MailUnavailable:
    return MailRefused(error.code) if 500 <= error.code < 600 else MailUnavailable(f"the mail server answered {error.code}")


def _parsed(smtp_url: str) -> SplitResult:
    """The parts of an SMTP URL. Raises ValueError for another kind of URL."""
    url = urlsplit(smtp_url)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ValueError("smtp_url is smtp://host:port or smtps://host:port")
    return url
