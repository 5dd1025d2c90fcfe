from __future__ import annotations

import pytest
from PIL import Image

from mediacorpus import Corpus

PLACE = {1: "S", 2: (33.0, 51.0, 0.0), 3: "W", 4: (70.0, 30.0, 0.0)}


@pytest.fixture
def phone(tmp_path):
    folder = tmp_path / "phone"
    folder.mkdir()
    made = Image.Exif()
    made[0x010F], made[0x8825] = "Apple", PLACE
    Image.new("RGB", (64, 48), "red").save(folder / "tagged.jpg", exif=made)
    Image.new("RGB", (64, 48), "blue").save(folder / "plain.jpg")
    with Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(folder)
        yield corpus


def test_camera_and_place_by_name(phone):
    note = phone.measure("camera", "location").note
    assert note.startswith("What camera and location found may point to a person")
    rows = phone.table(columns="path,latitude,longitude,camera_make").set_index("path")
    tagged = next(path for path in rows.index if path.endswith("tagged.jpg"))
    assert rows.loc[tagged].tolist() == [-33.85, -70.5, "Apple"]
    assert phone.table("location")["latitude"].notna().sum() == 1
    assert len(phone.select(where="latitude < 0")) == 1


def test_nothing_of_it_is_handed_on_unless_asked_for(phone, tmp_path):
    phone.measure("camera", "location", "facts")
    private = {"latitude", "longitude", "camera_make"}
    assert not private & set(phone.table().columns)
    phone.export(tmp_path / "study.csv")
    written = (tmp_path / "study.csv").read_text() + (tmp_path / "study_codebook.csv").read_text()
    assert not any(name in written for name in (*private, "Apple", "33.85"))
    report = phone.report().read_text(encoding="utf-8")
    assert "latitude" not in report
    assert "33.85" not in report
    phone.export(tmp_path / "asked.csv", columns="path,latitude")
    assert "-33.85" in (tmp_path / "asked.csv").read_text()
