"""The page and the lines by which a training is watched."""

import math
from html.parser import HTMLParser

import pandas as pd
import pytest

from mediacorpus.errors import CorpusReadOnly
from mediacorpus.report.live import BLOCKS, LivePage, terminal_line

REFRESH = '<meta http-equiv="refresh" content="2">'


def _row(epoch, loss=None):
    loss = 1 / epoch if loss is None else loss
    return {
        "epoch": float(epoch),
        "lr": 0.0005,
        "train_loss": loss / 2,
        "train_accuracy": 0.75,
        "val_loss": loss,
        "val_accuracy": 0.625,
        "seconds": 3.21,
    }


class _Balance(HTMLParser):
    """Tells whether tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    return LivePage(tmp_path / "reports" / "live-ants.html", "ants")


def _text(page):
    text = page.path.read_text("utf-8")
    parser = _Balance()
    parser.feed(text)
    assert not parser.open
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "<script" not in text
    assert [p.name for p in page.path.parent.iterdir()] == [page.path.name]
    return text


def test_the_page_follows_the_epochs_and_stops_loading_itself(page):
    assert "Waiting for the first epoch" in _text(page)
    assert REFRESH in _text(page)
    for epoch in (1, 2, 3):
        page(epoch, 4, _row(epoch))
        text = _text(page)
        assert REFRESH in text
        left = {1: "3 epochs left", 2: "2 epochs left", 3: "1 epoch left"}[epoch]
        assert f"Epoch {epoch} of 4 is done, {left}." in text
        assert f"So far: The model of epoch {epoch} of {epoch} was kept" in text
        assert text.count("<svg") == 1
    assert "<dd>0.333</dd><dt>validation loss</dt>" in text
    assert "<dd>0.0005</dd><dt>learning rate</dt>" in text
    page(4, 4, _row(4))
    page.finish()
    text = _text(page)
    assert "refresh" not in text
    assert "Training is done after 4 epochs." in text
    assert "<p>The model of epoch 4 of 4 was kept" in text


def test_early_stopping_is_said(page):
    page(1, 10, _row(1))
    page(2, 10, _row(2))
    page.finish()
    assert "Training stopped early, after 2 of 10 epochs." in _text(page)


def test_all_curves_at_the_end_hold_the_epochs_of_earlier_runs(page):
    page(3, 3, _row(3))
    page.finish(pd.DataFrame([_row(1), _row(2), _row(3)]))
    assert "Training is done after 3 epochs." in _text(page)
    assert "Training curves over 3 epochs." in _text(page)


def test_an_error_ends_the_page(page):
    def fail():
        with page:
            page(1, 5, _row(1))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised above
        fail()
    text = _text(page)
    assert "Training stopped before its end" in text
    assert "refresh" not in text


def test_steps_of_a_linear_model_and_unknown_columns_are_shown_too(page):
    page(1, 2, {"C": 0.1, "log_loss": 0.5, "accuracy": 0.8, "best": False})
    assert "Step 1 of 2 is done, 1 step left." in _text(page)
    page(2, 2, {"C": 1.0, "log_loss": 0.25, "accuracy": 0.9, "best": True})
    assert "So far: C = 1 was chosen of 2" in _text(page)
    page.finish()
    assert "Training is done after 2 steps." in _text(page)
    page.finish(pd.DataFrame({"penalty": [1.0], "squared_error": [0.5], "best": [True]}))
    assert "<svg" not in _text(page)


def test_a_missing_number_is_left_out(page):
    page(1, 2, _row(1) | {"train_accuracy": math.nan})
    assert "training accuracy</dt>" not in _text(page)


def test_names_are_escaped(tmp_path):
    page = LivePage(tmp_path / "live.html", "<b>&")
    assert "Training of &lt;b&gt;&amp;</h1>" in _text(page)


def test_a_file_in_the_way_is_refused(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "no")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(CorpusReadOnly):
        LivePage(tmp_path / "live.html", "ants")


def test_a_line_says_the_numbers_and_draws_the_validation_loss():
    rows = [_row(n, loss) for n, loss in ((1, 0.8), (2, 0.1), (3, 0.46))]
    line = terminal_line(rows[-1], 12, rows)
    assert line == (
        "epoch  3/12  train loss 0.230 accuracy 0.750  val loss 0.460 accuracy 0.625  3.2 s  █▁▅"
    )
    assert terminal_line(rows[-1], 12, rows[:-1]) == line


def test_a_line_shows_the_last_epochs_and_copes_with_gaps():
    rows = [_row(n) for n in range(1, 101)]
    assert len(terminal_line(rows[-1], 100, rows).split("  ")[-1]) == 24
    gap = [_row(1, 0.5), _row(2, math.nan), _row(3, 0.5)]
    assert terminal_line(gap[-1], 3, gap).endswith(f"  {BLOCKS[0]} {BLOCKS[0]}")
    assert terminal_line({"epoch": 1}, 3, []) == "epoch 1/3"
