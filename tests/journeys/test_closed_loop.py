"""What analytics learns changes the next case, the next lead and the campaign, and what they bring changes what analytics knows."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.journeys.company import fresh_folder, started, wait_until
from tests.journeys.loop import SECONDS, STORY, Loop, check_round, walk_round
from tests.mail_sink import MailSink, sink_beside


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    with sink_beside() as running:
        yield running


@pytest.fixture(scope="module")
def loop(sink: MailSink) -> Iterator[Loop]:
    """The walk round on one machine, and what `mitra events tail` printed meanwhile."""
    with fresh_folder() as folder, started(folder, MITRA_SMTP_URL=sink.url) as company:
        key = company.found_tenant(name="A loop")
        command = company.command("events", "tail", "--url", company.url, "--key", key, "--after", "g1-0")
        with (folder / "tail.log").open("w") as log, subprocess.Popen(command, cwd=folder, text=True, stdout=log) as tail:
            try:
                seen = walk_round(company, key, sink)
                wait_until(lambda: STORY[-2] in (folder / "tail.log").read_text(), seconds=SECONDS)
            finally:
                tail.terminate()
        seen.told = (folder / "tail.log").read_text()
        yield seen


def test_the_loop_closes_on_one_machine(loop: Loop, sink: MailSink) -> None:
    check_round(loop, sink)


def test_the_operators_tail_prints_the_story(loop: Loop) -> None:
    for wanted in STORY:
        assert wanted in loop.told
    assert "asha" not in loop.told.lower()
