import hashlib
import io
import threading

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.media.document import Document, probe_document
from mediacorpus.media.pages import check_dpi, page_numbers
from mediacorpus.records import Kind

pypdfium2 = pytest.importorskip("pypdfium2")

PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
TEXT = b"BT /F1 24 Tf 20 100 Td (Hello page) Tj ET"


def rc4(key, data):
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def encryption(password):
    """The standard security handler of revision 2 with 40 bits (ISO 32000-1, 7.6.3)."""
    user = (password + PADDING)[:32]
    owner = rc4(hashlib.md5((b"owner" + PADDING)[:32]).digest()[:5], user)
    identity = bytes(16)
    key = hashlib.md5(user + owner + (0xFFFFFFFC).to_bytes(4, "little") + identity).digest()[:5]
    entry = b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (
        owner.hex().encode(),
        rc4(key, PADDING).hex().encode(),
    )
    return entry, identity, key


def pdf(content=TEXT, *, page=b"", info=b"", password=None, kids=b"3 0 R"):
    """A document of one page of 200 x 300 points, written by hand."""
    extra = b"/Info 6 0 R"
    if password is not None:
        entry, identity, key = encryption(password)
        extra += b"/Encrypt 7 0 R/ID[<%s><%s>]" % ((identity.hex().encode(),) * 2)
        salted = hashlib.md5(key + (4).to_bytes(3, "little") + bytes(2)).digest()[:10]
        content = rc4(salted, content)
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, kids.count(b"R")),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>%s>>" % page,
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<<%s>>" % info,
    ]
    if password is not None:
        bodies.append(entry)
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Root 1 0 R/Size %d%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        extra,
        start,
    )
    return bytes(out)


def scanned(*images, dpi=100):
    """A document with an image on each page, as a scanner makes it."""
    images = [Image.fromarray(image) for image in images]
    buffer = io.BytesIO()
    images[0].save(
        buffer, "PDF", save_all=True, append_images=images[1:], resolution=dpi, quality=95
    )
    return buffer.getvalue()


@pytest.fixture
def images(scene):
    return [scene(), scene(180, 240)[::-1].copy(), scene(240, 180)]


# What the file says


def test_facts(images):
    data = scanned(*images)
    facts = probe_document(data)
    assert (facts.kind, facts.format, facts.mode) == (Kind.DOCUMENT, "PDF", "RGB")
    assert (facts.frames, facts.width, facts.height) == (3, 173, 130)  # 240 and 180 / 100 * 72
    assert facts.bytes == len(data)
    assert not facts.alpha


def test_size_is_that_of_the_page_as_shown():
    facts = probe_document(pdf(page=b"/Rotate 90"))
    assert (facts.width, facts.height) == (300, 200)


@pytest.mark.parametrize(
    ("date", "taken"),
    [
        (b"(D:20240229123456+01'00')", "2024-02-29T12:34:56+01:00"),
        (b"(D:20240229123456Z)", "2024-02-29T12:34:56+00:00"),
        (b"(20240229123456)", "2024-02-29T12:34:56"),
        (b"(D:202402291234)", "2024-02-29T12:34:00"),
        (b"(D:2024)", "2024-01-01T00:00:00"),
        (b"(D:20230229)", None),
        (b"(D:20240)", None),
        (b"(yesterday)", None),
        (b"()", None),
    ],
)
def test_creation_date(date, taken):
    assert probe_document(pdf(info=b"/CreationDate" + date)).taken == taken


def test_no_date():
    assert probe_document(pdf()).taken is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "is text, not a PDF"),
        (bytes(100), "no '%PDF'"),
        (pdf(password=b"secret"), "remove the password, e.g. print it to a new PDF"),
        (pdf(kids=b""), "has no pages"),
        (b"%PDF-1.7\n", "truncated"),
        (b"%PDF-1.7\nnothing in it\n%%EOF\n", "damaged"),
    ],
)
def test_files_that_cannot_be_opened(data, says):
    with pytest.raises(MediaError, match=says):
        probe_document(data)
    with pytest.raises(MediaError, match=says):
        Document(data)


