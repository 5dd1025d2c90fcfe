from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from mediacorpus import Corpus
from mediacorpus.errors import ParameterError

RAMP = np.linspace(0, 1, 30 * 40).reshape(30, 40)


@pytest.fixture
def rasters(tmp_path):
    folder = tmp_path / "rasters"
    folder.mkdir()
    low, high = RAMP.astype(np.float32) * 2, RAMP.astype(np.float32) * 40 - 0.1
    high[:3] = np.nan
    tifffile.imwrite(folder / "low.tif", low)
    tifffile.imwrite(folder / "high.tif", high)
    bands = np.stack([RAMP * number for number in range(1, 6)], axis=-1).astype(np.float32)
    tifffile.imwrite(folder / "bands.tif", bands, photometric="minisblack", planarconfig="contig")
    Image.fromarray((RAMP * 1000).astype(np.uint16)).save(folder / "deep.png")
    Image.fromarray((RAMP * 255).astype(np.uint8)).save(folder / "photo.png")
    with Corpus.create(tmp_path / "corpus") as corpus:
        said = str(corpus.add(folder))
        assert "Numbers beyond 16 bits" in said
        assert "Several bands" in said
        yield corpus


def by_file(corpus):
    rows = corpus.sql(
        "SELECT parse_filename(path) AS file, intensity.* FROM records JOIN intensity USING (item)"
    )
    return rows.set_index("file")


def test_numbers_are_in_the_units_of_the_file(rasters):
    assert rasters.measure("intensity").note is None
    rows = by_file(rasters)
    assert rows["intensity_mean"]["low.tif"] == pytest.approx(1.0, abs=1e-6)
    assert rows["intensity_mean"]["high.tif"] == pytest.approx(21.9, abs=0.1)
    assert rows["intensity_missing"].to_dict() == {
        "low.tif": 0,
        "high.tif": 120,
        "bands.tif": 0,
        "deep.png": 0,
        "photo.png": 0,
    }
    assert rows["intensity_max"]["deep.png"] == 1000
    assert rows["intensity_max"]["photo.png"] == 255
    assert rows["intensity_sd"]["low.tif"] == pytest.approx((RAMP * 2).std(), rel=1e-6)
    assert rows["intensity_p25"]["low.tif"] == pytest.approx(0.5, abs=1e-6)
    assert [rows[f"intensity_band{n}"]["bands.tif"] for n in (1, 5)] == pytest.approx([0.5, 2.5])
    assert rows["intensity_bands"]["bands.tif"] == 5


def test_other_measures_say_that_they_see_a_stretched_copy(rasters):
    note = rasters.measure("color", "quality").note
    assert note.startswith("color, quality see 3 rasters of numbers beyond 16 bits")
    assert "measure intensity" in note
    assert "Stretched from its own" in str(rasters.show(["low.tif", "photo.png"]))


def test_one_band(rasters):
    measured = rasters.measure("intensity", band=5)
    assert (measured.items, measured.failed) == (1, 4)
    assert by_file(rasters)["intensity_max"].to_dict() == {"bands.tif": 5}
    assert "no band 5; it has 1" in rasters.failures()["reason"][0]
    with pytest.raises(ParameterError, match="counted from 1"):
        rasters.measure("intensity", band=0)


def test_pages_regions_and_rasters_without_a_value(tmp_path):
    tifffile.imwrite(tmp_path / "empty.tif", np.full((5, 5), np.nan, np.float32))
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        writer.write(RAMP, photometric="minisblack")
        writer.write(RAMP + 7, photometric="minisblack")
    table = tmp_path / "boxes.csv"
    table.write_text("file,x,y,w,h\npages.tif,0,0,40,1\n")
    with Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add([tmp_path / "empty.tif", tmp_path / "pages.tif"], pages="all")
        corpus.add(table, boxes="x,y,w,h")
        corpus.measure("intensity")
        rows = corpus.sql(
            "SELECT kind, intensity_values AS n, intensity_max AS top FROM items "
            "JOIN intensity USING (item) ORDER BY kind, n, top"
        )
    assert rows["kind"].tolist() == ["image", "image", "page", "page", "region"]
    assert rows["n"].tolist() == [0, 1200, 1200, 1200, 40]
    assert rows["top"].isna().tolist() == [True, False, False, False, False]
    assert rows["top"].tolist()[2:4] == [1, 8]
    assert rows["top"][4] == pytest.approx(39 / 1199)
