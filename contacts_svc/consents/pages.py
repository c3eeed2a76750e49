"""What somebody sees who follows the link of a request: a page that asks, and one that thanks. Looking changes nothing."""

from html import escape

from fastapi.responses import HTMLResponse

from .links import Followed

PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>{title}</title></head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'",
}


def page_of(followed: Followed) -> HTMLResponse:
    """The words of a request and the button that confirms it, or thanks where that has been done."""
    name = escape(followed.name)
    if followed.is_granted:
        return _page(f"✓ {name}", "", followed.language)
    words = "".join(f"<p>{escape(line)}</p>" for line in followed.wording.splitlines() if line.strip())
    return _page(name, f'{words}<form method="post"><button>✓ {name}</button></form>', followed.language)


def _page(title: str, body: str, language: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(language=escape(language), title=title, body=body), headers=HEADERS)
