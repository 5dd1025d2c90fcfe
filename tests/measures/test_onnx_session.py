import threading

import numpy as np
import pytest

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.measures.efficientnet import onnx_file
from mediacorpus.networks.onnx_session import CHUNK, Session
from mediacorpus.networks.stored import store


@pytest.fixture(scope="module")
def session():
    return Session(onnx_file())


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (CHUNK + 3, 224, 224, 3), dtype=np.uint8)


def test_any_number_of_images_gives_the_same_rows(session, pixels):
    embedding, logits = session.run(pixels)
    assert embedding.shape == (CHUNK + 3, 1280)
    assert embedding.dtype == logits.dtype == np.float32
    for k in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        alone = session.run(pixels[k : k + 1])
        np.testing.assert_allclose(alone[0][0], embedding[k], atol=1e-4)
        np.testing.assert_allclose(alone[1][0], logits[k], atol=1e-4)
    assert np.abs(logits[0] - logits[1]).max() > 1e-2


def test_no_images_give_no_rows(session, pixels):
    embedding, logits = session.run(pixels[:0])
    assert embedding.shape == (0, 1280)
    assert logits.shape == (0, 1000)


def test_threads_share_a_session(session, pixels):
    expected = session.run(pixels)[1]
    found = []

    def work():
        found.extend(session.run(pixels)[1] for _ in range(2))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for logits in found:
        np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 224, 224, 3), np.float32),
        np.zeros((1, 3, 224, 224), np.uint8),
        np.zeros((224, 224, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(session, wrong):
    with pytest.raises(ParameterError, match=r"uint8 pixels \(N, 224, 224, 3\)"):
        session.run(wrong)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx cannot be read"):
        Session(tmp_path / "none.onnx")


def test_a_damaged_file_is_refused(tmp_path):
    path = store(tmp_path / "network.onnx", onnx_file().read_bytes())
    Session(path)
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    with pytest.raises(ModelError, match="is damaged"):
        Session(path)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(ModelError, match="no network that ONNX Runtime can load"):
        Session(path)


def test_a_network_of_another_form_is_refused(tmp_path):
    helper = need("onnx.helper")
    value = [helper.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
    node = helper.make_node("Relu", ["x"], ["y"])
    model = helper.make_model(
        helper.make_graph([node], "other", value[:1], value[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"from \['x'\] to \['y'\]"):
        Session(path)


def test_a_network_must_name_its_classes(tmp_path):
    model = need("onnx").load(onnx_file())
    del model.metadata_props[:]
    path = tmp_path / "nameless.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="names 0 classes"):
        Session(path)
