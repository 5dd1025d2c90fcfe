"""Proxies: the expression, its answers, and which value is the positive one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError
from mediacorpus.validation.proxy import OPERATORS, Proxy, apply_proxy, parse_proxy, positive_value

TAGS = pd.DataFrame(
    {
        "item": ["a", "a", "a", "b", "c"],
        "run": 1,
        "rank": [1, 2, 3, 1, 1],
        "tag": ["Crowd", "street_sign", "crowd", "CROWD", "ice cream"],
        "score": [0.4, 0.3, 0.6, 0.5, 0.9],
    }
)


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("tags:Crowd>=0.5", Proxy("tags", "Crowd", ">=", 0.5)),
        (" tags : ice cream  <  .25 ", Proxy("tags", "ice cream", "<", 0.25)),
        ("facts:width>=1000", Proxy("facts", "width", ">=", 1000)),
        ("facts:alpha==1", Proxy("facts", "alpha", "==", 1)),
        ("a_1:x<=-1e-3", Proxy("a_1", "x", "<=", -0.001)),
        ('tags:"tabby, tabby cat">0', Proxy("tags", "tabby, tabby cat", ">", 0)),
        ("tags:a>b>=0.5", Proxy("tags", "a>b", ">=", 0.5)),
        ("tags:ratio 16:9>0.1", Proxy("tags", "ratio 16:9", ">", 0.1)),
    ],
)
def test_expressions(text, proxy):
    assert parse_proxy(text) == proxy


@settings(deadline=None)
@given(
    st.builds(
        Proxy,
        st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
        st.from_regex(r"[A-Za-z]([A-Za-z0-9 ,-]{0,10}[A-Za-z])?", fullmatch=True),
        st.sampled_from(sorted(OPERATORS)),
        st.integers(-1000, 1000).map(lambda n: n / 8),
    )
)
def test_what_is_written_is_read_again(proxy):
    assert parse_proxy(str(proxy)) == proxy


@pytest.mark.parametrize(
    "text",
    ["", "tags", "tags:Crowd", "tags:Crowd=0.5", "tags:Crowd>=", "tags:>=0.5", "Crowd>=0.5",
     "tags:Crowd>=half", "tags:Crowd>=50%", "tags:''>=0.5", "tags:Crowd>=nan", "tags Crowd>=.5"],
)  # fmt: skip
def test_malformed_expressions_show_the_form(text):
    with pytest.raises(
        ParameterError, match=r"is not understood; write TABLE:NAME .* tags:Crowd>=0\.5"
    ):
        parse_proxy(text)


def test_tags_ignore_case_and_take_the_best_score():
    found = apply_proxy(parse_proxy("tags:crowd>=0.5"), TAGS, ["c", "b", "a", "d"])
    assert found.to_dict() == {"c": False, "b": True, "a": True, "d": False}
    assert list(found.index) == ["c", "b", "a", "d"]
    assert found.dtype == bool
    assert found.attrs["missing"] == 0
    assert found.name == "tags:crowd>=0.5"


def test_underscores_are_blanks():
    assert apply_proxy(parse_proxy("tags:Street Sign>0"), TAGS, ["a"]).tolist() == [True]
    assert apply_proxy(parse_proxy("tags:Ice_Cream>0"), TAGS, ["c"]).tolist() == [True]


def test_an_absent_tag_has_the_score_zero():
    assert apply_proxy(parse_proxy("tags:crowd<0.1"), TAGS, ["c", "b"]).tolist() == [True, False]
    assert apply_proxy(parse_proxy("tags:crowd==0"), TAGS, ["c", "b"]).tolist() == [True, False]


def test_a_tag_that_no_item_has_lists_near_names():
    with pytest.raises(ParameterError, match=r"No item has the tag 'Crowds' .* Did you mean 'C"):
        apply_proxy(parse_proxy("tags:Crowds>=0.5"), TAGS, ["a"])


def test_a_threshold_in_percent_is_refused_for_tags():
    with pytest.raises(ParameterError, match=r"write 0\.5 for 50 %"):
        apply_proxy(parse_proxy("tags:Crowd>=50"), TAGS, ["a"])


FACTS = pd.DataFrame(
    {
        "item": ["a", "b", "c"],
        "run": 1,
        "width": [1000, 999, 2000],
        "dpi": [72.0, np.nan, 300.0],
        "alpha": [True, False, False],
        "format": ["JPEG", "PNG", "JPEG"],
    }
)


def test_columns_are_compared():
    assert apply_proxy(parse_proxy("facts:width>=1000"), FACTS, list("abc")).tolist() == [
        True,
        False,
        True,
    ]
    assert apply_proxy(parse_proxy("facts:Width>1000"), FACTS, list("abc")).tolist() == [
        False,
        False,
        True,
    ]
    assert apply_proxy(parse_proxy("facts:alpha==1"), FACTS, list("abc")).tolist() == [
        True,
        False,
        False,
    ]


def test_missing_values_and_rows_are_left_out_and_counted():
    found = apply_proxy(parse_proxy("facts:dpi>100"), FACTS, list("abcd"))
    assert found.to_dict() == {"a": False, "c": True}
    assert found.attrs["missing"] == 2


def test_nullable_columns_are_read():
    rows = FACTS.assign(dpi=pd.array([72, None, 300], dtype="Int64"))
    assert apply_proxy(parse_proxy("facts:dpi>100"), rows, list("abc")).to_dict() == {
        "a": False,
        "c": True,
    }


def test_wrong_columns_are_named():
    with pytest.raises(ParameterError, match=r"no column 'widht'\. Did you mean 'width'"):
        apply_proxy(parse_proxy("facts:widht>1"), FACTS, ["a"])
    with pytest.raises(
        ParameterError, match=r"no column 'zzz'\. It has: width, dpi, alpha, format"
    ):
        apply_proxy(parse_proxy("facts:zzz>1"), FACTS, ["a"])
    with pytest.raises(ParameterError, match="'format' of the table 'facts' is not numeric"):
        apply_proxy(parse_proxy("facts:format>1"), FACTS, ["a"])


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
