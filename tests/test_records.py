"""The records that travel, and the Arrow schemas of the five row shapes."""

import dataclasses

import pyarrow as pa
import pytest

from mediacorpus.records import Failure, FileFacts, Info, Label, Region, Shape, Tag, Text, schema


def info(shape, **outputs):
    return Info("m", "1", "One line.", "Apache-2.0", shape=shape, outputs=outputs)


def test_every_shape_begins_with_item_and_run():
    given = {Shape.SCALAR: {"size": "int64"}, Shape.VECTOR: {"vector": "4"}}
    for shape in Shape:
        found = schema(info(shape, **given.get(shape, {})))
        assert found.names[:2] == ["item", "run"]
        assert found.types[:2] == [pa.string(), pa.int64()]


def test_the_columns_of_each_shape():
    def columns(shape, **outputs):
        found = schema(info(shape, **outputs))
        return dict(zip(found.names[2:], map(str, found.types[2:]), strict=True))

    assert columns(Shape.SCALAR, a="float64", b="string", c="bool", d="int64") == {
        "a": "double",
        "b": "string",
        "c": "bool",
        "d": "int64",
    }
    assert columns(Shape.TAG) == {"rank": "int32", "tag": "string", "score": "double"}
    assert columns(Shape.TAG, age="int64", at="float32[2]") == {
        "rank": "int32",
        "tag": "string",
        "score": "double",
        "age": "int64",
        "at": "fixed_size_list<item: float>[2]",
    }
    assert schema(info(Shape.VECTOR, vector="1280")).field("vector").type == pa.list_(
        pa.float32(), 1280
    )


def test_columns_of_tags_and_regions_are_the_fields_of_their_records():
    for shape, record in ((Shape.TAG, Tag), (Shape.REGION, Region), (Shape.TEXT, Text)):
        names = [field.name for field in dataclasses.fields(record) if field.name != "more"]
        own = ["region"] if shape is Shape.REGION else []
        assert schema(info(shape)).names == ["item", "run", "rank", *own, *names]


def test_an_unknown_type_is_refused():
    with pytest.raises((pa.ArrowException, ValueError)):
        schema(info(Shape.SCALAR, a="complex"))


@pytest.mark.parametrize(
    "record",
    [
        Tag("cat", 0.5),
        Region("cat", 0.5, 0, 0, 1, 1),
        Label("a", "face", "yes"),
        Failure("a", "a.jpg", "add", "why"),
        FileFacts("JPEG", 1, 1, "RGB", 10),
        info(Shape.TEXT),
    ],
)
def test_records_are_frozen_and_small(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, "other")
    assert not hasattr(record, "__dict__")


def test_shapes_are_the_words_that_users_read():
    assert [str(shape) for shape in Shape] == ["scalar", "tag", "region", "text", "vector"]
