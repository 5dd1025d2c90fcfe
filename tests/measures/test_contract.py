"""Every registered measure keeps the contract."""

import pytest

from mediacorpus.engine.contract import MEASURES
from mediacorpus.testing import check_measure


@pytest.mark.parametrize("name", MEASURES.names())
def test_measure_keeps_the_contract(name):
    check_measure(MEASURES.info(name), MEASURES.get(name))


def test_the_measures_on_board_are_registered():
    assert {"facts", "tags", "embedding"} <= set(MEASURES.names())


@pytest.mark.parametrize("name", MEASURES.names())
def test_measure_states_what_it_needs(name):
    info = MEASURES.info(name)
    assert info.extra in {"", "models", "descriptors"}
    assert info.summary.endswith(".")
    assert not info.extra or info.citation
