from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.media.animation import AnimationReader, index_animation
from mediacorpus.media.video import choose_frames

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 0, 0), (255, 255, 255)]


def pages(size=(60, 40)) -> list[Image.Image]:
    return [Image.new("RGB", size, color) for color in COLORS]


def animated(kind: str, images=None, **options) -> bytes:
    buffer = io.BytesIO()
    first, *rest = images or pages()
    options = {"duration": 50, "loop": 0, **options}
    if kind == "WEBP":
        options["lossless"] = True
    first.save(buffer, kind, save_all=True, append_images=rest, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_every_frame_is_found_in_any_order(kind):
    data = animated(kind)
    index = index_animation(data)
    assert index.pts.tolist() == list(range(6))
    assert index.times == pytest.approx(np.arange(6) * 0.05)
    assert index.keys.tolist() == [True] + [False] * 5
    with AnimationReader(data) as reader:
        for number in (5, 0, 3, 3, 1, 2, 4):
            pixels = reader.frame(index.pts[number])
            assert pixels.shape == (40, 60, 3)
            assert pixels.dtype == np.uint8
            assert (pixels == COLORS[number]).all()
        walked = list(reader.frames())
    assert [time for _, time, _ in walked] == pytest.approx(index.times.tolist())
    assert all((pixels == COLORS[number]).all() for number, _, pixels in walked)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_durations_differ(kind):
    index = index_animation(animated(kind, duration=[20, 300, 40, 1000, 60, 80]))
    assert index.times == pytest.approx([0, 0.02, 0.32, 0.36, 1.36, 1.42])
    assert [p.frame for p in choose_frames(index, "every=1s")] == [0, 4]


def test_no_duration_counts_as_a_tenth_of_a_second():
    index = index_animation(animated("GIF", duration=[0, 50, 0, 50, 50, 50]))
    assert index.times == pytest.approx([0, 0.1, 0.15, 0.25, 0.3, 0.35])


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_partial_frames_are_laid_over_those_before(disposal):
    """Each image differs from the one before in a corner only; GIF stores that corner."""
    images = [Image.new("RGB", (60, 40), (10, 120, 200))]
    for n in range(1, 5):
        image = images[0].copy()
        image.paste((250, 40 * n, 0), (10 * n, 5, 10 * n + 8, 20))
        images.append(image)
    data = animated("GIF", images, disposal=disposal)
    with AnimationReader(data) as reader:
        for number in (4, 2, 0, 1, 3):
            expected = np.asarray(images[number]).astype(int)
            assert np.abs(reader.frame(number) - expected).mean() < 2


def test_transparency_is_laid_on_white():
    clear = [Image.new("RGBA", (20, 20), (255, 0, 0, alpha)) for alpha in (255, 0)]
    with AnimationReader(animated("WEBP", clear)) as reader:
        assert (reader.frame(0) == (255, 0, 0)).all()
        assert (reader.frame(1) == 255).all()


def test_a_still_for_other_programs_is_left_out():
    """A PNG may begin with an image outside its animation (APNG specification, fcTL)."""
    data = animated("PNG", default_image=True)
    index = index_animation(data)
    assert index.pts.tolist() == [1, 2, 3, 4, 5]
    with AnimationReader(data) as reader:
        assert (reader.frame(1) == COLORS[1]).all()
        with pytest.raises(MediaError, match="frames 1 to 5"):
            reader.frame(0)


@pytest.mark.parametrize(
    ("min_side", "shape"), [(None, (40, 60)), (40, (40, 60)), (20, (20, 30)), (5, (5, 8))]
)
def test_frames_are_reduced_by_powers_of_two(min_side, shape):
    with AnimationReader(animated("GIF")) as reader:
        assert reader.frame(2, min_side=min_side).shape == (*shape, 3)
        with pytest.raises(ParameterError, match="min_side"):
            reader.frame(2, min_side=0)


def test_a_still_image_has_one_frame(encode):
    data = encode(Image.new("RGB", (8, 8), "navy"), "PNG")
    assert index_animation(data).times.tolist() == [0.0]
    with AnimationReader(data) as reader, pytest.raises(MediaError, match="beyond the end"):
        reader.frame(1)


@pytest.mark.parametrize("pts", [-1, 6, 10**12])
def test_frames_beyond_the_end(pts):
    with AnimationReader(animated("GIF")) as reader, pytest.raises(MediaError, match="beyond"):
        reader.frame(pts)


def test_what_cannot_be_read():
    for data in (b"", b"no image"):
        with pytest.raises(MediaError):
            index_animation(data)
    with pytest.raises(TooLarge):
        AnimationReader(animated("GIF"), max_pixels=100)
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    data = animated("PNG", [Image.fromarray(pixels) for pixels in noise])
    with pytest.raises(MediaError):
        index_animation(data[: len(data) // 8])
    index = index_animation(data[: len(data) // 2])
    assert (len(index), index.broken[:26]) == (1, "The image is truncated: th")


def test_a_frame_that_enlarges_the_image_beyond_the_limit_is_refused():
    buffer = io.BytesIO()
    pages = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:])
    data = bytearray(buffer.getvalue())
    second = data.rindex(b"\x2c" + struct.pack("<4H", 0, 0, 4, 4))
    data[second + 5 : second + 9] = struct.pack("<2H", 9000, 9000)
    with AnimationReader(bytes(data)) as reader, pytest.raises(TooLarge, match="25 megapixels"):
        reader.frame(1)
