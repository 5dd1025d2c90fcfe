import numpy as np
import pytest

from mediacorpus.errors import ModelError
from mediacorpus.extras import need
from mediacorpus.networks.efficientnet_graph import graph
from mediacorpus.networks.lite import load_network
from mediacorpus.networks.onnx_session import Session
from mediacorpus.networks.views import preprocess


@pytest.fixture(scope="module")
def network():
    return load_network()


def eager(network, pixels):
    """The reference: timm's network in PyTorch on normalised pixels."""
    torch = need("torch")
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        embedding = network.forward_head(network.forward_features(x), pre_logits=True)
        return embedding.numpy(), network.get_classifier()(embedding).numpy()


def session(network, classes, folder):
    tensors = [tensor.detach().numpy() for tensor in network.state_dict().values()]
    names = "[" + ", ".join(f'"class {k}"' for k in range(classes)) + "]"
    path = folder / "network.onnx"
    path.write_bytes(graph(tensors, {"classes": names}).SerializeToString())
    return Session(path)


def test_graph_equals_eager_network_on_photographs(network, photographs, tmp_path):
    pixels = np.stack([preprocess(p) for p in photographs.batch(8).pixels])
    embedding, logits = session(network, 1000, tmp_path).run(pixels)
    expected = eager(network, pixels)
    assert np.abs(embedding - expected[0]).max() < 1e-4
    assert np.abs(logits - expected[1]).max() < 1e-4


def test_graph_takes_another_number_of_classes(tmp_path):
    torch = need("torch")
    torch.manual_seed(0)
    network = load_network()
    network.reset_classifier(3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    embedding, logits = session(network, 3, tmp_path).run(pixels)
    expected = eager(network, pixels)
    assert logits.shape == (2, 3)
    assert np.abs(embedding - expected[0]).max() < 1e-4
    assert np.abs(logits - expected[1]).max() < 1e-4


def test_weights_of_another_network_are_refused(network):
    tensors = [tensor.detach().numpy() for tensor in network.state_dict().values()]
    with pytest.raises(ModelError, match="found 295 tensors"):
        graph(tensors[1:], {})
    with pytest.raises(ModelError, match="1280"):
        graph([*tensors[:-2], np.zeros((1000, 512)), tensors[-1]], {})
