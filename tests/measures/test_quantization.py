import numpy as np
import pytest

from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.measures.efficientnet import forward, onnx_file, open_session
from mediacorpus.measures.quantization import quantize
from mediacorpus.networks.stored import intact
from mediacorpus.networks.views import preprocess

GRAY = np.full((224, 224, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def int8(others, tmp_path_factory):
    target = tmp_path_factory.mktemp("int8") / "models" / "int8.onnx"
    return quantize(onnx_file(), (preprocess(p) for p in others), target)


def test_int8_agrees_with_fp32(int8, photographs, forwarded):
    _, exact = forward(forwarded, open_session())
    embedding, rounded = forward(forwarded, open_session("int8", int8))
    best = rounded.argmax(axis=1)
    assert (best == exact.argmax(axis=1)).mean() >= 0.94
    assert (best == photographs.classes).mean() >= 0.80
    assert embedding.shape == (200, 1280)


def test_int8_file_is_small_whole_and_alone(int8):
    assert int8.stat().st_size < onnx_file().stat().st_size / 3
    assert intact(int8)
    assert len(list(int8.parent.iterdir())) == 2


def test_measures_take_the_int8_file(int8, photographs):
    batch = photographs.batch(3)
    [first, *_] = MEASURES.get("tags")(top=1, precision="int8", model=int8)(batch)
    [vector, *_] = MEASURES.get("embedding")(precision="int8", model=str(int8))(batch)
    assert first[0].tag in open_session().classes
    assert vector.shape == (1280,)
    assert len(batch.shared) == 1


def test_fp32_and_int8_do_not_mix_in_one_batch(int8, photographs):
    batch = photographs.batch(2)
    exact, _ = forward(batch, open_session())
    rounded, _ = forward(batch, open_session("int8", int8))
    assert 0 < np.abs(exact - rounded).max() < 6


def test_images_are_needed(tmp_path):
    with pytest.raises(ParameterError, match="about 64"):
        quantize(onnx_file(), [], tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [GRAY[:100], GRAY.astype(np.float32)])
def test_images_must_be_preprocessed(tmp_path, wrong):
    with pytest.raises(ParameterError, match="as preprocess gives"):
        quantize(onnx_file(), [GRAY, wrong], tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_only_our_network_can_be_quantised(tmp_path, content):
    source = tmp_path / "source.onnx"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(ModelError, match=r"source\.onnx cannot be quantised"):
        quantize(source, [GRAY], tmp_path / "int8.onnx")
