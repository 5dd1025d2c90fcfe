import io
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.composition import INFO, composition, salience
from mediacorpus.records import FileFacts
from mediacorpus.testing import check_measure


def row(pixels) -> dict:
    pixels = np.asarray(pixels, np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    file = FileFacts("PNG", pixels.shape[1], pixels.shape[0], "RGB", pixels.nbytes)
    [value] = composition(Batch([BatchItem("a", file, pixels)]))
    return dict(value)


def spot(x: float, y: float, side: int = 240) -> np.ndarray:
    image = np.full((side, side), 255, np.uint8)
    cv2.circle(image, (round(x * side), round(y * side)), 8, 0, -1)
    return image


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (128, 160), np.uint8)


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    from skimage.data import camera

    return cv2.resize(camera(), (256, 256), interpolation=cv2.INTER_AREA)


def test_the_contract_is_kept():
    check_measure(INFO, lambda: composition)


def test_entropy_equals_scikit_image(camera):
    from skimage.measure import shannon_entropy

    assert row(camera)["entropy"] == pytest.approx(shannon_entropy(camera), abs=1e-6)


@pytest.mark.parametrize("levels", [1, 2, 4, 16, 256])
def test_entropy_of_even_levels_is_their_number_in_bits(levels):
    """Shannon (1948): log2 of the number of equally frequent levels."""
    image = np.tile(np.arange(256) // (256 // levels), (8, 1))
    assert row(image)["entropy"] == pytest.approx(math.log2(levels))


def test_edge_density_counts_the_pixels_of_an_outline():
    image = np.zeros((100, 100), np.uint8)
    image[:, 50:] = 255
    assert row(image)["edge_density"] == pytest.approx(0.01, abs=0.001)
    assert row(np.full((100, 100), 77))["edge_density"] == 0


def test_edge_density_agrees_with_scikit_image(camera):
    from skimage.feature import canny

    theirs = canny(camera.astype(float), sigma=1, low_threshold=100, high_threshold=200)
    ours = row(camera)["edge_density"]
    assert ours == pytest.approx(theirs.mean(), rel=0.35)
    assert 0.02 < ours < 0.3


def test_complexity_is_what_pillow_writes_without_its_header(camera):
    file = io.BytesIO()
    Image.fromarray(np.repeat(camera[..., None], 3, axis=2)).save(file, "JPEG", quality=75)
    data = file.getvalue()
    scan = data.index(b"\xff\xda") + 2
    written = len(data) - scan - int.from_bytes(data[scan : scan + 2], "big") - 2
    assert row(camera)["visual_complexity"] == pytest.approx(written / camera.size, rel=0.01)


def test_complexity_orders_flat_photograph_noise(camera, noise):
    found = [row(p)["visual_complexity"] for p in (np.zeros((128, 160)), camera, noise)]
    assert found[0] < 0.03 < found[1] < found[2] / 2


def test_symmetry_by_hand():
    """Pearson's r of (0, 100) with the mirrored half: 1 where the same, -1 where reversed."""
    assert row([[0, 100, 100, 0]])["symmetry_horizontal"] == 1
    assert row([[0, 100, 0, 100]])["symmetry_horizontal"] == -1
    assert row(np.array([[0, 100, 9, 100, 0]]).T)["symmetry_vertical"] == 1


def test_symmetry_equals_numpy(camera):
    found, plain = row(camera), camera.astype(float)
    across = np.corrcoef(plain[:, :128].ravel(), plain[:, :127:-1].ravel())[0, 1]
    down = np.corrcoef(plain[:128].ravel(), plain[:127:-1].ravel())[0, 1]
    assert found["symmetry_horizontal"] == pytest.approx(across, abs=1e-5)
    assert found["symmetry_vertical"] == pytest.approx(down, abs=1e-5)


@given(arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9))))
def test_mirroring_changes_no_symmetry(image):
    found, turned = row(image), row(image.T)
    for axis in (0, 1):
        mirrored = row(np.flip(image, axis))
        for name in ("symmetry_horizontal", "symmetry_vertical"):
            assert mirrored[name] == pytest.approx(found[name], abs=1e-5)
    assert turned["symmetry_vertical"] == pytest.approx(found["symmetry_horizontal"], abs=1e-5)


@pytest.mark.parametrize(
    ("x", "y"), [(1 / 2, 1 / 2), (1 / 3, 1 / 3), (2 / 3, 1 / 3), (0.2, 0.8), (0.9, 0.5)]
)
def test_a_single_spot_is_what_is_salient(x, y):
    found = row(spot(x, y))
    assert (found["salience_x"], found["salience_y"]) == pytest.approx((x, y), abs=0.02)
    assert found["salient_share"] < 0.1
    expected = min(math.dist((x, y), (a / 3, b / 3)) for a in (1, 2) for b in (1, 2))
    assert found["thirds_distance"] == pytest.approx(expected, abs=0.03)


def test_salience_equals_the_published_procedure(camera):
    """Hou and Zhang (2007), equations 1 to 5, as in their published script, without scaling."""
    from scipy.ndimage import uniform_filter

    small = cv2.resize(camera, (64, 64), interpolation=cv2.INTER_AREA).astype(float)
    spectrum = np.fft.fft2(small - small.mean())
    spectrum[0, 0] = 1
    log, phase = np.log(np.abs(spectrum)), np.angle(spectrum)
    residual = log - uniform_filter(log, 3, mode="nearest")
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * phase))) ** 2
    theirs = cv2.GaussianBlur(back, (9, 9), 2.5)
    assert np.corrcoef(salience(camera).ravel(), theirs.ravel())[0, 1] > 0.99


def test_nothing_stands_out_in_a_uniform_image():
    found = row(np.full((100, 100), 200))
    for name in ("salience_x", "salience_y", "salient_share", "thirds_distance"):
        assert found[name] is None
    assert found["depth_of_field"] is None


def test_center_is_the_middle_ninth():
    pixels = np.zeros((90, 60, 3), np.uint8)
    pixels[30:60, 20:40] = 255, 127, 127
    pixels[:30] = 255
    found = row(pixels)
    assert found["center_value"] == 1
    assert found["center_saturation"] == pytest.approx(128 / 255, abs=1e-6)


def test_depth_of_field_of_even_detail_is_a_quarter(noise):
    """Datta et al. (2006), equation 7: 4 of 16 equal blocks."""
    assert row(noise)["depth_of_field"] == pytest.approx(0.25, abs=0.03)


def test_depth_of_field_is_one_when_only_the_middle_has_detail(noise):
    image = np.full((128, 160), 128, np.uint8)
    image[32:96, 40:120] = noise[32:96, 40:120]
    assert row(image)["depth_of_field"] == 1
    assert row(np.where(image == 128, noise, 128))["depth_of_field"] < 0.05


def test_depth_of_field_is_the_third_level_of_a_haar_wavelet():
    """Checks of 4 pixels have all their detail there, of 2 pixels none."""
    down, across = np.indices((64, 64))
    fine, coarse = (((down // n + across // n) % 2 * 255).astype(np.uint8) for n in (2, 4))
    assert row(fine)["depth_of_field"] is None
    assert row(coarse)["depth_of_field"] == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3), (31, 400)])
def test_small_images_have_values(shape):
    found = row(np.random.default_rng(1).integers(0, 256, shape))
    assert set(found) == set(INFO.outputs)
    assert found["depth_of_field"] is None
    assert 0 <= found["edge_density"] <= 1


def test_large_images_are_reduced(camera):
    small = row(camera)
    large = row(cv2.resize(camera, (1024, 1024), interpolation=cv2.INTER_NEAREST))
    assert large == pytest.approx(small)
