"""The links of our mails, for whoever holds one: no key, no caller, and what they may do stands signed in the link."""

import base64
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import PUBLIC, Router, links_of, open_session

from . import operations
from .operations import Hit

router = Router("tracking", prefix="/v1/track")
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Unsubscribe</title><body style="font-family: sans-serif; margin: 3em auto; max-width: 30em">{}</body></html>"""
ASK = '<p>Do you want no more of these mails?</p><form method="post"><button>Unsubscribe</button></form>'
DONE = "<p>You are unsubscribed.</p>"


@router.operation("GET", "/opens/{token}", name="open", scope=PUBLIC)
async def follow_open(request: Request, token: str) -> Response:
    """The picture that says that a mail was looked at. Errors: 404 for a link that is none of ours."""
    said = links_of(request, "opens").read(token)
    await operations.note_hit(_session(request, said), UUID(said["s"]), _hit(request, "open"))
    return Response(PIXEL, media_type="image/gif", headers=UNSEEN)


@router.operation("GET", "/clicks/{token}", name="click", scope=PUBLIC)
async def follow_click(request: Request, token: str) -> Response:
    """Lead on to where the link of a mail was meant to. Errors: 404 for a link that is none of ours."""
    said = links_of(request, "clicks").read(token)
    await operations.note_hit(_session(request, said), UUID(said["s"]), _hit(request, "click", said["l"]))
    return Response(status_code=302, headers={"Location": said["u"], **UNSEEN})


@router.operation("GET", "/unsubscribe/{token}", name="ask", scope=PUBLIC)
async def ask_unsubscribe(request: Request, token: str) -> Response:
    """Ask whether the reader wants no more mails; scanners follow links, so this changes nothing. Errors: 404."""
    links_of(request, "unsubscribe").read(token)
    return Response(PAGE.format(ASK), media_type="text/html", headers=UNSEEN)


@router.operation("POST", "/unsubscribe/{token}", name="unsubscribe", scope=PUBLIC)
async def unsubscribe(request: Request, token: str) -> Response:
    """Send no more of these mails, from now on (RFC 8058: what a mail program posts needs no further question). Errors: 404."""
    await _unsubscribe(request, links_of(request, "unsubscribe").read(token))
    return Response(PAGE.format(DONE), media_type="text/html", headers=UNSEEN)


async def _unsubscribe(request: Request, said: dict[str, str]) -> None:
    session = _session(request, said)
    await operations.unsubscribe(session, address_hash=said["h"], state=operations.subscription_of(session, said))


def _session(request: Request, said: dict[str, str]) -> AsyncSession:
    return open_session(request, UUID(said["t"]), f"contact:{UUID(said['c'])}")


def _hit(request: Request, kind: str, link_id: str = "") -> Hit:
    headers = request.headers
    purpose = headers.get("sec-purpose") or headers.get("purpose") or headers.get("x-moz", "")
    return Hit("open" if kind == "open" else "click", headers.get("user-agent", ""), purpose, link_id)
