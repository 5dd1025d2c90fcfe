"""The networks of teaching: as published, cut as any other, gray where gray is taught."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import UnknownName, WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import BACKBONES, create
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.networks.scratch import scratch_names, taught_dropout

PARAMETERS = {
    "mlp": 266_610,  # Géron (2019), ch. 10: model.summary() of the network for Fashion-MNIST
    "autoencoder": 512 * 3073 + 128 * 513 + 32 * 129 + 10 * 33,
    # By hand: 20 (5·5 + 1) + 50 (20·5·5 + 1) + 500 (50·7·7 + 1) + 10 (500 + 1)
    "lenet": 520 + 25_050 + 1_225_500 + 5_010,
    "shallownet": 32 * (27 + 1) + 10 * (32 * 32 * 32 + 1),
    "minivggnet": 896 + 9_248 + 18_496 + 36_928 + 512 * (64 * 64 + 1) + 5_130,
    "minivggnet_bn": 2_168_362 + 2 * (32 + 32 + 64 + 64 + 512),
    "minivggnet_gray": 320 + 9_248 + 18_496 + 36_928 + 512 * (64 * 49 + 1) + 5_130,
    "minivggnet_bn_gray": 1_676_266 + 2 * (32 + 32 + 64 + 64 + 512),
}
LETTERS = Target(TargetKind.CLASSES, tuple("abcdefghij"))


def pixels(network, number=4):
    shape = (number, network.size, network.size, 3)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def test_they_are_listed_and_registered():
    assert scratch_names() == sorted(PARAMETERS)
    assert set(scratch_names()) <= set(BACKBONES.names())


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters_and_parts(name):
    torch = need("torch")
    network = create(name, weights="random", classes=10)
    assert sum(p.numel() for p in network.module.parameters()) == PARAMETERS[name]
    x = frozen.standardizer(network)(torch.from_numpy(pixels(network)))
    assert x.shape == (4, 1 if network.gray else 3, network.size, network.size)
    network.module.eval()
    with torch.inference_mode():
        whole, parts = network.module(x), x
        for block in (*network.blocks, network.head.eval()):
            parts = block(parts)
    assert torch.equal(whole, parts)
    weights = sum(p.numel() for part in (*network.blocks, network.head) for p in part.parameters())
    assert weights == PARAMETERS[name]


@pytest.mark.parametrize("name", ["lenet", "minivggnet_bn"])
def test_export_agrees(name):
    network = create(name, weights="random", classes=10)
    need("torch").nn.init.normal_(network.module.last.weight)
    network.module.eval()
    content = export.fitted_graph(network, target=LETTERS)
    assert export.agreement(network, content, pixels(network), target=LETTERS) < 1e-4


def test_the_fixed_part_of_a_gray_network(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    network = create("mlp", weights="random", classes=2)
    fixed, _ = frozen.split(network, 1)
    found = open_session(frozen.fixed_graph(network, fixed)).run(None, {"pixels": pixels(network)})
    assert found[0].shape == (4, 300)


def test_luma():
    """ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B; then (y - 0.5) / 0.5."""
    torch = need("torch")
    module = frozen.standardizer(create("lenet", weights="random", classes=2))
    color = torch.tensor([[[[10, 200, 90]]]], dtype=torch.uint8)
    luma = (0.299 * 10 + 0.587 * 200 + 0.114 * 90) / 255
    assert module(color).item() == pytest.approx(2 * luma - 1, abs=1e-6)


def test_dropout_before_the_last_layer():
    for name, share in (("minivggnet", 0.5), ("minivggnet", 0.0), ("mlp", 0.3)):
        network = create(name, weights="random", classes=2, dropout=share)
        assert network.head[0].p == share
        inner = [m.p for b in network.blocks for m in b if type(m).__name__ == "Dropout"]
        assert inner == ([0.25, 0.25] if name == "minivggnet" else [])
    assert taught_dropout("minivggnet_bn_gray") == 0.5
    with pytest.raises(UnknownName, match="'lenet'"):
        taught_dropout("lenett")


def test_the_seed_decides_the_weights():
    torch = need("torch")
    one, same, other = (create("lenet", weights="random", classes=2, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.module.conv1.weight, same.module.conv1.weight)
    assert not torch.equal(one.module.conv1.weight, other.module.conv1.weight)
    # Glorot and Bengio (2010): uniform within sqrt(6 / (inputs + outputs)).
    limit = (6 / (25 + 20 * 25)) ** 0.5
    assert 0.9 * limit < float(one.module.conv1.weight.detach().abs().max()) <= limit
    assert not one.module.conv1.bias.any()


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_there_are_no_pretrained_weights(name):
    with pytest.raises(WeightsNotFound, match="--method scratch"):
        create(name, classes=2)


def test_weights_from_a_file(tmp_path):
    torch, safe = need("torch"), need("safetensors.torch")
    source = create("lenet", weights="random", classes=10, seed=5)
    safe.save_file(source.module.state_dict(), tmp_path / "w.safetensors")
    loaded = create("lenet", weights=str(tmp_path / "w.safetensors"), classes=2)
    assert torch.equal(loaded.module.dense1.weight, source.module.dense1.weight)
    assert loaded.module.last.weight.shape == (2, 500)


def run(content, network):
    return open_session(content).run(None, {"pixels": pixels(network)})[0]


def test_an_architecture_is_exported_once_whatever_its_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    torch = need("torch")
    export_with_torch, exported = torch.onnx.export, []
    monkeypatch.setattr(
        torch.onnx, "export", lambda *a, **k: exported.append(a) or export_with_torch(*a, **k)
    )
    for seed in (1, 2):
        network = create("minivggnet_bn", weights="random", classes=10, seed=seed)
        torch.nn.init.normal_(network.module.last.weight)
        fixed, learning = frozen.split(network, "all")
        content = frozen.trace(network, [*fixed, *learning], "logits")
        assert b".py" not in content, "a shared model names no file of the machine"
        found = run(content, network)
        with torch.inference_mode():
            x = frozen.standardizer(network)(torch.from_numpy(pixels(network)))
            expected = network.module.eval()(x).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert len(exported) == 1


def test_a_module_that_computes_something_else_is_another(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    network = create("lenet", weights="random", classes=10)

    def scale(forward):
        return type("Scale", (need("torch.nn").Module,), {"forward": forward})()

    modules = [scale(lambda self, x: x * 2.0), scale(lambda self, x: x * 3.0)]
    assert str(modules[0]) == str(modules[1])
    twice, thrice = (run(frozen.trace(network, [module], "out"), network) for module in modules)
    np.testing.assert_allclose(thrice, 1.5 * twice, rtol=1e-5)
