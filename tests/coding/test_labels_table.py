"""Tables of labels that users hand in."""

import pandas as pd
import pytest

from mediacorpus.coding.labels_table import LabelRow, read_labels
from mediacorpus.errors import LabelError


def _frame(**columns):
    return pd.DataFrame(columns)


LONG = {"item": ["a", "b"], "variable": ["smile"] * 2, "value": ["yes", "no"]}


def test_a_long_table():
    found = read_labels(_frame(**LONG, coder=["x", ""], seconds=["2.5", ""]), coder="me")
    assert found.labels == (
        LabelRow("item", "a", "smile", "yes", "x", 2.5, 1),
        LabelRow("item", "b", "smile", "no", "me", None, 2),
    )
    assert found.blank == 0


@pytest.mark.parametrize("kind", ["item", "record", "file"])
def test_items_may_be_named_in_three_ways(kind):
    frame = _frame(**LONG).rename(columns={"item": kind})
    assert [row.kind for row in read_labels(frame).labels] == [kind, kind]


def test_each_row_uses_the_first_name_that_is_filled():
    frame = _frame(**LONG | {"item": ["a", ""]}, file=["a.jpg", "b.jpg"])
    rows = read_labels(frame).labels
    assert [(row.kind, row.subject) for row in rows] == [("item", "a"), ("file", "b.jpg")]


def test_case_and_blanks_in_known_columns_and_cells_do_not_matter():
    frame = pd.DataFrame({" Item": [" a "], "VARIABLE ": ["smile "], "Value": [" yes"]})
    assert read_labels(frame).labels == (LabelRow("item", "a", "smile", "yes", row=1),)


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan")])
def test_blank_values_are_skipped_and_counted(blank):
    found = read_labels(_frame(**LONG | {"value": ["yes", blank]}))
    assert len(found.labels) == 1
    assert found.blank == 1


def test_a_wide_table():
    frame = _frame(file=["a.jpg", "b.jpg"], Smile=["yes", ""], crowd=[1.0, 0.0], note=["x", "y"])
    found = read_labels(frame, variables=["Smile", "crowd"])
    assert [(r.subject, r.variable, r.value, r.row) for r in found.labels] == [
        ("a.jpg", "Smile", "yes", 1),
        ("a.jpg", "crowd", "1", 1),
        ("b.jpg", "crowd", "0", 2),
    ]
    assert found.blank == 1


def test_ids_with_leading_zeros_and_values_that_look_like_gaps_stay():
    frame = _frame(item=["007"], variable=["country"], value=["NA"])
    found = read_labels(frame, values=["NA"])
    assert (found.labels[0].subject, found.labels[0].value) == ("007", "NA")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            ["file", "split", "label"],
            r"lacks the columns 'variable' and 'value'; found: file, split, label\.",
        ),
        (["file", "variable"], r"lacks the column 'value'; found: file, variable\."),
        (
            ["name", "x"],
            r"lacks the columns 'item' \(or 'record', or 'file'\) and 'variable' and 'value'",
        ),
        (["name", "variable", "value"], "needs a column 'item', 'record' or 'file'; found: name"),
    ],
)
def test_missing_columns_are_named_with_what_was_found(columns, words):
    with pytest.raises(LabelError, match=words):
        read_labels(pd.DataFrame([["x"] * len(columns)], columns=columns))


def test_the_way_to_read_a_wide_table_is_told():
    with pytest.raises(LabelError, match="add --wide, or name these columns: --variables smile"):
        read_labels(_frame(file=["a"], smile=["yes"]))
    with pytest.raises(LabelError, match="no column 'smle'; found: file, smile"):
        read_labels(_frame(file=["a"], smile=["yes"]), variables=["smle"])
    with pytest.raises(LabelError, match="needs a column 'item'"):
        read_labels(_frame(name=["a"], smile=["yes"]), variables=["smile"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item": ["a", " "]}, "Row 2 of the labels has a value but names no item"),
        ({"variable": ["", "v"]}, "Row 1 of the labels has a value but names no variable"),
        ({"value": ["", None]}, "holds no label: all 2 values are blank"),
        ({"seconds": ["fast", ""]}, "Row 1 of the labels gives 'fast' as seconds"),
        ({"seconds": ["", "-1"]}, "Row 2 of the labels gives '-1' as seconds"),
        ({"seconds": ["nan", "inf"]}, "Row 2 of the labels gives 'inf' as seconds"),
        ({"Item": ["c", "d"]}, "two columns named 'item'"),
    ],
)
def test_wrong_rows_are_named(change, words):
    with pytest.raises(LabelError, match=words):
        read_labels(_frame(**LONG | change))


def test_a_blank_row_needs_no_item():
    assert read_labels(_frame(**LONG | {"item": ["a", ""], "value": ["yes", ""]})).blank == 1
