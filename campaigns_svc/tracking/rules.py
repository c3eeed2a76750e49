"""Whether a person or a machine followed a link."""

import re
from datetime import timedelta

TOO_FAST = timedelta(seconds=2)
"""Nobody reads a mail and clicks within this of its sending; what scans mails at the door does."""
AGENTS = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|monitor|headless|proofpoint|mimecast|barracuda|safelinks|urldefense|python|curl|wget|java/|go-http",
    re.IGNORECASE,
)
PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|^Mozilla/5\.0$")


def decide_machine(*, agent: str, purpose: str, since_sent: timedelta | None, is_open: bool) -> str | None:
    """Why a hit is a machine's, None where it looks like a person's. `purpose` is what the header says of a prefetch."""
    if "prefetch" in purpose.lower() or "preview" in purpose.lower():
        return "prefetch"
    if not agent.strip():
        return "no_agent"
    if AGENTS.search(agent):
        return "agent"
    if is_open and PROXIES.search(agent):
        return "image_proxy"
    return "too_fast" if since_sent is not None and since_sent < TOO_FAST else None
