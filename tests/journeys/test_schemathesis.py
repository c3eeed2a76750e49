"""Schemathesis over the merged OpenAPI document: whatever is sent, no 5xx, no undocumented answer, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.company import ROOT, Company

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
EXAMPLES = 15 if os.environ.get("CI") else 40

SECONDS = 580  # some 29,000 requests, which take five minutes of processor time


@pytest.mark.timeout(SECONDS + 20)
def test_whatever_is_sent_every_answer_is_documented_and_none_is_a_crash(company: Company) -> None:
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"{company.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {company.key}",
        "--checks",
        CHECKS,
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        str(EXAMPLES),
        "--exclude-operation-id",
        "events.stream",
        "--seed",
        "7",
        "--no-color",
        "--warnings",
        "off",
    ]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "tests.journeys.mails", "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert finished.returncode == 0, finished.stdout[-8000:]
    assert "Traceback" not in finished.stdout
