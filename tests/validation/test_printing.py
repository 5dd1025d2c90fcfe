"""Comparisons as text: columns line up and p-values are short."""

from mediacorpus.stats.intervals import p_words
from mediacorpus.validation.compare import compare
from mediacorpus.validation.printing import aligned


def test_columns_line_up():
    lines = str(compare(["a", "b"] * 9, {"m": ["a", "b"] * 9, "longer": ["a"] * 18})).splitlines()
    head, first, second = lines[1:4]
    assert head.index("accuracy") == first.index("1.000") == second.index(".500")
    assert "longer" in second


def test_p_values():
    assert [p_words(p) for p in (0.5, 0.0004, 1.0)] == ["p = .500", "p < .001", "p = 1.000"]
    assert aligned([["a", "b"], ["cc", "d"]]) == ["a   b", "cc  d"]


def test_the_better_model_comes_first_in_the_sentence():
    truth = ["a"] * 40
    found = compare(truth, {"bad": ["b"] * 20 + ["a"] * 20, "good": truth}, repeats=200)
    [sentence] = found.sentences()
    assert sentence.startswith("good is right more often than bad, by .500 [")
    assert "p < .001" in sentence
