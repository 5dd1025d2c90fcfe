from __future__ import annotations

import pytest

from mediacorpus.media.sniff import as_text, looks_like

REMEDY = ", a format that is not supported: save it as PNG"
OFFICE = "an office document (.docx, .pptx, .odt or the like): save it as PDF"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"Not found\n", "text"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "an HTML page"),
        (b"\n\n <HTML><BODY>403</BODY>", "an HTML page"),
        (
            b"<?xml version='1.0'?><svg xmlns='x'/>",
            "an SVG drawing",
        ),
        (b"<?xml version='1.0'?><feed/>", "an XML file"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", "a PDF document"),
        (b"PK\x03\x04\x14\x00\x00\x00", "a ZIP archive or an office document"),
        (b"\x00\x00\x00\x18ftypheic\x00", "a HEIC image"),
        (b"\x00\x00\x00\x18ftypisom\x00", "an MP4 or QuickTime video"),
        ("déjà vu".encode(), "text"),
        ("a long text in Latin-1 with one é".encode("latin-1"), "text"),
        ("page".encode("utf-16"), "text"),
        (b"FORM\x00\x00\x10\x00ILBMBMHD" + bytes(40), f"an Amiga (IFF) image{REMEDY}"),
        (bytes(522) + b"\x00\x11\x02\xff" + bytes(9), f"a Macintosh PICT image{REMEDY}"),
        (
            bytes(128) + b"DICM",
            "a DICOM image, a format that is not supported: save it as TIFF or PNG",
        ),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", OFFICE),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", OFFICE),
        (bytes(range(256)), None),
        (b"", None),
    ],
)
def test_names_what_a_file_looks_like(data, kind):
    assert looks_like(data) == kind


def test_a_character_cut_at_the_end_of_the_sample_is_still_text():
    data = b"a" + ("é" * 600).encode()
    assert as_text(data) == "a" + "é" * 511
