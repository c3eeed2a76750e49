"""Signed links: what a mail or a page may hand back to us, tamper-proof and bounded in time."""

from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from services.errors import Gone, NotFound


class SignedLinks:
    """Makes and reads the signed part of links of one purpose (`unsubscribe`, `click` …) with a secret of the service."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt=purpose)

    def sign(self, payload: dict[str, Any]) -> str:
        """A token for a URL; it names ids, never personal data, since anybody may read it."""
        return self._serializer.dumps(payload)

    def read(self, token: str, *, max_age_seconds: int | None = None) -> dict[str, Any]:
        """What was signed. Raises NotFound for a forged token, Gone for one that is too old."""
        try:
            return dict(self._serializer.loads(token, max_age=max_age_seconds))
        except SignatureExpired as error:
            raise Gone("This link has expired", code="link_expired") from error
        except BadSignature as error:
            raise NotFound("This link is not one of ours", code="unknown_link") from error
