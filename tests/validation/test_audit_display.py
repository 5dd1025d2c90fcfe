"""Audits as text: one row for each group and class, scores beside them."""

from mediacorpus.validation.printing import WIDTH
from mediacorpus.validation.subgroups import audit_groups


def test_one_row_for_each_group_and_class():
    truth = ["a", "b", "c"] * 40
    audit = audit_groups(truth, truth, {"g": ["x", "y"] * 60, "h": ["z"] * 120})
    lines = str(audit).splitlines()
    assert lines[0] == "120 items by g, h, 95 % confidence intervals"
    tables = [table.splitlines() for table in str(audit).split("\n\n")[1:-1]]
    keys = [[line.split()[:3] for line in table[1:]] for table in tables]
    of_g, of_h = (
        [[g, c, n] for g in groups for c in "abc"] for groups, n in (("xy", "60"), ("z", "120"))
    )
    assert keys == [of_g, of_g, of_h, of_h]
    assert [table[0].split()[:4] for table in tables[::2]] == [
        ["g", "class", "items", "accuracy"],
        ["h", "class", "items", "accuracy"],
    ]
    assert max(map(len, lines)) <= WIDTH


def test_html_has_a_table_for_each_column():
    truth = ["a", "b"] * 40
    page = audit_groups(truth, truth, {"g": ["x", "y"] * 40, "h": ["z"] * 80})._repr_html_()
    assert page.count("<table>") == 2
    assert page.startswith('<div class="mediacorpus-audit">')


def test_a_long_tail_of_small_groups_is_one_line():
    """Forty authors of one image, two of two, one of thirty: the large one and five are told."""
    truth = ["a", "b"] * 37
    authors = ["big"] * 30 + ["two"] * 2 + ["pair"] * 2 + [f"n{place}" for place in range(40)]
    audit = audit_groups(truth, truth, {"author": authors})
    lines = str(audit).splitlines()
    first = str(audit).split("\n\n")[1].splitlines()
    rows = [line.split()[0] for line in first if " b " in line]
    assert rows == ["big", "n0*", "n1*", "n10*", "pair*", "two*"]
    assert "and 37 more groups of fewer than 30 items: see -o FILE, --json or to_frame()" in lines
    assert "42 groups of author are under 30 items (*): not tested." in lines
    assert audit.to_frame()["group"].nunique() == 43
    assert "and 37 more groups of fewer than 30 items" in audit._repr_html_()


def test_few_small_groups_are_all_shown_and_counted_in_words():
    truth = ["a", "b"] * 18
    audit = audit_groups(truth, truth, {"g": ["x"] * 32 + ["y"] * 3 + ["z"], "h": ["v"] * 36})
    said = audit.sentences()
    assert "g = y (3 items) and z (1 item) are under 30: shown with *, not tested." in said
    assert not any("more groups" in line for line in str(audit).splitlines())
    one = audit_groups(truth, truth, {"g": ["x"] * 35 + ["y"]}).sentences()
    assert "g = y has 1 item, under 30: shown with *, not tested." in one
    gap = audit_groups(truth, truth, {"g": ["x"] * 35 + [None]}).sentences()
    assert "1 item has no value of g: shown, not tested." in gap
