from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.media import color
from mediacorpus.media.decode import decode, load, probe, read


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def difference(a, b) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).mean())


def with_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_applied_once(*, encode, scene, kind, orientation):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(Image.fromarray(scene()), kind, exif=exif(orientation), **options)
    facts = probe(data)
    result = decode(data)
    assert facts.orientation == orientation
    assert result.shape == (facts.height, facts.width, 3)
    assert result.flags.c_contiguous
    assert difference(result, with_pillow(data)) == (
        0 if kind != "JPEG" else pytest.approx(0, abs=1)
    )
    assert np.array_equal(result, decode(data, facts=facts))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_corner_lands_where_exif_says(encode, orientation):
    """The stored image has its red mark at row 0, column 0 (Exif 2.32, tag 274)."""
    stored = np.zeros((32, 64, 3), np.uint8)
    stored[:16, :16] = (255, 0, 0)
    result = decode(encode(Image.fromarray(stored), "JPEG", quality=95, exif=exif(orientation)))
    vertical, horizontal = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("top", "left"), 6: ("top", "right"), 7: ("bottom", "right"), 8: ("bottom", "left"),
    }[orientation]  # fmt: skip
    row = 4 if vertical == "top" else -4
    column = 4 if horizontal == "left" else -4
    assert result.shape == ((32, 64, 3) if orientation < 5 else (64, 32, 3))
    assert result[row, column, 0] > 200
    assert (result[:, :, 0] > 128).mean() == pytest.approx(1 / 8, abs=0.03)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}]
)
def test_fast_path_agrees_with_pillow(*, encode, scene, mode, options):
    data = encode(Image.fromarray(scene(450, 600)).convert(mode), "JPEG", **options)
    assert difference(decode(data), with_pillow(data)) < 1
    small = decode(data, min_side=200)
    reference = cv2.resize(with_pillow(data), (300, 225), interpolation=cv2.INTER_AREA)
    assert difference(small, reference) < 3


@pytest.mark.parametrize(
    ("size", "min_side", "expected"),
    [
        ((900, 1200), 256, (450, 600)),
        ((900, 1200), 450, (450, 600)),
        ((900, 1200), 451, (900, 1200)),
        ((900, 1200), 113, (113, 150)),
        ((900, 1200), 1, (113, 150)),
        ((901, 1203), 226, (226, 301)),
        ((901, 1203), 227, (451, 602)),
        ((100, 1200), 256, (100, 1200)),
        ((900, 1200), None, (900, 1200)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_reduced_size(*, encode, kind, size, min_side, expected):
    data = encode(Image.new("RGB", size[::-1], (10, 200, 30)), kind)
    result = decode(data, min_side=min_side)
    assert result.shape == (*expected, 3)
    assert np.abs(result.astype(int) - (10, 200, 30)).max() <= 3
    turned = encode(Image.new("RGB", size[::-1]), kind, exif=exif(6))
    assert decode(turned, min_side=min_side).shape == (*expected[::-1], 3)


def test_jpeg_and_png_of_a_image_agree_at_reduced_scale(encode, scene):
    image = Image.fromarray(scene(400, 600))
    jpeg, png = encode(image, "JPEG", quality=95), encode(image, "PNG")
    assert difference(decode(jpeg, min_side=100), decode(png, min_side=100)) < 3


def test_min_side_below_one_is_refused(encode):
    with pytest.raises(ParameterError, match="min_side is 0"):
        decode(encode(Image.new("RGB", (8, 8)), "JPEG"), min_side=0)


def test_first_frame_of_an_animation(encode):
    frames = [Image.new("RGB", (8, 6), color) for color in ((9, 9, 200), (200, 9, 9))]
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode(data)[0, 0].tolist() == [9, 9, 200]


def test_an_rgb_jpeg_of_adobe_kind(encode, scene):
    image = Image.fromarray(scene())
    data = encode(image, "JPEG", keep_rgb=True, quality=95)
    assert difference(decode(data), np.asarray(image)) < 3


def test_stray_bytes_in_a_jpeg_header_leave_the_terminal_clean(encode, scene, capfd):
    data = encode(Image.fromarray(scene()), "JPEG")
    at = data.index(b"\xff\xdb")
    result = decode(data[:at] + b"\x00" + data[at:], min_side=90)
    assert result.shape == (90, 120, 3)
    truncated_and_text = [data[:900], b"\xff\xd8\xff" + b"text" * 50, data[:-300] + b"\xff\xd9"]
    for broken in truncated_and_text:
        try:
            decode(broken)
        except MediaError:
            continue
    captured = capfd.readouterr()
    assert "OpenCV" not in captured.err + captured.out
    assert "extraneous" not in captured.err


def test_many_threads_give_what_one_gives(encode, scene):
    image = Image.fromarray(scene())
    files = [
        encode(image, "JPEG"),
        encode(image, "JPEG", exif=exif(6)),
        encode(image.convert("CMYK"), "JPEG"),
        encode(image, "PNG"),
        encode(image.convert("P"), "GIF"),
        b"no image",
    ] * 20  # fmt: skip

    def outcome(data: bytes) -> bytes | str:
        try:
            return decode(data, min_side=64).tobytes()
        except MediaError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, files)) == [outcome(data) for data in files]


def test_read_gives_the_bytes_whatever_the_name(tmp_path):
    for name in ("plain.jpg", "émoji 🐜.jpg", "-dash", "a'b\"c"):
        path = tmp_path / name
        path.write_bytes(b"content")
        assert read(path) == read(str(path)) == b"content"


def test_read_refuses_what_is_no_regular_file(tmp_path):
    with pytest.raises(MediaError, match="it is a folder, not a regular file"):
        read(tmp_path)
    with pytest.raises(MediaError, match="is not there"):
        read(tmp_path / "gone.jpg")
    with pytest.raises(MediaError, match="cannot be read"):
        read("zero\x00byte")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MediaError, match="cannot be read"):
        read(tmp_path / "file" / "below.jpg")
    with pytest.raises(MediaError, match="cannot be read"):
        read(tmp_path / ("n" * 300))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not on this machine: no named pipes")
