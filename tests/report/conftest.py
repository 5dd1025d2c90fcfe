"""Content for reports."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mediacorpus.report.content import ReportContent

made = runpy.run_path(str(Path(__file__).parents[1] / "made_report.py"))


@pytest.fixture(scope="session")
def full_content() -> ReportContent:
    """Everything that a report can show."""
    return made["full"]()


@pytest.fixture
def empty_content() -> ReportContent:
    return ReportContent("Nothing yet", made["CREATED"], made["overview"]())
