"""All networks by name: a new last layer, cut into blocks that do what the whole does."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError, UnknownName, WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.networks.backbones import BACKBONES, backbone_info, create
from mediacorpus.networks.scratch import scratch_names

WANTED = {
    "efficientnet_lite0",
    "alexnet",
    *(f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")),
    *(f"resnet{n}" for n in (18, 34, 50, 101, 152)),
    *("squeezenet1_0", "squeezenet1_1"),
    *(f"densenet{n}" for n in (121, 161, 169, 201)),
    "inception_v3",
    "googlenet",
}
LIGHT = ("efficientnet_lite0", "resnet18", "squeezenet1_1")


def check(name):
    torch = need("torch")
    network = create(name, weights="random", classes=3)
    network.module.eval()
    size = network.size
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network.module(x)
        parts = x
        for block in network.blocks:
            parts = block(parts)
        parts = network.head.eval()(parts)
    assert whole.shape == (1, 3)
    assert torch.allclose(whole, parts, atol=1e-4)
    last = network.module.get_submodule(network.last)
    assert float(last.weight.detach().std()) == pytest.approx(0.01, rel=0.15)
    assert float(last.bias.detach().abs().max()) == 0


def test_every_network_is_there():
    assert set(BACKBONES.names()) == WANTED | set(scratch_names())
    for info in BACKBONES:
        assert info.licence
        assert info.citation
        assert info.summary


@pytest.mark.parametrize("name", LIGHT)
def test_light_networks(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WANTED - set(LIGHT)))
def test_heavy_networks(name):
    check(name)


def test_networks_of_timm():
    check("timm:resnet10t")
    assert backbone_info("timm:resnet10t").licence
    with pytest.raises(UnknownName, match="timm has no network"):
        create("timm:resnet10x", weights="random", classes=2)


def test_unknown_networks_list_near_names():
    with pytest.raises(UnknownName, match="'resnet18'"):
        create("resnet19", weights="random", classes=2)


def test_the_weights_on_board_are_imagenets():
    network = create("efficientnet_lite0", classes=2)
    random = create("efficientnet_lite0", weights="random", classes=2)
    one, other = network.module.conv_stem.weight, random.module.conv_stem.weight
    assert not np.allclose(one.detach().numpy(), other.detach().numpy())


def test_weights_from_a_file(tmp_path):
    torch, safe = need("torch"), need("safetensors.torch")
    source = create("resnet18", weights="random", classes=1000, seed=5)
    state = source.module.state_dict()
    torch.save(state, tmp_path / "w.pth")
    safe.save_file(state, tmp_path / "w.safetensors")
    for file in ("w.pth", "w.safetensors"):
        loaded = create("resnet18", weights=str(tmp_path / file), classes=2)
        assert torch.equal(loaded.module.conv1.weight, source.module.conv1.weight)
        assert loaded.module.fc.weight.shape == (2, 512)
    del state["layer1.0.conv1.weight"]
    safe.save_file(state, tmp_path / "short.safetensors")
    with pytest.raises(ParameterError, match=r"layer1\.0\.conv1\.weight"):
        create("resnet18", weights=str(tmp_path / "short.safetensors"), classes=2)


def test_weights_files_that_cannot_be_used(tmp_path):
    with pytest.raises((WeightsNotFound, ParameterError)):
        create("resnet18", weights=str(tmp_path / "none.safetensors"), classes=2)
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises((WeightsNotFound, ParameterError)):
        create("resnet18", weights=str(tmp_path / "junk.pth"), classes=2)


def test_code_in_a_weights_file_does_not_run(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    need("torch").save({"fc.weight": Evil()}, tmp_path / "evil.pth", pickle_module=pickle)
    with pytest.raises((WeightsNotFound, ParameterError)):
        create("resnet18", weights=str(tmp_path / "evil.pth"), classes=2)
    assert not (tmp_path / "ran").exists()


def test_published_weights_need_the_network(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsNotFound, match="efficientnet_lite0"):
        create("resnet18", classes=2)
