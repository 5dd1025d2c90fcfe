from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.facts import INFO, facts
from mediacorpus.records import FileFacts, Kind


def test_facts_come_from_the_header():
    file = FileFacts(
        format="TIFF",
        width=3000,
        height=2000,
        mode="I;16",
        bytes=12_000_000,
        alpha=True,
        frames=3,
        dpi=300.0,
        taken="1936-03-01T12:00:00",
    )
    [row] = facts(Batch([BatchItem("a", file)]))
    assert row == {
        "kind": "image",
        "format": "TIFF",
        "width": 3000,
        "height": 2000,
        "mode": "I;16",
        "alpha": True,
        "bytes": 12_000_000,
        "frames": 3,
        "dpi": 300.0,
        "taken": "1936-03-01T12:00:00",
        "megapixels": 6.0,
        "aspect_ratio": 1.5,
        "duration": None,
        "frame_rate": None,
        "sample_rate": None,
        "channels": None,
    }


def test_sound_and_video_have_a_length_and_sound_no_sides():
    sound = FileFacts(
        "WAV", 0, 0, "", 9, kind=Kind.AUDIO, duration=2.5, sample_rate=44_100, channels=2
    )
    frame = FileFacts("MP4", 640, 360, "RGB", 0, kind=Kind.FRAME)
    first, second = facts(Batch([BatchItem("a", sound), BatchItem("b", frame)]))
    assert (first["aspect_ratio"], first["megapixels"]) == (None, 0)
    assert (first["duration"], first["sample_rate"], first["channels"]) == (2.5, 44_100, 2)
    assert (second["kind"], second["bytes"]) == ("frame", None)


def test_what_the_file_does_not_say_is_none():
    first, second = facts(
        Batch(
            [
                BatchItem("a", FileFacts("PNG", 1, 2, "L", 9)),
                BatchItem("b", FileFacts("GIF", 4, 2, "P", 8)),
            ]
        )
    )
    assert first["dpi"] is None
    assert first["taken"] is None
    assert (first["aspect_ratio"], second["aspect_ratio"]) == (0.5, 2.0)


def test_pixels_are_not_asked_for():
    assert not INFO.pixels
    assert set(INFO.outputs) == set(
        facts(Batch([BatchItem("a", FileFacts("PNG", 1, 1, "L", 9))]))[0]
    )
