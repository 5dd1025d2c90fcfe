"""Comparisons as text: columns line up and p-values are short."""

from mediacorpus.stats.intervals import p_words
from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.compare import compare
from mediacorpus.validation.printing import aligned


def test_columns_line_up():
    gold = ["a", "b"] * 9
    models = {"m": read_sample(gold, gold), "longer": read_sample(gold, ["a"] * 18)}
    lines = str(compare(models)).splitlines()
    head, first, second = lines[1:4]
    assert head.index("accuracy") == first.index("1.000") == second.index(".500")
    assert "longer" in second


def test_p_values():
    assert [p_words(p) for p in (0.5, 0.0004, 1.0)] == ["p = .500", "p < .001", "p = 1.000"]
    assert aligned([["a", "b"], ["cc", "d"]]) == ["a   b", "cc  d"]


def test_the_better_model_comes_first_in_the_sentence():
    truth, classes = ["a"] * 40, ["a", "b"]
    bad, good = (read_sample(truth, s, classes) for s in (["b"] * 20 + ["a"] * 20, truth))
    found = compare({"bad": bad, "good": good}, repeats=200)
    [sentence] = found.sentences()
    assert sentence.startswith("good is right more often than bad, by .500 [")
    assert "p < .001" in sentence