def test_truncated_scan(images):
    data = scanned(*images)
    with pytest.raises(MediaError, match="truncated"):
        probe_document(data[: len(data) // 2])


def test_encrypted_with_an_empty_password_is_read():
    with Document(pdf(password=b"")) as document:
        assert document.text(1).strip() == "Hello page"
    assert probe_document(pdf(password=b"")).frames == 1


def test_bytes_before_the_header_are_allowed():
    assert probe_document(b"\n" * 1000 + pdf()).frames == 1


# Pages


def test_pages_show_the_images_that_were_put_in(images):
    with Document(scanned(*images)) as document:
        assert document.pages == 3
        for number, image in enumerate(images, 1):
            found = document.page(number, dpi=100)
            assert found.shape == image.shape
            assert found.dtype == np.uint8
            assert found.flags.c_contiguous
            assert found.flags.owndata
            assert np.abs(found.astype(int) - image).mean() < 3
        assert np.abs(document.page(1, dpi=100).astype(int) - images[1]).mean() > 20


def test_colors_and_places_are_exact():
    """A red square of 100 points from the lower left corner, on white, at 72 dpi."""
    wanted = np.full((300, 200, 3), 255, np.uint8)
    wanted[200:, :100] = (255, 0, 0)
    with Document(pdf(b"1 0 0 rg 0 0 100 100 re f")) as document:
        np.testing.assert_array_equal(document.page(1, dpi=72), wanted)


def test_rotation_is_applied():
    """Turned by 90 degrees clockwise, the lower left corner is the upper left one."""
    with Document(pdf(b"1 0 0 rg 0 0 100 100 re f", page=b"/Rotate 90")) as document:
        found = document.page(1, dpi=72)
    assert found.shape == (200, 300, 3)
    assert (found[:100, :100] == (255, 0, 0)).all()
    assert (found[100:] == 255).all()


def test_annotations_are_drawn():
    note = b"/Annots[<</Type/Annot/Subtype/Square/Rect[50 50 150 150]/IC[0 0 1]/C[0 0 1]/F 4>>]"
    with Document(pdf(b"", page=note)) as document:
        assert document.page(1, dpi=72)[200, 100].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("min_side", "shape"),
    [(None, (417, 278, 3)), (278, (417, 278, 3)), (139, (209, 139, 3)), (100, (209, 139, 3)),
     (70, (105, 70, 3)), (35, (53, 35, 3)), (1, (53, 35, 3))],
)  # fmt: skip
def test_min_side_gives_the_exact_reduced_size(min_side, shape):
    """At 100 dpi the page of 200 x 300 points has 277.8 x 416.7 pixels."""
    with Document(pdf()) as document:
        assert document.page(1, dpi=100, min_side=min_side).shape == shape


def test_reduced_page_shows_the_same(scene):
    image = scene(480, 640)
    with Document(scanned(image)) as document:
        found = document.page(1, dpi=100, min_side=120)
    half = image.reshape(120, 4, 160, 4, 3).mean((1, 3))
    assert found.shape == half.shape
    assert np.abs(found - half).mean() < 6


def test_too_many_pixels():
    with Document(pdf()) as document:
        with pytest.raises(TooLarge, match="it fits at 92 dpi") as error:
            document.page(1, dpi=300, max_pixels=1e5, min_side=10)
        assert "833 x 1,250 pixels" in str(error.value)
        assert document.page(1, dpi=92, max_pixels=1e5).shape == (383, 256, 3)
        with pytest.raises(TooLarge, match="no density"):
            document.page(1, max_pixels=10)


@pytest.mark.parametrize("number", [0, -1, 2, 10**9])
def test_page_beyond_the_end(number):
    with Document(pdf()) as document:
        with pytest.raises(MediaError, match="has 1 page;"):
            document.page(number)
        with pytest.raises(MediaError, match="has 1 page;"):
            document.text(number)


def test_damaged_page():
    with Document(pdf(kids=b"3 0 R 99 0 R")) as document:
        assert document.pages == 2
        assert document.text(1).strip() == "Hello page"
        with pytest.raises(MediaError, match="Page 2 of the PDF document is damaged"):
            document.page(2)


def test_closed_document():
    with Document(pdf()) as document:
        pass
    document.close()
    with pytest.raises(MediaError, match="closed"):
        document.page(1)


def test_text_layer(images):
    lines = b"BT /F1 12 Tf 14 TL 20 100 Td (One) Tj T* (Two) Tj ET"
    with Document(pdf(lines)) as document:
        assert document.text(1).splitlines() == ["One", "Two"]
        assert "\r" not in document.text(1)
    with Document(scanned(*images)) as document:
        assert document.text(1) == ""


@pytest.mark.parametrize("min_side", [0, -5])
def test_min_side_out_of_range(min_side):
    with Document(pdf()) as document, pytest.raises(ParameterError, match="min_side"):
        document.page(1, min_side=min_side)


def test_threads_draw_the_same(images):
    data = scanned(*images)
    with Document(data) as document:
        alone = [document.page(number, dpi=150) for number in (1, 2, 3)]
        different = []

        def draw(shared):
            for _ in range(5):
                with Document(data) as own:
                    for number in (1, 2, 3):
                        page = (document if shared else own).page(number, dpi=150)
                        if not np.array_equal(page, alone[number - 1]):
                            different.append(number)
                        own.text(number)

        threads = [threading.Thread(target=draw, args=(n % 2 == 0,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert different == []


# Choice of pages and density


@pytest.mark.parametrize(
    ("text", "count", "pages"),
    [
        (None, 3, [1, 2, 3]),
        ("1-20", 3, [1, 2, 3]),
        ("2", 3, [2]),
        ("1,3,5-7", 9, [1, 3, 5, 6, 7]),
        ("10-", 12, [10, 11, 12]),
        (" 3 , 1-2,2-3", 9, [1, 2, 3]),
        ("1-999999999", 2, [1, 2]),
        ("2,10-", 3, [2]),
    ],
)
def test_page_numbers(text, count, pages):
    assert page_numbers(text, count) == pages


@pytest.mark.parametrize(
    "text", ["", "a", "0", "0-3", "3-1", "1-2-3", "-3", "1,,2", "1.5", "1;2", "\u0663", "9" * 5000]
)
def test_malformed_page_numbers(text):
    with pytest.raises(ParameterError, match=r"write them as in '1-20', '1,3,5-7' or '10-'"):
        page_numbers(text, 9)


@pytest.mark.parametrize("text", ["10-", "4", "5-9"])
def test_no_page_left(text):
    with pytest.raises(ParameterError, match="the document has 3 pages"):
        page_numbers(text, 3)


@pytest.mark.parametrize("dpi", [10, 72.5, 1200])
def test_dpi_within_range(dpi):
    check_dpi(dpi)


@pytest.mark.parametrize("dpi", [0, 9.9, 1200.1, -5, float("nan"), float("inf")])
def test_dpi_out_of_range(dpi):
    with pytest.raises(ParameterError, match="within 10 to 1200"):
        check_dpi(dpi)
    with Document(pdf()) as document, pytest.raises(ParameterError, match="dpi"):
        document.page(1, dpi=dpi)
