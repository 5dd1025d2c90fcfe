"""The verb `split`: groups by a column, equal classes, and what it says."""

import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import FormerName, ParameterError, SplitError
from mediacorpus.testing import toy_images


@pytest.fixture
def corpus(tmp_path):
    """60 images, 20 of them ants; `author` has four each, and `lone` all ants in one."""
    rows = []
    for k in range(60):
        path = tmp_path / "pictures" / f"{k:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (k, 4 * k, 7)).save(path)
        kind = "bee" if k % 3 else "ant"
        rows.append(
            {
                "file": str(path),
                "author": f"author {k // 4}",
                "chain": "all",
                "lone": "ants" if kind == "ant" else f"{k}",
                "kind": kind,
            }
        )
    # One image that a second author has posted as well.
    copy = tmp_path / "pictures" / "copy.png"
    copy.write_bytes((tmp_path / "pictures" / "00.png").read_bytes())
    rows.append(rows[0] | {"file": str(copy), "author": "author 14"})
    table = tmp_path / "rows.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    with mc.Corpus.create(tmp_path / "corpus") as made:
        made.add(table, variable="kind", path_column="file", progress=False)
        yield made


def _authors(corpus):
    records = corpus.records()
    return records.groupby("author")["item"].agg(set)


def test_the_former_name_of_an_option_works(corpus):
    with pytest.warns(FormerName, match="The option 'by' is now called 'cluster'"):
        split = corpus.split("kind", by="author")
    assert split.parts == corpus.split("kind", cluster="author").parts


def test_without_options_nothing_is_new(corpus):
    split = corpus.split("kind")
    assert str(split) == "Split of kind: train 48 (ant 16, bee 32); val 12 (ant 4, bee 8)."
    assert (split.left_out, split.notes) == ((), ())


@pytest.mark.parametrize("shares", ["80/20", "60/20/20"])
def test_items_of_one_author_are_never_parted(corpus, shares):
    split = corpus.split("kind", shares=shares, cluster="author")
    assert len(split.parts) == 60
    authors = _authors(corpus)
    for items in authors:
        assert len({split.parts[item] for item in items}) == 1
    # The image that two of them posted ties these two together.
    both = authors["author 0"] | authors["author 14"]
    assert len(both) == 8
    assert len({split.parts[item] for item in both}) == 1
    assert "(14 groups, the largest of 8 items); the shares came out as" in str(split)
    assert corpus.split("kind", shares=shares, cluster="author").parts == split.parts


def test_balanced_leaves_out_the_surplus_of_the_training_part_only(corpus):
    plain, split = corpus.split("kind"), corpus.split("kind", balanced=True)
    assert split.counts().loc["train"].tolist() == [16, 16]
    assert split.counts().loc["val"].tolist() == [4, 8]
    assert len(split.left_out) == 16
    assert split.parts == {i: p for i, p in plain.parts.items() if i not in split.left_out}
    assert "For 16 of each class in the training part 16 items were left out" in str(split)
    method = corpus.sql("SELECT DISTINCT method FROM splits ORDER BY split DESC")["method"]
    assert any("16 items left out for equal classes in training" in one for one in method)


def test_a_class_in_one_group_is_a_warning(corpus):
    split = corpus.split("kind", cluster="lone")
    assert (
        "Warning: no item of ant is in val, because its 20 items lie in one group of lone."
    ) in split.notes
    assert split.counts().loc["train", "ant"] == 20


def test_each_class_in_one_group_warns_of_both(corpus):
    assert (
        sum(note.startswith("Warning") for note in corpus.split("kind", cluster="kind").notes) == 2
    )


def test_one_group_of_all_is_refused(corpus):
    with pytest.raises(
        SplitError, match=r"All 60 labelled items .* belong to one group of 'chain'"
    ):
        corpus.split("kind", cluster="chain")


def test_an_unknown_column_is_named_with_those_there_are(corpus):
    with pytest.raises(ParameterError, match=r"No record has a column 'writer'"):
        corpus.split("kind", cluster="writer")


@pytest.fixture
def scale(corpus):
    items = sorted(corpus.items()["item"])
    rows = [{"item": i, "variable": "mood", "value": f"{n / 4}"} for n, i in enumerate(items)]
    corpus.import_labels(pd.DataFrame(rows), coder="me")
    return corpus


def test_a_scale_is_told_by_its_mean_and_range_and_not_value_by_value(scale):
    split = scale.split("mood")
    counts = split.counts()
    assert counts.loc["train", "items"] == 48
    assert counts.loc["val", "items"] == 12
    values = pd.Series({i: float(v) for i, v in split.labels.items()})
    own = values[[i for i, part in split.parts.items() if part == "val"]]
    assert counts.loc["val", ["mean", "min", "max"]].tolist() == [own.mean(), own.min(), own.max()]
    said = f"val 12 (mean {own.mean():.3g}, {own.min():g} to {own.max():g})."
    assert str(split).endswith(said)
    assert len(str(split)) < 120


def test_groups_of_a_scale_are_warned_of_by_stratum(scale):
    notes = scale.split("mood", cluster="lone").notes
    assert len(notes) <= 6
    assert not any("no item of 0.25 is" in note for note in notes)


def test_a_scale_cannot_be_balanced(scale):
    with pytest.raises(ParameterError, match="leave --balanced out"):
        scale.split("mood", balanced=True)


def test_a_validation_share_is_drawn_from_the_given_training_part(tmp_path):
    for part, seed in (("train", 1), ("test", 2)):
        toy_images(tmp_path / "data" / part, 20, seed=seed)
    corpus = mc.Corpus.create(tmp_path / "corpus")
    told = corpus.add(tmp_path / "data", variable="light", progress=False)
    assert "split DIR light --val 0.1" in str(told)
    before = corpus.table("splits").set_index("item")["part"]
    drawn = corpus.split("light", val=0.2)
    assert drawn.counts().sum(axis=1).to_dict() == {"train": 16, "val": 4, "test": 20}
    assert all(before[i] == ("test" if p == "test" else "train") for i, p in drawn.parts.items())
    with pytest.raises(SplitError, match="between 0 and 1"):
        corpus.split("light", val=1.0)


def test_a_validation_share_needs_folders_that_give_a_training_part(tmp_path):
    toy_images(tmp_path / "data", 6)
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "data", variable="light", progress=False)
    with pytest.raises(SplitError, match="give: none"):
        corpus.split("light", val=0.2)
