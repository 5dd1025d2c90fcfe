"""Answers of an image and its mirror image, in the exported graph."""

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import create
from mediacorpus.networks.onnx_session import open_session

THREE = Target(TargetKind.CLASSES, ("a", "b", "c"))


def fitted(name, **given):
    """Make a network whose logits for `pixels` are about 1 in size."""
    torch = need("torch")
    network = create(name, weights="random", classes=3, **given)
    head = network.module.get_submodule(network.last).weight
    network.module.eval()
    with torch.inference_mode():
        whole = torch.nn.Sequential(frozen.standardizer(network), network.module)
        torch.nn.init.normal_(head)
        head /= whole(torch.from_numpy(pixels(network))).abs().mean()
    return network


def pixels(network, count=3):
    """Noise, darker to the left."""
    shape = (count, network.size, network.size, 3)
    noise = np.random.default_rng(1).integers(0, 256, shape)
    return (noise * np.linspace(0, 1, network.size)[:, None]).astype(np.uint8)


@pytest.mark.parametrize(
    "name", ["lenet", "efficientnet_lite0", pytest.param("squeezenet1_1", marks=pytest.mark.slow)]
)
def test_the_mean_of_both_sides(name):
    network = fitted(name)
    views = pixels(network)
    plain = open_session(export.fitted_graph(network, target=THREE))
    both = export.fitted_graph(network, target=THREE, tta=True)
    assert export.agreement(network, both, views, target=THREE, tta=True) < 1e-4

    def run(session, views):
        return session.run(None, {"pixels": views})[0]

    found = run(open_session(both), views)
    turned = np.ascontiguousarray(views[:, :, ::-1])
    shares = np.sqrt(run(plain, views) * run(plain, turned))
    np.testing.assert_allclose(found, shares / shares.sum(1, keepdims=True), atol=1e-4)
    assert np.abs(found - run(plain, views)).max() > 1e-4
    np.testing.assert_allclose(found, run(open_session(both), turned), atol=1e-5)


def test_any_number_of_images():
    network = fitted("lenet")
    session = open_session(export.fitted_graph(network, target=THREE, tta=True))
    for count in (0, 1, 5):
        assert session.run(None, {"pixels": pixels(network, count)})[0].shape == (count, 3)


def test_a_network_sees_images_of_another_size():
    network = fitted("efficientnet_lite0", size=96)
    views = pixels(network)
    content = export.fitted_graph(network, target=THREE)
    assert views.shape == (3, 96, 96, 3)
    assert export.agreement(network, content, views, target=THREE) < 1e-4
    fixed, _ = frozen.split(network, 2)
    maps = open_session(frozen.fixed_graph(network, fixed)).run(None, {"pixels": views})[0]
    assert maps.shape == (3, 192, 3, 3)


def test_a_size_that_a_network_cannot_see():
    frozen.check_size(create("squeezenet1_1", weights="random", classes=3, size=64))
    with pytest.raises(ParameterError, match="inception_v3 cannot see images of 32 x 32 pixels"):
        frozen.check_size(create("inception_v3", weights="random", classes=3, size=32))
