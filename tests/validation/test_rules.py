"""Rules: how they are written, what they answer, and which value is the positive one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.records import Shape
from mediacorpus.validation.rule_text import (
    OPERATORS,
    Comparison,
    Joined,
    comparisons,
    is_rule,
    parse_rule,
)
from mediacorpus.validation.rules import Rows, apply_rule, positive_value

TAGS = pd.DataFrame(
    {
        "item": ["a", "a", "a", "b", "c"],
        "run": 1,
        "rank": [1, 2, 3, 1, 1],
        "tag": ["Crowd", "street_sign", "crowd", "CROWD", "ice cream"],
        "score": [0.4, 0.3, 0.6, 0.5, 0.9],
    }
)
FACTS = pd.DataFrame(
    {
        "item": ["a", "b", "c"],
        "run": 1,
        "width": [1000, 999, 2000],
        "dpi": [72.0, np.nan, 300.0],
        "alpha": [True, False, False],
        "format": ["JPEG", "PNG", None],
    }
)
FACES = pd.DataFrame(
    {
        "item": ["a", "a", "a", "b", "b"],
        "run": 1,
        "rank": [1, 2, 3, 1, 2],
        "tag": ["face", "face", "face", "face", "mask"],
        "score": [0.9, 0.85, 0.3, 0.7, 0.9],
    }
)
ALL = list("abcd")
TABLES = {
    "tags": Rows(Shape.TAG, TAGS, ALL),
    "facts": Rows(Shape.SCALAR, FACTS, list("abc")),
    "faces": Rows(Shape.REGION, FACES, list("abc")),
    "words": Rows(Shape.TEXT, pd.DataFrame({"item": ["b"], "rank": 1, "text": "hear!"}), ALL),
}


def told(rule, items=ALL):
    """The items for which a rule holds, those for which it does not, and those left open."""
    found = apply_rule(parse_rule(rule), TABLES, items)
    yes, no = ("".join(found.index[found == answer]) for answer in (True, False))
    open_ = "".join(item for item in items if item not in found.index)
    assert found.attrs["missing"] == len(open_)
    assert found.dtype == bool
    return yes, no, open_


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tags:Crowd>=0.5", Comparison("tags", "Crowd", ">=", 0.5)),
        (" tags : ice cream  <  .25 ", Comparison("tags", "ice cream", "<", 0.25)),
        ("facts:width>=1000", Comparison("facts", "width", ">=", 1000)),
        ("facts:alpha==1", Comparison("facts", "alpha", "=", 1)),
        ("facts:alpha!=1", Comparison("facts", "alpha", "!=", 1)),
        ("a_1:x<=-1e-3", Comparison("a_1", "x", "<=", -0.001)),
        ('tags:"tabby, tabby cat">0', Comparison("tags", "tabby, tabby cat", ">", 0)),
        ("tags:'hook and eye' > 0", Comparison("tags", "hook and eye", ">", 0)),
        ("tags:a>b>=0.5", Comparison("tags", "a>b", ">=", 0.5)),
        ("tags:ratio 16:9>0.1", Comparison("tags", "ratio 16:9", ">", 0.1)),
        ("facts:format=JPEG", Comparison("facts", "format", "=", "JPEG")),
        ("facts:mode = 'I;16'", Comparison("facts", "mode", "=", "I;16")),
        ('facts:code="007"', Comparison("facts", "code", "=", "007")),
        ("faces >= 2", Comparison("faces", "", ">=", 2)),
        ("faces:face>=.8 >= 2", Comparison("faces", "face", ">=", 0.8, (">=", 2))),
        ("faces:face>=.8=0", Comparison("faces", "face", ">=", 0.8, ("=", 0))),
    ],
)
def test_comparisons(text, rule):
    assert is_rule(text)
    assert parse_rule(text) == rule


def Not(rule):  # noqa: N802 - read as a word in the tables below
    return Joined("not", (rule,))


A, B, C = (Comparison(name, "", ">=", 1) for name in "abc")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a>=1 and b>=1 or c>=1", Joined("or", (Joined("and", (A, B)), C))),
        ("a>=1 or b>=1 AND c>=1", Joined("or", (A, Joined("and", (B, C))))),
        ("(a>=1 or b>=1) and c>=1", Joined("and", (Joined("or", (A, B)), C))),
        ("not a>=1 and b>=1", Joined("and", (Not(A), B))),
        ("Not(a>=1 and b>=1)", Not(Joined("and", (A, B)))),
        ("not not ((a>=1))", Not(Not(A))),
        ("a>=1 and not b>=1 and c>=1", Joined("and", (A, Not(B), C))),
    ],
)
def test_words_and_parentheses(text, rule):
    assert parse_rule(text) == rule


def test_a_table_may_begin_like_a_word():
    assert [one.table for one in comparisons(parse_rule("notes>=1 and order>=1"))] == [
        "notes",
        "order",
    ]


SIGNS = st.sampled_from(sorted(OPERATORS))
NAMES = (
    st.text(st.sampled_from("aB1 ,-:>=()'andort"), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)
NUMBERS = st.integers(-1000, 1000).map(lambda n: n / 8)
COUNTS = st.tuples(SIGNS, st.integers(0, 99))
TABLE = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"and", "or", "not"}
)
LEAVES = st.one_of(
    st.builds(
        Comparison,
        TABLE,
        NAMES,
        SIGNS,
        NUMBERS,
        st.none() | COUNTS,
    ),
    st.builds(Comparison, TABLE, NAMES, st.sampled_from(["=", "!="]), NAMES),
    st.builds(lambda table, count: Comparison(table, "", *count), TABLE, COUNTS),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(
            Joined,
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3).map(tuple),
        )
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(RULES)
def test_what_is_written_is_read_again(rule):
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("", "at its end", "a comparison is expected here: TABLE:NAME"),
        ("tags", "at its end", "is expected after 'tags'"),
        ("tags:Crowd", "at its end", "is expected after 'tags:Crowd'"),
        ("tags:Crowd>=", "at its end", "a value is expected here"),
        ("tags:>=0.5", "at character 6", "the name of a tag or a column is expected here"),
        ("tags:''>=0.5", "at character 6", "nothing between the quotation marks"),
        ("tags:'Crowd>=0.5", "at character 6", "this quotation mark is never closed"),
        ("tags:Crowd>=half", "at character 13", "a number is expected after >="),
        ("tags:Crowd>=50%", "at character 13", r"write 0\.5 for 50 %"),
        ("tags:Crowd>=nan", "at character 13", "a number is expected"),
        ("tags:Crowd=>0.5", "at character 12", "there is no such comparison"),
        ("tags Crowd>=.5", "at character 6", "is expected after 'tags'"),
        ("tags:hook and eye>=0.5", "at character 11", "is put in quotes"),
        ("faces>=x", "at character 8", "a number is expected after >="),
        (
            "faces:face>=0.5 >= 1.5",
            "at character 22",
            "from 0 is expected and not 1.5",
        ),
        ("faces>=2 and", "at its end", "a comparison is expected here"),
        ("faces>=2 and or tags>=1", "at character 14", "a comparison is expected here"),
        ("faces>=2 tags>=1", "at character 10", "and, or, or the end of the rule is expected"),
        ("(faces>=2", "at character 1", "this parenthesis is never closed"),
        ("(faces>=2 tags>=1)", "at character 11", "or a closing parenthesis is expected"),
        ("faces>=2)", "at character 9", "no parenthesis is open here"),
        ("()", "at character 2", "a comparison is expected here"),
        ("not", "at its end", "a comparison is expected here"),
        ("0.5<=tags:Crowd", "at character 1", "a comparison is expected here"),
        ("tags:Crowd>=0.5 & faces>=2", "at character 17", "and, or, or the end"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, where, why):
    with pytest.raises(ParameterError, match=why) as caught:
        parse_rule(text)
    assert f"The rule {text!r} is not understood {where}" in str(caught.value)


def test_tags_ignore_case_and_take_the_best_score():
    found = apply_rule(parse_rule("tags:crowd>=0.5"), TABLES, ["c", "b", "a", "d"])
    assert found.to_dict() == {"c": False, "b": True, "a": True, "d": False}
    assert list(found.index) == ["c", "b", "a", "d"]
    assert found.name == "tags:crowd>=0.5"


@pytest.mark.parametrize(
    ("rule", "yes", "no", "missing"),
    [
        ("tags:Street Sign>0", "a", "bcd", ""),
        ("tags:Ice_Cream>0", "c", "abd", ""),
        # An absent tag has the score zero.
        ("tags:crowd<0.1", "cd", "ab", ""),
        ("tags:crowd=0", "cd", "ab", ""),
        ("facts:width>=1000", "ac", "b", "d"),
        ("facts:Width>1000", "c", "ab", "d"),
        ("facts:alpha==1", "a", "bc", "d"),
        ("facts:alpha=true", "a", "bc", "d"),
        ("facts:alpha=no", "bc", "a", "d"),
        ("facts:dpi>100", "c", "a", "bd"),
        ("facts:dpi!=72", "c", "a", "bd"),
        ("facts:format=jpeg", "a", "b", "cd"),
        ("facts:format!='JPEG'", "b", "a", "cd"),
        ("faces>=2", "ab", "c", "d"),
        ("faces=0", "c", "ab", "d"),
        ("faces<3", "bc", "a", "d"),
        ("tags>2", "a", "bcd", ""),
        ("words>=1", "b", "acd", ""),
        ("faces:face>=0.8", "a", "bc", "d"),
        ("faces:face>=0.8 >= 2", "a", "bc", "d"),
        ("faces:face>=0.8 >= 3", "", "abc", "d"),
        ("faces:Face>=0 = 1", "b", "ac", "d"),
        ("not faces>=2", "c", "ab", "d"),
        ("faces>=2 and tags:crowd>=0.6", "a", "bcd", ""),
        ("faces>=2 or tags:crowd>=0.6", "ab", "c", "d"),
        ("not (faces>=2 and tags:crowd>=0.6)", "bcd", "a", ""),
        ("faces>=1 and facts:dpi>0", "a", "c", "bd"),
        # What is not known does not matter where the other comparison decides.
        ("facts:dpi>100 or tags:crowd>=0.5", "abc", "", "d"),
        ("facts:dpi>100 and tags:crowd>=0.9", "", "abcd", ""),
    ],
)
def test_answers(rule, *, yes, no, missing):
    assert told(rule) == (yes, no, missing)


def test_nullable_columns_are_read():
    rows = Rows(Shape.SCALAR, FACTS.assign(dpi=pd.array([72, None, 300], dtype="Int64")), ALL)
    found = apply_rule(parse_rule("facts:dpi>100"), {"facts": rows}, list("abc"))
    assert found.to_dict() == {"a": False, "c": True}


def test_a_measure_that_found_nothing_is_counted_as_none():
    nothing = Rows(Shape.REGION, FACES.iloc[:0], list("ab"))
    found = apply_rule(parse_rule("faces>=1"), {"faces": nothing}, list("abc"))
    assert found.to_dict() == {"a": False, "b": False}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("tags:Crowds>=0.5", r"no item has the tag 'Crowds' .* Did you mean 'C"),
        ("tags:Crowd>=50", r"write 0\.5 for 50 %, and tags:Crowd>=0\.5 >= 2 to count"),
        ("tags:Crowd=many", "is compared with a number and not with a text"),
        ("facts:widht>1", r"no column 'widht'\. Did you mean 'width'"),
        ("facts:zzz>1", r"no column 'zzz'\. It has: width, dpi, alpha, format"),
        ("facts:format>1", "'format' .* holds texts, which are compared with = or != only"),
        ("facts:width=wide", "'width' .* is numeric and cannot be compared with the text 'wide'"),
        ("facts>=1", "one row for each item, .*name a column of it: facts:NAME"),
        ("facts:width>=5 >= 2", "'facts' has no tags or regions to count by their names"),
        ("words:hear>=1", "no column 'hear'"),
    ],
)
@pytest.mark.parametrize("before", ["", "faces>=2 and "])
def test_what_the_tables_do_not_have_is_told_with_its_place(rule, why, before):
    with pytest.raises(ParameterError, match=why) as caught:
        apply_rule(parse_rule(before + rule), TABLES, ALL)
    assert f"(character {len(before) + 1} of the rule)" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "variable", "positive"),
    [
        (["0", "1", "1"], "x", "1"),
        ([0.0, 1.0], "x", "1.0"),
        (["-1", "1"], "x", "1"),
        ([True, False], "x", "True"),
        (["Yes", "No"], "x", "Yes"),
        (["positive", "negative"], "x", "positive"),
        (["protest", "street"], "Protest", "protest"),
        (["no_smile", "smile"], "expression", "smile"),
        (["smile", "not smile"], "expression", "smile"),
        (["face", "non-face"], "x", "face"),
        (["nonface", "face"], "x", "face"),
        (["crowd", "none"], "x", "crowd"),
        (["leader", "other"], "x", "leader"),
    ],
)
def test_the_positive_value_is_told(values, variable, positive):
    assert positive_value(values, variable) == positive


@pytest.mark.parametrize("values", [["ants", "bees"], ["1", "2"], ["3", "0"], ["yes", "present"]])
def test_where_it_cannot_be_told_the_user_is_asked(values):
    with pytest.raises(ParameterError, match=r"Which value of 'insect' .*--positive"):
        positive_value(values, "insect")


@pytest.mark.parametrize("values", [["a"], ["a", "b", "c"], []])
def test_it_needs_two_values(values):
    with pytest.raises(ParameterError, match=f"'x' has {len(values)} values"):
        positive_value(values, "x")


def test_the_users_choice_counts_if_it_exists():
    assert positive_value(["ants", "bees"], "insect", positive="ants") == "ants"
    assert positive_value(["a", "b", "c"], "x", positive="c") == "c"
    with pytest.raises(
        ParameterError, match="'wasp' is no value of 'insect'; its values are 'ants', 'bees'"
    ):
        positive_value(["ants", "bees"], "insect", positive="wasp")
