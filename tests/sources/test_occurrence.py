"""What a source gives."""

import dataclasses
from pathlib import Path

import pytest

from mediacorpus.sources.occurrence import Occurrence


def test_an_occurrence_says_nothing_more_than_it_was_told():
    one = Occurrence("file:/a.jpg", Path("/a.jpg"))
    assert (one.label, one.part, one.sure, dict(one.columns)) == (None, None, True, {})
    assert Occurrence("b", Path("b")).columns is not one.columns
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.key = "other"
