import colorsys
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ImageColor

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.color import INFO, ONE_TONE, color
from mediacorpus.records import FileFacts
from mediacorpus.testing import check_measure

NAMES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHARES = [f"{name}_share" for name in (*NAMES, "black", "white", "gray")]


def row(pixels) -> dict:
    pixels = np.asarray(pixels, np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[None]
    file = FileFacts("PNG", pixels.shape[1], pixels.shape[0], "RGB", pixels.nbytes)
    [value] = color(Batch([BatchItem("a", file, pixels)]))
    return dict(value)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (120, 90, 3), np.uint8)


def test_the_contract_is_kept():
    check_measure(INFO, lambda: color)


def test_channels_by_hand():
    found = row([[255, 51, 0], [0, 51, 0], [255, 51, 102], [0, 51, 102]])
    assert (found["red_mean"], found["red_sd"]) == pytest.approx((0.5, 0.5))
    assert (found["green_mean"], found["green_sd"]) == pytest.approx((0.2, 0))
    assert (found["blue_mean"], found["blue_sd"]) == pytest.approx((0.2, 0.2))


def test_moments_by_hand():
    """Stricker and Orengo (1995), equations 1 to 3, on saturations 1, 0, 0, 0 and values 1.

    Mean 1/4, variance 3/16, third central moment (27 - 3)/4/64 = 3/32; hue 120 degrees is 1/3.
    """
    found = row([[0, 255, 0], [255] * 3, [255] * 3, [255] * 3])
    assert found["saturation_mean"] == pytest.approx(1 / 4)
    assert found["saturation_sd"] == pytest.approx(math.sqrt(3 / 16))
    assert found["saturation_moment_3"] == pytest.approx((3 / 32) ** (1 / 3))
    assert found["hue_moment_1"] == pytest.approx(1 / 12)
    assert found["hue_moment_2"] == pytest.approx(math.sqrt(3 / 16) / 3)
    assert found["hue_moment_3"] == pytest.approx((3 / 32) ** (1 / 3) / 3)
    assert (found["value_mean"], found["value_sd"]) == (1, 0)
    assert found["value_moment_3"] == pytest.approx(0, abs=1e-6)


def test_hsv_equals_scikit_image(noise):
    from scipy.stats import moment
    from skimage.color import rgb2hsv

    found, hsv = row(noise), rgb2hsv(noise).reshape(-1, 3)
    means, sds, thirds = hsv.mean(0), hsv.std(0), np.cbrt(moment(hsv, 3))
    hue, saturation = hsv[:, 0] * 2 * np.pi, hsv[:, 1]
    circular = np.angle((saturation * np.exp(1j * hue)).sum(), deg=True) % 360
    assert found["hue_mean"] == pytest.approx(circular, abs=0.01)
    for k, first in enumerate(("hue_moment_1", "saturation_mean", "value_mean")):
        second = ("hue_moment_2", "saturation_sd", "value_sd")[k]
        third = ("hue_moment_3", "saturation_moment_3", "value_moment_3")[k]
        expected = (means[k], sds[k], thirds[k])
        assert (found[first], found[second], found[third]) == pytest.approx(expected, abs=1e-4)


def test_lab_equals_scikit_image(noise):
    from skimage.color import rgb2lab

    found, lab = row(noise), rgb2lab(noise).reshape(-1, 3)
    chroma, angle = np.hypot(lab[:, 1], lab[:, 2]), np.arctan2(lab[:, 2], lab[:, 1])
    assert found["lightness_mean"] == pytest.approx(lab[:, 0].mean(), abs=0.02)
    assert found["lightness_sd"] == pytest.approx(lab[:, 0].std(), abs=0.02)
    assert found["chroma_mean"] == pytest.approx(chroma.mean(), abs=0.05)
    warmth = -0.5 + 0.02 * chroma**1.07 * np.cos(angle - np.radians(50))
    assert found["warmth"] == pytest.approx(warmth.mean(), abs=0.005)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_gray_has_no_hue(level):
    found = row(np.full((3, 5, 3), level))
    assert found["hue_mean"] is None
    assert (found["saturation_mean"], found["hue_count"], found["colorfulness"]) == (0, 0, 0)
    assert found["warmth"] == pytest.approx(-0.5, abs=1e-3)
    assert (found["warm_share"], found["cool_share"]) == (0, 0)


