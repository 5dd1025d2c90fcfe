import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.measures.efficientnet import forward, open_session
from mediacorpus.measures.imagenet import class_names
from mediacorpus.measures.tags import tags


def test_known_photographs_get_their_names(photographs, forwarded):
    names = class_names()
    values = tags()(forwarded)
    found = [
        names[wnid] in [tag.tag for tag in value]
        for wnid, value in zip(photographs.wnids, values, strict=True)
    ]
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("top", [1, 3, 1000])
def test_top_tags_are_the_best_of_all(photographs, top):
    batch = photographs.batch(2)
    for value, logits in zip(tags(top=top)(batch), forward(batch, open_session())[1], strict=True):
        odds = np.exp(logits.astype(np.float64))
        best = np.sort(odds / odds.sum())[::-1]
        np.testing.assert_allclose([tag.score for tag in value], best[:top], atol=1e-6)
        assert len({tag.tag for tag in value}) == top


def test_all_scores_sum_to_one(photographs):
    [value] = tags(top=1000)(photographs.batch(1))
    assert sum(tag.score for tag in value) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("top", [0, -1, 1001, 2.5, "5", None])
def test_top_is_checked(top):
    with pytest.raises(ParameterError, match="from 1 to 1000"):
        tags(top=top)
