"""Embeddings, linear models and fine-tuning by any backbone; a new one is made in this one file."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.errors import (
    MissingExtra,
    ModelError,
    ParameterError,
    UnknownName,
    WeightsNotFound,
)
from mediacorpus.extras import need
from mediacorpus.measures.embedding import embedding
from mediacorpus.media.decode import load
from mediacorpus.networks.backbones import BACKBONES, Network, create
from mediacorpus.networks.views import plain_view
from mediacorpus.records import FileFacts, Info
from mediacorpus.testing.toys import toy_images

SIDE = 32


# A backbone: its facts, its layers, and where they are cut. Nothing else is needed for it.


def small(*, pretrained):
    """Make a network of two convolutions, which has no published weights."""
    if pretrained:
        raise WeightsNotFound("t_small has no published weights; name a file.")
    nn = need("torch.nn")
    module = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 12, 5), nn.ReLU(), nn.Flatten(2)
    )
    module.append(Mean.layer())
    module.append(nn.Linear(12, 5))
    return Network("t_small", module, "6", cut_small, size=SIDE, crop=1.0)


class Mean:
    """The mean over places, as a layer."""

    @staticmethod
    def layer():
        class Layer(need("torch.nn").Module):
            def forward(self, x):
                return x.mean(2)

        return Layer()


def cut_small(module, dropout):
    """Cut it: one block for each convolution, and the head."""
    nn = need("torch.nn")
    blocks = [module[0:2], module[2:4]]
    return blocks, nn.Sequential(module[4], module[5], nn.Dropout(dropout), module[6])


@pytest.fixture
def backbone():
    info = Info("t_small", "1", "Two convolutions.", "MIT", citation="A test", min_side=SIDE)
    BACKBONES.register(info)(small)
    yield "t_small"
    BACKBONES.remove("t_small")


@pytest.fixture
def weights(backbone, tmp_path):
    """Weights of a network that was made at random, as two kinds of file."""
    torch = need("torch")
    state = create(backbone, weights="random", classes=3, seed=5).module.state_dict()
    need("safetensors.torch").save_file(state, tmp_path / "small.safetensors")
    torch.save({"state_dict": state}, tmp_path / "small.pth")
    return tmp_path / "small.safetensors"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of their own, so that networks of random weights are not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDIACORPUS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def corpus(tmp_path):
    """Forty toys in two classes, with a split."""
    toy_images(tmp_path / "toys", 40, side=SIDE)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "toys", progress=False)
        files = corpus.records()
        labels = pd.DataFrame({"item": files["item"], "variable": "toy"})
        labels["value"] = ["warm" if "warm" in path else "cool" for path in files["path"]]
        corpus.import_labels(labels)
        corpus.split("toy", shares="60/20/20")
        yield corpus


def widths(corpus):
    """The lengths of the vectors in the table of embeddings."""
    return set(corpus.sql("SELECT DISTINCT len(vector) AS n FROM embedding")["n"])


def vectors_by_torch(corpus, weights):
    """What the layers before the last give for each item, computed without our export."""
    torch = need("torch")
    network = create("t_small", weights=str(weights), classes=2)
    layers = network.module[:6].eval()
    found = {}
    for item, path in zip(*[corpus.records()[c] for c in ("item", "path")], strict=True):
        pixels = plain_view(load(path), SIDE, 1.0)
        x = torch.from_numpy(pixels / 255).permute(2, 0, 1).float()
        mean, sd = (torch.tensor(v)[:, None, None] for v in (network.mean, network.sd))
        with torch.no_grad():
            found[item] = layers(((x - mean) / sd)[None])[0].numpy()
    return found


def test_a_backbone_that_is_made_in_one_file_does_it_all(corpus, weights):
    small_too = weights.with_suffix(".pth")
    measured = corpus.measure("embedding", backbone="t_small", weights=weights, progress=False)
    assert (measured.items, measured.failed) == (40, 0)
    assert widths(corpus) == {12}
    expected = vectors_by_torch(corpus, weights)
    rows = corpus.sql("SELECT item, vector FROM embedding")
    for item, vector in zip(rows["item"], rows["vector"], strict=True):
        assert np.allclose(vector, expected[item], atol=1e-4)

    # The other file holds the same weights, so the same rows are meant.
    again = corpus.measure("embedding", backbone="t_small", weights=small_too, progress=False)
    assert again.items == 0

    linear = corpus.train(
        "toy", name="linear", backbone="t_small", weights=str(weights), progress=False
    )
    assert linear.card["backbone"] == "t_small"
    assert linear.card["measured"]["parameters"]["backbone"] == "t_small"
    tuned = corpus.train(
        "toy",
        name="tuned",
        method="finetune",
        backbone="t_small",
        weights=str(weights),
        epochs=1,
        progress=False,
    )
    assert tuned.card["method"] == "finetune"
    for name in ("linear", "tuned"):
        assert corpus.apply(name, progress=False).items == 40
        assert corpus.validate(name, against="toy", progress=False).scores.n > 0


def test_a_linear_model_goes_on_with_the_very_network_that_it_learned_from(
    corpus, weights, monkeypatch
):
    corpus.train("toy", name="m", backbone="t_small", weights=str(weights), progress=False)
    # Another network is measured meanwhile, and what it came from is gone.
    corpus.measure("embedding", progress=False)
    assert widths(corpus) == {1280}
    weights.unlink()
    BACKBONES.remove("t_small")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert corpus.apply("m", progress=False).items == 40
    found = corpus.validate("m", against="toy", progress=False)
    own = corpus.sql("SELECT count(*) AS n FROM m WHERE rank = 1")["n"].item()
    assert (own, found.missing) == (40, 0)
    # It is kept in the corpus; without it there is no going on.
    [kept] = (corpus.folder / "networks").glob("t_small-*.onnx")
    kept.unlink()
    with pytest.raises(ModelError, match=r"t_small-.* is missing or damaged\. Put it back"):
        corpus.apply("m", progress=False)


def test_rows_of_two_networks_are_not_mixed(corpus, weights):
    corpus.measure("embedding", progress=False)
    assert widths(corpus) == {1280}
    corpus.measure("embedding", backbone="t_small", weights=weights, progress=False)
    assert widths(corpus) == {12}
    # The network on board by its name is the one without a name.
    assert corpus.measure("embedding", backbone="efficientnet_lite0", progress=False).items == 0
    assert widths(corpus) == {1280}
    corpus.measure("embedding", backbone="t_small", weights=weights, progress=False)
    linear = corpus.train("toy", name="m", progress=False)
    assert "backbone" not in linear.card["measured"]["parameters"]
    assert widths(corpus) == {1280}
    assert corpus.apply("m", progress=False).items == 40


def test_what_a_linear_model_on_another_backbone_looks_at(corpus, weights, tmp_path):
    corpus.train("toy", name="m", backbone="t_small", weights=str(weights), progress=False)
    item = corpus.records()["item"].iloc[0]
    [row] = corpus.explain("m", item, progress=False).rows
    assert row.map.shape == (SIDE, SIDE)
    predicted = corpus.apply("m", progress=False) and corpus.sql(
        f"SELECT tag, score FROM m WHERE item = '{item}' AND rank = 1"
    )
    assert row.predicted == predicted["tag"].item()
    assert row.probability == pytest.approx(predicted["score"].item(), abs=0.02)
    with pytest.raises(ParameterError, match="'cam' is for efficientnet_lite0; ask for 'occlus"):
        corpus.explain("m", item, method="cam", progress=False)


def test_mistakes_are_told(corpus, weights, monkeypatch):
    def measure(**parameters):
        corpus.measure("embedding", progress=False, **parameters)

    with pytest.raises(ParameterError, match="Random weights have learned nothing"):
        measure(backbone="t_small", weights="random")
    with pytest.raises(ParameterError, match="Random weights have learned nothing"):
        corpus.train("toy", name="m", backbone="t_small", weights="random", progress=False)
    with pytest.raises(WeightsNotFound, match="t_small has no published weights"):
        measure(backbone="t_small")
    with pytest.raises(WeightsNotFound, match="no file with weights"):
        measure(backbone="t_small", weights="none.pth")
    with pytest.raises(ParameterError, match="do not fit this backbone"):
        measure(backbone="resnet18", weights=weights)
    with pytest.raises(UnknownName, match="backbone 't_smal'"):
        measure(backbone="t_smal")
    with pytest.raises(ParameterError, match="int8 is made for efficientnet_lite0"):
        measure(backbone="t_small", weights=weights, precision="int8")
    with pytest.raises(ParameterError, match="backbone"):
        corpus.measure("color", backbone="t_small", progress=False)
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match="pretrained weights of resnet18 are not on this"):
        measure(backbone="resnet18")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch.*models"):
        measure(backbone="t_small", weights=weights)
    assert corpus.sql("SELECT count(*) AS n FROM runs WHERE verb = 'measure'")["n"].item() == 0


def test_on_the_command_line(corpus, weights):
    given = ["measure", str(corpus.folder), "embedding", "--quiet"]
    with pytest.raises(SystemExit) as end:
        main([*given, "--backbone", "t_small", "--weights", str(weights)])
    assert end.value.code == 0
    assert widths(corpus) == {12}


@pytest.mark.parametrize(
    ("name", "width"),
    [
        pytest.param("resnet18", 512, marks=pytest.mark.slow),
        ("squeezenet1_1", 512),
        pytest.param("timm:resnet10t", 512, marks=pytest.mark.slow),
    ],
)
def test_the_width_follows_the_network(tmp_path, name, width):
    """Also where the last layer is a convolution, and for timm's networks with a head of theirs."""
    network = create(name, weights="random", classes=4)
    file = tmp_path / "weights.pth"
    need("torch").save(network.module.state_dict(), file)
    measure = embedding(backbone=name, weights=file)
    assert measure.info.outputs == {"vector": str(width)}
    gray = np.full((300, 400, 3), 127, np.uint8)
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)
    facts = FileFacts("PNG", 400, 300, "RGB", 99)
    one, other = measure(Batch([BatchItem("a", facts, gray), BatchItem("b", facts, noise)]))
    assert one.shape == other.shape == (width,)
    assert not np.allclose(one, other)
