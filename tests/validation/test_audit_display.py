"""Audits as text: one row for each group and class, scores beside them."""

from mediacorpus.validation.subgroups import audit_groups


def test_one_row_for_each_group_and_class():
    truth = ["a", "b", "c"] * 40
    audit = audit_groups(truth, truth, {"g": ["x", "y"] * 60, "h": ["z"] * 120})
    lines = str(audit).splitlines()
    assert lines[0] == "120 items by g, h, 95 % confidence intervals"
    rows = [line.split()[:3] for line in lines if line[:1] in {"x", "y", "z"}]
    assert rows == [[g, c, "60"] for g in "xy" for c in "abc"] + [["z", c, "120"] for c in "abc"]
    assert lines[2].split()[:4] == ["g", "class", "items", "accuracy"]


def test_html_has_a_table_for_each_column():
    truth = ["a", "b"] * 40
    page = audit_groups(truth, truth, {"g": ["x", "y"] * 40, "h": ["z"] * 80})._repr_html_()
    assert page.count("<table>") == 2
    assert page.startswith('<div class="mediacorpus-audit">')
