"""Published figures of backbones, and what training them takes."""

from __future__ import annotations

import json

import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.errors import UnknownName
from mediacorpus.networks import published as room
from mediacorpus.networks.backbones import BACKBONES, backbone_info, create
from mediacorpus.networks.scratch import scratch_names


def test_every_backbone_is_listed_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    found = mc.backbones().set_index("backbone")
    assert set(BACKBONES.names()) - set(scratch_names()) <= set(found.index)
    assert found["source"].astype(bool).all()
    assert found["top1"].between(50, 90).all()
    assert found.loc["resnet50", ["top1", "top5"]].tolist() == [76.13, 92.862]
    assert found.loc["efficientnet_lite0", "here"]
    assert found["training_gb"].gt(0).all()
    assert found["top1"].is_monotonic_decreasing
    with pytest.raises(SystemExit):
        main(["backbones", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == len(found)


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "squeezenet1_1", "googlenet"])
def test_weights_are_as_many_as_published(name: str) -> None:
    module = create(name, weights="random", classes=1000).module
    count = sum(p.numel() for p in module.parameters()) / 1e6
    found = room.published(name)
    assert found is not None
    assert count == pytest.approx(found.millions, rel=0.005)


def test_googlenet_in_blocks_is_the_network() -> None:
    import torch

    network = create("googlenet", weights="random", classes=3)
    network.module.eval()
    x = torch.zeros(1, 3, 224, 224)
    y = x
    for block in (*network.blocks, network.head):
        y = block(y)
    assert torch.allclose(y, network.module(x), atol=1e-6)
    assert len(network.blocks) == 10


@pytest.mark.parametrize("name", ["xception", "senet", "seresnet50"])
def test_networks_that_only_timm_has_are_pointed_to(name: str) -> None:
    with pytest.raises(UnknownName, match="--backbone timm:legacy_"):
        backbone_info(name)


def test_memory_grows_with_the_batch() -> None:
    small, large = (room.training_memory("squeezenet1_1", 224, batch) for batch in (1, 64))
    assert small < large / 10
    assert room.published_words("timm:resnet10t") == ""
