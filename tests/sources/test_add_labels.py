"""Labels and splits that come with a source."""

import shutil
from pathlib import Path

import pytest

from mediacorpus.store import people
from mediacorpus.store.runs import running


def test_class_folders_become_labels(add, classes, labels):
    told = add(classes, variable="kind")
    assert told.labels == 6
    assert labels() == {f"{n}.jpg": {"folder": "ants" if n < 3 else "bees"} for n in range(6)}
    assert add(classes, variable="kind").labels == 0


def test_labels_can_come_with_a_second_pass(add, classes):
    assert add(classes).labels == 0
    told = add(classes, variable="kind")
    assert (told.unchanged, told.labels) == (6, 6)


def test_images_outside_all_classes_are_told(add, classes, save):
    save(classes / "stray.jpg", 20)
    told = add(classes, variable="kind")
    assert told.labels == 6
    assert "1 images are in no class" in str(told)


def test_a_column_of_a_table_becomes_labels(add, images, labels, tmp_path):
    table = tmp_path / "posts.csv"
    table.write_text("file,mood\npictures/0.jpg,glad\npictures/1.png,\npictures/2.jpg,sad\n")
    told = add(table, variable="mood")
    assert labels() == {"0.jpg": {"table": "glad"}, "2.jpg": {"table": "sad"}}
    assert "1 rows have no value of mood" in str(told)


def test_copies_with_different_labels_are_both_kept_as_unresolved(add, classes, save, labels):
    save(classes / "bees" / "copy.jpg", 0)  # the same bytes as ants/0.jpg
    told = add(classes, variable="kind")
    assert "1 images have copies with different labels" in str(told)
    wanted = {"folder": "ants", "folder bees": "bees"}
    assert labels()["0.jpg"] == wanted
    for _ in range(2):
        again = add(classes, variable="kind")
        assert again.labels == 0
        assert "1 images have copies with different labels" in str(again)
    assert labels()["0.jpg"] == wanted


def test_copies_are_found_to_disagree_across_chunks_too(add, classes, save, labels, monkeypatch):
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "2")
    save(classes / "bees" / "copy.jpg", 0)
    for _ in range(2):
        told = add(classes, variable="kind")
        assert "1 images have copies with different labels" in str(told)
        assert labels()["0.jpg"] == {"folder": "ants", "folder bees": "bees"}


def test_a_copy_in_another_source_disagrees_too(add, classes, save, labels, tmp_path):
    add(classes, variable="kind")
    save(tmp_path / "more" / "wasps" / "x.jpg", 0)
    told = add(tmp_path / "more", variable="kind")
    assert "different labels" in str(told)
    assert labels()["0.jpg"] == {"folder": "ants", "folder wasps": "wasps"}
    assert add(tmp_path / "more", variable="kind").labels == 0
    assert add(classes, variable="kind").labels == 0


def test_a_image_that_was_put_into_the_right_folder_has_the_new_label(add, classes, labels):
    add(classes, variable="kind")
    (classes / "ants" / "0.jpg").rename(classes / "bees" / "0.jpg")
    told = add(classes, variable="kind")
    assert "different labels" not in str(told)
    assert labels()["0.jpg"] == {"folder": "bees"}


def test_a_label_that_was_corrected_in_the_table_counts(add, images, labels, tmp_path):
    table = tmp_path / "posts.csv"
    table.write_text("file,mood\npictures/0.jpg,glad\n")
    add(table, variable="mood")
    table.write_text("file,mood\npictures/0.jpg,sad\n")
    told = add(table, variable="mood")
    assert told.changed == 1
    assert labels() == {"0.jpg": {"table": "sad"}}


@pytest.fixture
def tree(tmp_path, save):
    for n in range(8):
        part = "train" if n < 5 else "val"
        save(tmp_path / "data" / part / ("ants" if n % 2 else "bees") / f"{n}.jpg", n)
    return tmp_path / "data"


def parts_of(store, variable="kind"):
    latest = people.latest_split(store, variable)
    parts = people.split_parts(store, latest)
    return {
        Path(path).name: parts.get(item)
        for item, path in store.rows("SELECT item, path FROM records")
    }


def test_folders_of_parts_become_labels_and_a_split(store, add, tree, labels):
    told = add(tree, variable="kind")
    assert "train/val became the split" in str(told)
    assert labels()["1.jpg"] == {"folder": "ants"}
    assert parts_of(store) == {f"{n}.jpg": "train" if n < 5 else "val" for n in range(8)}
    again = add(tree, variable="kind")
    assert "became the split" not in str(again)
    assert store.value("SELECT count(*) FROM splits") == 1


def test_copies_in_two_parts_are_kept_in_the_first(store, add, tree, save):
    save(tree / "test" / "ants" / "copy.jpg", 6)
    save(tree / "train" / "bees" / "copy.jpg", 6)
    told = add(tree, variable="kind")
    assert "1 images lie in more than one part" in str(told)
    assert parts_of(store)["6.jpg"] == "train"


def test_a_split_that_was_drawn_afterwards_is_not_overridden(store, add, tree, save):
    add(tree, variable="kind")
    parts = dict.fromkeys(people.split_parts(store, 1), "test")
    with running(store, "split") as run:
        mine = people.write_split(
            store, "kind", parts, shares="0/100", seed=1, method="random", run=run.id
        )
    add(tree, variable="kind")
    assert people.latest_split(store, "kind") == mine


def test_a_second_tree_adds_to_the_split_of_the_first(store, add, tree, tmp_path, save):
    add(tree, variable="kind")
    save(tmp_path / "more" / "val" / "ants" / "20.jpg", 20)
    add(tmp_path / "more", variable="kind")
    parts = parts_of(store)
    assert parts["20.jpg"] == "val"
    assert parts["0.jpg"] == "train"


def test_one_part_alone_is_no_split(store, add, tree):
    add(tree / "train", variable="kind")
    shutil.rmtree(tree / "val")
    add(tree, variable="kind")
    assert people.latest_split(store, "kind") is None


# -- moved -----------------------------------------------------------------------------------
