"""Networks from a line: what is read, what is refused, and what is built."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.networks.line import INITS, MOST_WEIGHTS, check_line
from mediacorpus.networks.scratch import is_line, scratch_names, scratch_network, taught_dropout

LENET = "conv20x5-relu-pool-conv50x5-relu-pool-dense500-relu"
MLP = "flatten-dense300-relu-dense100-relu"


@pytest.mark.parametrize(("line", "name"), [(LENET, "lenet"), (MLP, "mlp")])
def test_a_taught_network_written_as_a_line_is_the_same(line, name):
    mine = scratch_network(line, classes=10, size=28, gray=True).module
    taught = scratch_network(name, classes=10).module
    assert [type(layer) for layer in mine] == [type(layer) for layer in taught]
    for own, other in zip(mine.state_dict().values(), taught.state_dict().values(), strict=True):
        assert np.array_equal(own.numpy(), other.numpy())


@pytest.mark.parametrize("size", [8, 15, 28, 33])
@pytest.mark.parametrize(
    "line",
    [
        "conv8x4-gelu-avgpool-conv4x2s2-tanh-bn-drop.2",
        "conv8s2-leaky-batchnorm-pool-globalpool-dense16-sigmoid-bn-dropout0.5-dense8",
        "pool3-flatten",
        "DENSE12-relu",
    ],
)
def test_what_is_checked_is_what_is_built(line, size):
    import torch

    network = scratch_network(line, classes=3, size=size, gray=False)
    count = sum(p.numel() for p in network.module[:-1].parameters())
    assert count == check_line(line, size=size, channels=3)
    assert network.module.eval()(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_the_last_share_dropped_is_the_setting_dropout():
    assert taught_dropout("dense10-relu-drop0.3") == 0.3
    network = scratch_network("conv4-pool-drop0.3", classes=2, size=8, dropout=0.6)
    assert network.head[0].p == 0.6
    settings = TrainSettings("scratch", arch="dense10-relu-drop0.3").complete()
    assert settings.dropout == 0.3


@pytest.mark.parametrize("init", INITS)
def test_first_weights(init):
    module = scratch_network("conv16-relu-dense64", classes=2, init=init, size=12, seed=1).module
    weight = module.dense1.weight.detach().numpy()
    fan_in, fan_out = weight.shape[1], weight.shape[0]
    wanted = {
        "xavier": np.sqrt(2 / (fan_in + fan_out)),
        "he": np.sqrt(2 / fan_in),
        "normal": 0.05,
        "orthogonal": 1 / np.sqrt(fan_in),
    }[init]
    assert weight.std() == pytest.approx(wanted, rel=0.05)
    assert not module.dense1.bias.detach().numpy().any()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("conv32-rellu", r"'rellu', number 2 .*Did you mean 'relu'"),
        ("konv32-relu", r"'konv32', number 1"),
        ("conv-relu", "write convN"),
        ("relu5-dense3", "write relu"),
        ("dense", "write denseN"),
        ("conv32--relu", r"'', number 2"),
        ("dense0-relu", "from 1 to 65,536"),
        ("conv9999-relu", "from 1 to 4,096"),
        ("dropout5-dense3", "0 to 0.95"),
        ("drop-dense3", "write dropout"),
        ("pool2x3-dense3", "only convolutions"),
        ("conv8x99-relu", "from 1 to 16"),
        ("dense1.5-relu", "from 1 to"),
        ("dense10-conv8", "after a dense layer"),
        ("pool-pool-pool-pool-pool", "only 1 x 1 places are left"),
        ("flatten-dense65536-dense65536", f"at most {MOST_WEIGHTS:,}"),
        ("-".join(["relu"] * 99), "99 layers"),
    ],
)
def test_what_is_not_understood_is_said_before_training(line, said):
    with pytest.raises(ParameterError, match=said):
        TrainSettings("scratch", arch=line).check()


def test_names_and_lines_are_told_apart():
    assert not any(map(is_line, scratch_names()))
    with pytest.raises(UnknownName, match=r"Did you mean 'lenet'.*conv32-relu-pool-dense128"):
        TrainSettings("scratch", arch="lenett").check()
    with pytest.raises(ParameterError, match="autoencoder"):
        TrainSettings("scratch", arch="autoencoder", gray=True).check()
    with pytest.raises(ParameterError, match="at least 8"):
        TrainSettings("scratch", arch="lenet", size=4).check()