def test_read_does_not_wait_for_a_named_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="it is a named pipe"):
        read(tmp_path / "pipe")
    with pytest.raises(MediaError, match="a device or socket"):
        read(os.devnull)


@pytest.mark.skipif(
    sys.platform == "win32", reason="not on this machine: links need rights on Windows"
)
def test_read_follows_links_but_not_in_circles(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert read(tmp_path / "link") == b"x"
    with pytest.raises(MediaError, match="symbolic link leads in a circle"):
        read(tmp_path / "circle")


def test_read_tells_when_permission_is_denied(ordinary_user):
    folder, lowered = ordinary_user
    path = folder / "secret"
    path.write_bytes(b"x")
    path.chmod(0)
    with lowered(), pytest.raises(MediaError, match="permission is denied"):
        read(path)


def test_permission_error_from_the_system_is_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"x")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MediaError, match="permission is denied") as caught:
        read(path)
    assert str(caught.value).count(".") == 1


def test_read_has_a_size_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(1001))
    assert len(read(path, max_bytes=1001)) == 1001
    with pytest.raises(TooLarge, match="has 1,001 bytes; the limit is 1,000"):
        read(path, max_bytes=1000)


def test_load_reads_and_decodes(encode, tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(encode(Image.new("RGB", (40, 30), (255, 255, 255)), "JPEG"))
    assert load(path).shape == (30, 40, 3)
    assert load(str(path), min_side=15).shape == (15, 20, 3)
    with pytest.raises(TooLarge):
        load(path, max_pixels=100)


def test_every_hostile_file_gives_an_array_or_a_sentence(test_data):
    """No other exception and (as warnings are errors) no warning, in both functions."""
    folder = test_data / "hostile"
    with (folder / "pillow_outcome.csv").open(encoding="utf-8") as file:
        outcomes = {row["file"]: row["outcome_pillow_13.0.0"] for row in csv.DictReader(file)}
    decoded = 0
    with zipfile.ZipFile(folder / "hostile.zip") as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        assert len(names) == 300
        for name in names:
            data = archive.read(name)
            facts = array = None
            try:
                facts = probe(data)
                array = decode(data, facts=facts)
            except MediaError as error:
                sentence = str(error)
                assert sentence[0].isupper()
                assert sentence.endswith(".")
                assert "\n" not in sentence
            else:
                decoded += 1
                assert array.shape == (facts.height, facts.width, 3), name
                assert array.dtype == np.uint8
                small = decode(data, min_side=16)
                assert min(small.shape[:2]) >= min(16, *array.shape[:2]), name
            if outcomes[name] == "ok":
                assert array is not None, f"Pillow reads {name}: {sentence}"
    assert decoded >= 140


def test_real_images_agree_with_pillow(test_data):
    files = [
        path
        for folder in ("near_dup", "documentary")
        for path in sorted((test_data / folder).rglob("*"))
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tiff"}
    ]
    assert len(files) > 150
    checked = 0
    for path in files:
        data = read(path)
        if "corrupt" in path.name:
            with pytest.raises(MediaError, match="no image format"):
                probe(data)
            continue
        facts = probe(data)
        small = decode(data, min_side=64, facts=facts)
        short = min(facts.width, facts.height)
        assert min(64, short) <= min(small.shape[:2]) <= max(127, short // 8 + 1)
        if facts.mode in {"L", "RGB"} and not facts.icc:
            assert difference(decode(data, facts=facts), with_pillow(data)) < 1
            checked += 1
    assert checked > 100


MEASURED = """
import resource, sys
from mediacorpus.media.decode import load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = load(sys.argv[1], min_side=64)
unit = 1 if sys.platform == "darwin" else 1024
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 1e6
print(*found.shape[:2], round(peak))
"""


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "I;16", {}),
        ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", "F", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", "RGB", {"lossless": True}),
    ],
)
def test_a_wide_image_takes_the_memory_of_its_decoder_only(tmp_path, kind, mode, options):
    """48 megapixels in a small file: Pillow holds 4 bytes of each, and no array holds them all."""
    pytest.importorskip("resource", reason="not on this machine: peaks cannot be read")
    size = (16_000, 3_000)
    Image.new(mode, size).save(tmp_path / "wide", kind, **options)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "wide")],
        capture_output=True,
        text=True,
        check=True,
    )
    height, width, peak = map(int, done.stdout.split())
    assert (height, width) == (375, 2000)
    copies = {"WEBP": 12, "F": 17}.get(kind if kind == "WEBP" else mode, 6)
    assert peak < copies * 48 + 100


def test_reducing_piece_by_piece_gives_the_same_pixels(encode, monkeypatch):
    noise = np.random.default_rng(5).integers(0, 256, (240, 331, 3), dtype=np.uint8)
    data = [encode(Image.fromarray(noise[:height]), "PNG") for height in (240, 237)]
    whole = [decode(one, min_side=40) for one in data]
    monkeypatch.setattr(color, "_STRIP", 5000)
    for one, expected in zip(data, whole, strict=True):
        np.testing.assert_array_equal(decode(one, min_side=40), expected)
