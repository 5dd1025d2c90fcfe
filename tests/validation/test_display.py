"""Scores as text and HTML."""

from html.parser import HTMLParser

from mediacorpus.validation.scores import score


def test_text_table():
    truth = ["0"] * 393 + ["1"] * 422
    predicted = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    lines = str(score(truth, predicted, positive="1")).splitlines()
    assert lines[0] == "815 items, 2 classes, 95 % confidence intervals"
    assert lines[1].split(maxsplit=1) == ["accuracy", ".853 [.827, .875]"]
    positive = next(line for line in lines if line.startswith("1 (positive)"))
    assert ".839 [.802, .870]" in positive
    assert positive.endswith("422")
    assert max(map(len, lines)) <= 90
    assert not any(line != line.rstrip() for line in lines)


def test_columns_line_up():
    lines = str(score(["long class name", "b"], ["b", "b"])).splitlines()
    start = next(line for line in lines if "precision" in line).index("precision")
    assert next(line for line in lines if line.startswith("b")).index(".500 [") == start


def test_one_item_is_singular():
    assert str(score(["a"], ["a"])).startswith("1 item, 1 class,")


def test_many_classes_are_cut_and_counted():
    labels = [f"c{i:02}" for i in range(30)]
    text = str(score(labels, labels, repeats=2))
    assert "10 more classes are in to_frame()." in text
    assert "c19" in text
    assert "c20" not in text


def test_probability_scores_are_shown():
    text = str(score(["a", "b"], ["a", "b"], probabilities=[0.2, 0.8]))
    assert "ROC AUC" in text
    assert "Brier score" in text


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_escaped():
    hostile = "<script>alert(1)</script>"
    page = score([hostile, "b"], ["b", "b"])._repr_html_()
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.seen
    assert parser.seen.count("table") == 3


def test_html_leaves_out_a_huge_confusion_matrix():
    labels = [str(i) for i in range(40)]
    assert score(labels, labels, repeats=2)._repr_html_().count("<table>") == 2