@pytest.mark.parametrize("degrees", [0, 10, 90, 180, 270, 350])
def test_hue_mean_goes_round_the_circle(degrees):
    around = [(degrees + step) % 360 / 360 for step in (-20, 20)]
    pixels = [[round(255 * c) for c in colorsys.hsv_to_rgb(hue, 1, 1)] for hue in around]
    off = (row(pixels)["hue_mean"] - degrees + 180) % 360 - 180
    assert abs(off) < 0.2


def test_hue_mean_is_weighted_by_saturation():
    """Green with saturation 1 and red with 1/2: 120 degrees less the angle of 60 to 2 sides."""
    expected = math.degrees(math.atan2(math.sqrt(3) / 2, -1 / 2 + 1 / 2))
    assert row([[0, 255, 0], [254, 127, 127]])["hue_mean"] == pytest.approx(expected, abs=0.1)


def test_opposite_hues_have_no_mean():
    assert row([[255, 0, 0], [0, 255, 255]])["hue_mean"] is None


def test_colorfulness_by_hand():
    """Hasler and Suesstrunk (2003), equation for M(3), on half pure red and half black.

    rg is 255 and 0, yb 127.5 and 0: sds 127.5 and 63.75, means the same.
    """
    size = math.hypot(127.5, 63.75)
    assert row([[255, 0, 0], [0, 0, 0]])["colorfulness"] == pytest.approx(1.3 * size)


def test_colorfulness_as_defined(noise):
    red, green, blue = noise.astype(float).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
    assert row(noise)["colorfulness"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        *[(name, name) for name in ("red", "orange", "yellow", "green", "cyan", "blue", "gray")],
        *[("crimson", "red"), ("chocolate", "orange"), ("gold", "yellow"), ("lime", "green")],
        *[("darkgreen", "green"), ("turquoise", "cyan"), ("navy", "blue"), ("skyblue", "blue")],
        *[("indigo", "purple"), ("darkviolet", "purple"), ("magenta", "pink")],
        *[("hotpink", "pink"), ("deeppink", "pink"), ("black", "black"), ("white", "white")],
        *[("snow", "white"), ("silver", "gray"), ("dimgray", "gray"), ("#111122", "black")],
    ],
)
def test_named_colors_fall_where_people_look_for_them(name, share):
    found = row([ImageColor.getrgb(name)])
    assert [key for key in SHARES if found[key]] == [f"{share}_share"]


@pytest.mark.parametrize("name", ["red", "orange", "yellow", "gold", "brown", "crimson"])
def test_warm_colors(name):
    found = row([ImageColor.getrgb(name)])
    assert (found["warm_share"], found["cool_share"]) == (1, 0)
    assert found["warmth"] > -0.5


@pytest.mark.parametrize("name", ["blue", "cyan", "navy", "teal", "steelblue", "indigo"])
def test_cool_colors(name):
    found = row([ImageColor.getrgb(name)])
    assert (found["warm_share"], found["cool_share"]) == (0, 1)
    assert found["warmth"] < -0.5


def test_warmth_by_hand():
    """Ou et al. (2004): sRGB red is L 53.24, a 80.09, b 67.20: C 104.55, h 40.0 degrees."""
    expected = -0.5 + 0.02 * 104.55**1.07 * math.cos(math.radians(40.0 - 50))
    assert row([[255, 0, 0]])["warmth"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("hues", "count"), [([], 0), ([3], 1), ([3, 15], 1), ([3, 21], 2), (range(0, 360, 18), 20)]
)
def test_hues_are_counted_in_bins_of_18_degrees(hues, count):
    pixels = [[200 * c for c in colorsys.hsv_to_rgb((hue + 1) / 360, 1, 1)] for hue in hues]
    assert row(np.array([*pixels, [0, 0, 0]]).round())["hue_count"] == count


