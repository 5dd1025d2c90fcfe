"""What can be asked for, and what is refused before anything is read."""

import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.sources.derive import SHOTS
from mediacorpus.sources.options import AddOptions


def test_nothing_asked_for():
    options = AddOptions()
    assert options.rules.frames is None
    assert options.box_columns is None
    assert not options.manner.allow_private
    assert options.manner.robots


def test_what_is_asked_for_goes_where_it_belongs():
    options = AddOptions(
        frames="shots", pages="1-3", dpi=72, parallel=3, rate=None, contact="a@example.org"
    )
    assert (options.rules.frames, options.rules.pages, options.rules.dpi) == (SHOTS, "1-3", 72)
    assert (options.manner.parallel, options.manner.rate) == (3, None)
    assert "a@example.org" in options.manner.agent


@pytest.mark.parametrize(
    "boxes", ["x,y,w,h", " x, y ,w,h", ["x", "y", "w", "h"], ("x", " y", "w", "h")]
)
def test_boxes_name_four_columns(boxes):
    assert AddOptions(boxes=boxes).box_columns == ("x", "y", "w", "h")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"frames": "often"}, "shots"),
        ({"frames": "every=0s"}, "above"),
        ({"frames": ""}, "shots"),
        ({"pages": "x"}, "x"),
        ({"pages": "3-1"}, "3-1"),
        ({"pages": "0"}, "0"),
        ({"pages": ""}, "pages"),
        ({"dpi": 0}, "0"),
        ({"dpi": 5000}, "5000"),
        ({"dpi": float("nan")}, "nan"),
        ({"boxes": "x,y,w"}, "four"),
        ({"boxes": "x,y,,h"}, "four"),
        ({"boxes": ""}, "four"),
        ({"box_unit": "metres"}, "fractions"),
        ({"parallel": 0}, "parallel"),
        ({"rate": 0}, "rate"),
        ({"rate": -1}, "rate"),
        ({"contact": "ä\n"}, "ASCII"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, word):
    with pytest.raises(ParameterError, match=word) as caught:
        AddOptions(**wrong)
    assert str(caught.value).endswith(".")
