"""Rules over every table, thresholds that are chosen, and rules beside models, on toy images."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import MediacorpusError, ParameterError, UnknownName
from mediacorpus.testing import toy_images
from mediacorpus.validation.rule_text import parse_rule, parse_score

N = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> mc.Corpus:
    """Images of which every second is liked, in one of two formats, with outside tags."""
    folder = tmp_path_factory.mktemp("rules")
    images = toy_images(folder / "toys", N)
    rows = [
        {
            "file": str(path),
            "likes": 10 * n,
            "author": f"a{n // 4}",
            "posted": f"20{n:02}-01-01",
            "country": ["Côte d'Ivoire", "Mali", ""][n % 3],
        }
        for n, path in enumerate(images)
    ]
    pd.DataFrame(rows).to_csv(folder / "posts.csv", index=False)
    made = mc.Corpus.create(folder / "corpus")
    made.add(folder / "posts.csv", progress=False)
    names = [path.name for path in images]
    gold = [(name, "liked", "yes" if n >= N // 2 else "no") for n, name in enumerate(names)]
    made.import_labels(pd.DataFrame(gold, columns=["file", "variable", "value"]))
    tags = [(name, "Crowd", n / N) for n, name in enumerate(names)]
    tags += [(name, "March", 0.9) for name in names[:2]]
    made.import_measure("aws", pd.DataFrame(tags, columns=["file", "tag", "score"]), shape="tag")
    made.split("liked", shares="40/30/30")
    return made


def score(corpus: mc.Corpus, rule: str, **options: object) -> float:
    return corpus.validate(
        rule, against="liked", progress=False, **options
    ).scores.accuracy.estimate


@pytest.mark.parametrize(
    "rule",
    [
        "records:likes>=120",
        "likes>=120",
        "Likes > 119.5 and not likes < 100",
        "posted>=2012-01-01",
        "aws:crowd>=0.5",
        "aws:Crowd>=0.5 or likes>=500",
        "not (author=a0|a1|a2)",
        "author!=a0 and author!=a1 and author!=a2",
        "(format==JPEG or format=PNG) and width>=1 and likes>=120",
    ],
)
def test_a_rule_compares_columns_of_every_table(corpus, rule):
    assert score(corpus, rule) == 1.0


def test_the_subject_says_which_table_each_name_is_of(corpus):
    found = corpus.validate("likes>=120 and format=JPEG|PNG", against="liked")
    assert found.subject == "records:likes>=120 and (items:format=JPEG or items:format=PNG)"


def test_an_image_with_an_empty_column_is_left_out_and_counted(corpus):
    found = corpus.validate("country=Mali", against="liked")
    assert (found.scores.n, found.missing) == (16, 8)


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ("lkes>=3", UnknownName, "Did you mean 'likes'.*Your own columns: author"),
        ("records:lkes>=3", ParameterError, "Did you mean 'likes'"),
        ("nothing:Crowd>=0.5", UnknownName, "no measure, model or table of columns 'nothing'"),
        ("items:color=3", UnknownName, "no column of items 'color'"),
        ("author>=3", ParameterError, "holds texts"),
        ("likes=many", ParameterError, "numeric and cannot be compared with the text 'many'"),
        ("gold:liked=yes", ParameterError, "what it is held against"),
        ("aws>=1.5", ParameterError, "aws is counted, so a whole number"),
        ("aws:Crwd>=0.5", ParameterError, "no item has the tag 'Crwd'.*'Crowd'.*--labels aws"),
        ("aws:Crowd>=50", ParameterError, "write 0.5 for 50 %"),
        ("aws:Crowd", ParameterError, "compares nothing"),
        ("embedding:x>=1", UnknownName, "no measure, model or table of columns 'embedding'"),
    ],
)
def test_what_cannot_be_compared_is_said_with_what_there_is(corpus, rule, error, words):
    with pytest.raises(error, match=words):
        corpus.validate(rule, against="liked", progress=False)


@pytest.mark.parametrize("subject", ["aws:Crowd", "records:likes", "likes", "aws:Crowd|March"])
def test_a_threshold_is_chosen_on_other_items_than_it_is_scored_on(corpus, subject):
    found = corpus.validate(subject, against="liked", threshold="f1", progress=False)
    assert found.part == "test"
    assert found.scores.n < N // 2
    assert "Chosen on the training and validation parts" in found.warnings[0]
    assert found.threshold is not None
    assert f"{found.threshold:.6g}" in found.subject
    assert found.scores["roc_auc"].defined


def test_where_lower_values_go_with_yes_the_threshold_is_one_from_above(corpus):
    found = corpus.validate("likes", against="liked", threshold="f1", positive="no")
    assert "records:likes<=" in found.subject
    assert any("Lower values of records:likes go with 'no'" in one for one in found.warnings)


@pytest.mark.parametrize(
    ("subject", "options", "words"),
    [
        ("aws:Crowd>=0.5", {"threshold": "f1"}, "has its threshold in itself"),
        ("aws:Crowd", {"threshold": "best"}, "aim 'best' is unknown"),
        ("author", {"threshold": "f1"}, "holds texts"),
        ("aws:Crowd", {"threshold": 2}, "scores lie between 0 and 1"),
        ("aws:Crowd>=0.5", {"part": "train"}, "must|scored on 'test' or 'val'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(corpus, subject, options, words):
    with pytest.raises(ParameterError, match=words):
        corpus.validate(subject, against="liked", progress=False, **options)


def test_without_a_split_a_threshold_is_not_chosen(tmp_path):
    (tmp_path / "images").mkdir()
    names = []
    for n, path in enumerate(toy_images(tmp_path / "toys", 4)):
        names.append(path.rename(tmp_path / "images" / f"{n}.jpg").name)
    with mc.Corpus.create(tmp_path / "corpus") as made:
        made.add(tmp_path / "images", progress=False)
        gold = pd.DataFrame({"file": names, "variable": "v", "value": ["yes", "no"] * 2})
        made.import_labels(gold)
        with pytest.raises(ParameterError, match="mediacorpus split"):
            made.validate("width", against="v", threshold="f1")


def test_intervals_of_a_rule_are_over_groups(corpus):
    found = corpus.validate("aws:Crowd>=0.6", against="liked", cluster="author")
    assert any("6 groups of the 24 items" in note for note in found.scores.notes)
    plain = corpus.validate("aws:Crowd>=0.6", against="liked")
    assert not any("groups" in note for note in plain.scores.notes)


def test_mistakes_of_a_tag_have_its_score(corpus):
    found = corpus.validate("aws:Crowd>=0.6", against="liked")
    assert found.mistakes["gold"].tolist() == ["yes"] * len(found.mistakes)
    assert found.mistakes["probability_of_gold"].tolist() == pytest.approx([0.5, 13 / 24, 14 / 24])


def test_rules_are_compared_with_one_another(corpus):
    found = corpus.compare("liked", models=["aws:Crowd>=0.5", "likes<0"], progress=False)
    assert found.n == N
    one, other = found.scores.values()
    assert (one["accuracy"].estimate, other["accuracy"].estimate) == (1.0, 0.5)
    kept = corpus.results("aws:Crowd>=0.5", command="compare")
    assert set(kept["kind"]) == {"rule"}
    assert kept["current"].all()


def test_one_rule_alone_is_not_compared(corpus):
    with pytest.raises(MediacorpusError, match="Two models"):
        corpus.compare("liked", models=["aws:Crowd>=0.5"])


def test_a_rule_is_audited_by_groups(corpus):
    found = corpus.audit("aws:Crowd>=0.6", against="liked", by="country", progress=False)
    assert found.n == N
    rows = corpus.results("aws:Crowd>=0.6", command="audit")
    assert set(rows["kind"]) == {"rule"}


def test_a_rule_of_pixels_is_measured_on_perturbed_images(corpus):
    found = corpus.robustness("quality:brightness>=0.5", against="liked", images=3, progress=False)
    assert found.n == 3
    darker = [one for one in found.conditions if one.perturbation == "darker"]
    assert len(darker) == 5


@pytest.mark.parametrize("rule", ["likes>=120", "aws:Crowd>=0.5", "facts:format=JPEG"])
def test_what_does_not_come_from_pixels_is_not_perturbed(corpus, rule):
    with pytest.raises(ParameterError, match="not computed from the pixels"):
        corpus.robustness(rule, against="liked", images=3, progress=False)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tags:dome|mosque>=0.5", "tags:dome>=0.5 or tags:mosque>=0.5"),
        ("tags:dome|mosque<0.5", "tags:dome<0.5 and tags:mosque<0.5"),
        ("format!=JPEG|PNG", "format!=JPEG and format!=PNG"),
        ("tags:'hook and eye'|eye>=.3", 'tags:"hook and eye">=0.3 or tags:eye>=0.3'),
        ('place="a|b"', 'place="a|b"'),
    ],
)
def test_a_bar_puts_names_and_texts_side_by_side(text, written):
    assert str(parse_rule(text)) == written
    assert parse_rule(written) == parse_rule(str(parse_rule(text)))


@pytest.mark.parametrize("text", ["tags:a||b>=1", "format=JPEG|", "tags:a|b>=0.5 >= 2"])
def test_a_bar_without_a_name_is_refused(text):
    with pytest.raises(ParameterError, match="is not understood"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tags:dome", "tags:dome"),
        ("tags: dome | mosque", "tags:dome|mosque"),
        ("faces", "faces"),
        ("tags:'hook and eye'", 'tags:"hook and eye"'),
        ("tags:dome>=0.5", "None"),
        ("faces>=2", "None"),
        ("tags:dome>=10%", "None"),
        ("tags:'a<b'", 'tags:"a<b"'),
    ],
)
def test_a_score_is_a_rule_without_its_comparison(text, written):
    assert str(parse_score(text)) == written


def test_kinds_are_summed_and_that_is_said():
    from mediacorpus.measures.imagenet import classes_of
    from mediacorpus.records import Shape
    from mediacorpus.validation.rules import Rows, apply_rule

    rows = pd.DataFrame(
        {
            "item": ["a", "a", "a", "b", "c"],
            "tag": ["tabby", "lynx", "beagle", "tabby", "espresso"],
            "score": [0.3, 0.2, 0.1, 0.4, 0.9],
        }
    )
    known = ["tabby", "lynx", "beagle", "espresso", "agaric"]
    tables = {"tags": Rows(Shape.TAG, rows, list("abcd"), known=known, kinds=classes_of)}

    def holds(rule: str) -> tuple[str, list[str]]:
        found = apply_rule(parse_rule(rule), tables, list("abcd"))
        return "".join(found.index[found]), found.attrs["notes"]

    yes, [note] = holds("tags:cat>=0.45")
    assert (yes, "sum over 13 kinds of cat (WordNet)" in note) == ("a", True)
    assert holds("tags:animal>=0.6")[0] == "a"
    assert holds("tags:tabby cat>=0.35")[0] == "b"
    assert holds("tags:tabby>=0.35") == ("b", [])
    yes, [note] = holds("tags:agaric>=0.5")
    assert (yes, "its score is 0 in all" in note) == ("", True)
    with pytest.raises(ParameterError, match=r"'tags' cannot give the tag 'protest'.* 5 that it"):
        holds("tags:protest>=0.5")


def test_animals_among_real_photographs_are_found(test_data, tmp_path):
    """The top tag by WordNet is right for .99 of the photographs."""
    from mediacorpus.measures.imagenet import class_names, classes_of

    names, animals = class_names(), set(classes_of("animal"))
    labels = pd.read_csv(Path(test_data) / "imagenet_sample" / "labels.csv")
    labels = labels.iloc[::4]
    gold = pd.DataFrame(
        {
            "file": [Path(name).name for name in labels["file"]],
            "variable": "animal",
            "value": ["yes" if names[wnid] in animals else "no" for wnid in labels["wnid"]],
        }
    )
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        images = Path(test_data) / "imagenet_sample" / "images"
        corpus.add([images / name for name in gold["file"]], progress=False)
        corpus.import_labels(gold)
        found = corpus.validate("tags:animal>=0.5", against="animal", progress=False)
        assert found.scores.n == 50
        assert found.scores.accuracy.estimate >= 0.98