def test_rare_pale_dark_and_bright_hues_do_not_count():
    """Ke, Tang and Jing (2006): more than 0.05 of the fullest bin; value 0.15 to 0.95."""
    red, green = [200, 0, 0], [0, 200, 0]
    assert row([red] * 20 + [green])["hue_count"] == 1
    assert row([red] * 19 + [green])["hue_count"] == 2
    assert row([red, [0, 255, 0], [0, 30, 0], [170, 200, 170]])["hue_count"] == 1


colors = arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


@given(colors)
def test_shares_sum_to_one_and_warm_and_cool_to_what_has_a_hue(pixels):
    found = row(pixels)
    assert sum(found[key] for key in SHARES) == pytest.approx(1)
    hued = sum(found[f"{name}_share"] for name in NAMES)
    assert found["warm_share"] + found["cool_share"] == pytest.approx(hued)
    assert min(found[key] for key in SHARES) >= 0


@given(colors, st.integers(2, 4))
def test_nothing_depends_on_where_pixels_are_or_how_often_they_repeat(pixels, times):
    once = row(pixels)
    again = row(np.tile(pixels[::-1], (times, 1, 1)))
    assert set(once) == set(INFO.outputs)
    for key, value in once.items():
        if key in {"monochrome", "color_spread"}:  # judged on a smaller copy
            continue
        assert again[key] == pytest.approx(value, abs=1e-3), key


def test_large_images_are_reduced(noise):
    large = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    small = row(np.kron(noise, np.ones((4, 4, 1), np.uint8)))
    for key, value in row(large).items():
        if key == "monochrome":
            assert value == small[key]
            continue
        assert value == pytest.approx(small[key], rel=0.02, abs=0.01), key


def shaded(shape=(120, 160)):
    """A gray image with soft and hard edges."""
    down, across = np.mgrid[: shape[0], : shape[1]]
    gray = 90 + 60 * np.sin(across / 17) + 50 * np.cos(down / 11)
    gray[30:60, 40:90] = 235
    return np.clip(gray, 0, 255)


def toned(gray, light, dark=(20, 12, 5)):
    share = gray[..., None] / 255
    return (np.array(dark) * (1 - share) + np.array(light) * share).round().astype(np.uint8)


def jpeg(pixels, quality):
    file = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1])


GRAY = np.repeat(shaded()[..., None].astype(np.uint8), 3, axis=2)
COLORED = toned(shaded(), (255, 240, 200)).copy()
COLORED[:, 100:] = toned(shaded(), (120, 160, 255))[:, 100:]
RED_DOT = GRAY.copy()
RED_DOT[70:100, 110:140] = 200, 30, 40


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (GRAY, "gray"),
        (jpeg(GRAY, 40), "gray"),
        (np.full((80, 90, 3), 128, np.uint8), "gray"),
        (np.zeros((1, 1, 3), np.uint8), "gray"),
        (toned(shaded(), (255, 228, 180)), "toned"),
        (jpeg(toned(shaded(), (255, 228, 180)), 75), "toned"),
        (toned(shaded(), (190, 225, 255), (5, 10, 40)), "toned"),
        (np.full((80, 90, 3), (180, 140, 90), np.uint8), "toned"),
        (COLORED, "color"),
        (jpeg(COLORED, 60), "color"),
        (RED_DOT, "color"),
    ],
)
def test_monochrome(pixels, kind):
    found = row(pixels)
    assert found["monochrome"] == kind
    assert (found["color_spread"] > ONE_TONE) == (kind == "color")
