"""Progress: drawn where somebody looks, silent elsewhere."""

import io
import sys
import time

import pytest

from mediacorpus.engine.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Stand in for a terminal; called in the test, as pytest sets its own for each phase."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def stand_in():
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    return stand_in


def test_silent_when_not_a_terminal(capsys):
    with progress("counting", total=2) as report:
        report(1)
        report(1, failed=1)
    assert capsys.readouterr() == ("", "")


def test_silent_when_told_so_even_on_a_terminal(terminal):
    screen = terminal()
    with progress("counting", total=2, show=False) as report:
        report(2)
    assert screen.getvalue() == ""


def test_a_terminal_sees_counts_rate_and_failures(terminal):
    screen = terminal()
    with progress("counting", total=300, unit="files") as report:
        for _ in range(30):
            report(10, failed=1)
            time.sleep(0.02)
    text = screen.getvalue()
    assert "counting" in text
    assert "300/300" in text
    assert "files/s" in text
    assert "failed" in text


def test_an_unknown_total_is_counted_all_the_same(terminal):
    screen = terminal()
    with progress("adding", unit="files") as report:
        report(5)
    assert "5/?" in screen.getvalue()


def test_an_error_passes_and_the_terminal_is_tidied(terminal):
    screen = terminal()

    def fail():
        with progress("counting", total=2):
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert "\x1b[?25h" in screen.getvalue()  # the cursor is back
    assert screen.getvalue().endswith("\x1b[2K")


def test_a_notebook_without_widgets_is_spared_warnings(monkeypatch, recwarn):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("mediacorpus.engine.progress.find_spec", lambda _: None)
    for show in (None, True):
        with progress("counting", total=2, show=show) as report:
            report(2)
    assert not recwarn.list
