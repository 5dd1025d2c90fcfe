"""The local engine: whatever happens, every item is measured exactly once."""

import time
import zipfile
from collections import Counter
from pathlib import Path

from mediacorpus.engine import local
from mediacorpus.engine.local import Measured
from mediacorpus.engine.part import Options
from mediacorpus.sources.add import add
from mediacorpus.store import progress
from mediacorpus.store.parts import to_rows
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store


def test_all_items_are_measured_in_parts(store, go, brightness, items, table, check_once):
    told = go(brightness=brightness)
    assert (told.items, told.failed, told.failed_before) == (12, 0, 0)
    assert Counter(brightness.seen) == Counter(items)
    check_once(store, "brightness")
    assert store.value("SELECT count(*) FROM parts") == 3
    assert store.rows("SELECT status, done, failed FROM runs ORDER BY run DESC LIMIT 1") == [
        ("done", 12, 0)
    ]
    assert {row["run"] for row in table(store, "brightness")} == {2}


def test_a_second_run_has_nothing_to_do(store, go, brightness, check_once):
    go(brightness=brightness)
    before = list(brightness.seen)
    told = go(brightness=brightness)
    assert brightness.seen == before
    assert (told.items, str(told)) == (0, "Nothing to do: every item has brightness.")
    check_once(store, "brightness")


def test_an_item_in_forty_records_is_measured_once(tmp_path, save, go, brightness, check_once):
    save(tmp_path / "p" / "a.jpg")
    manifest = tmp_path / "posts.csv"
    manifest.write_text("post,file\n" + "".join(f"{n},p/a.jpg\n" for n in range(40)))
    with Store.create(tmp_path / "other") as store:
        assert add(store, manifest, show=False).records == 40
        go(store, brightness=brightness)
        check_once(store, "brightness")
    assert len(brightness.seen) == 1


def test_three_measures_with_different_gaps_are_each_done_once(
    store, go, items, brightness, tmp_path, save, table, check_once
):
    first, second, third = (type(brightness)() for _ in range(3))
    second.trouble[items[4]] = lambda: "no number"
    go(a=first)
    save(tmp_path / "pictures" / "new.jpg", 30)
    add(store, tmp_path / "pictures", show=False)
    go(a=first, b=second)
    for n in (31, 32):
        save(tmp_path / "pictures" / f"{n}.jpg", n)
    add(store, tmp_path / "pictures", show=False)
    told = go(a=first, b=second, c=third)
    assert (told.items, told.failed, told.failed_before) == (15, 0, 1)
    for one in (first, third):
        assert len(one.seen) == len(set(one.seen)) == 15
    check_once(store, "a", "c")
    assert Counter(row["item"] for row in table(store, "b")) == Counter(
        set(first.seen) - {items[4]}
    )


def test_measures_of_one_run_share_the_batches(store, go, brightness):
    other = type(brightness)()
    go(a=brightness, b=other)
    assert sorted(brightness.batches) == sorted(other.batches)


def test_failures_are_listed_left_alone_and_tried_again_when_asked(
    store, go, items, brightness, photographs, check_once
):
    brightness.trouble[items[4]] = lambda: "no number"
    photographs[7].rename(photographs[7].with_suffix(".away"))
    told = go(brightness=brightness)
    assert (told.items, told.failed) == (10, 2)
    assert "2 failed: see `mediacorpus failures`" in str(told)
    listed = dict(store.rows("SELECT subject, stage FROM failures"))
    assert listed == {items[4]: "brightness", items[7]: "read"}
    assert set(store.rows("SELECT path FROM failures")) == {
        (str(photographs[4]),),
        (str(photographs[7]),),
    }
    check_once(store, "brightness", lacking={items[4], items[7]})
    again = go(brightness=brightness)
    assert (again.items, again.failed, again.failed_before) == (0, 0, 2)
    assert "2 failed earlier; --retry" in str(again)
    photographs[7].with_suffix(".away").rename(photographs[7])
    third = go(retry=True, brightness=brightness)
    assert (third.items, third.failed) == (1, 1)
    assert dict(store.rows("SELECT subject, stage FROM failures")) == {items[4]: "brightness"}
    brightness.trouble.clear()
    assert go(retry=True, brightness=brightness).items == 1
    assert store.value("SELECT count(*) FROM failures") == 0
    check_once(store, "brightness")


def test_a_measure_that_hangs_on_one_item_costs_just_that(store, go, items, brightness, check_once):
    brightness.trouble[items[4]] = lambda: time.sleep(2)
    told = go(brightness=brightness, timeout=0.5)
    assert (told.items, told.failed) == (11, 1)
    check_once(store, "brightness", lacking={items[4]})
    assert "no answer within 0.5 seconds" in store.value("SELECT reason FROM failures")


def test_a_measure_without_any_row_still_counts_as_done(store, go, prepared, table):
    from mediacorpus.engine.part import Prepared
    from mediacorpus.records import Info, Shape

    info = Info("none", "1", "One line.", "MIT", shape=Shape.TAG)
    with running(store, "measure") as run:
        setup = progress.setup_id(store, info, {}, run=run.id)
        ready = [Prepared(info, {}, lambda batch: [[] for _ in batch.items], setup)]
        told = local.run(store, ready, run, options=Options(run=run.id), show=False)
    assert told.items == 12
    assert progress.count_pending(store, [setup]) == 0
    assert table(store, "none") == []


def test_an_empty_corpus(tmp_path, go, brightness):
    with Store.create(tmp_path / "empty") as store:
        assert go(store, brightness=brightness).items == 0
    assert brightness.batches == []


# -- moved, changed --------------------------------------------------------------------------


def test_a_corpus_that_moved_with_its_images_is_measured(
    store, tmp_path, go, brightness, check_once
):
    store.close()
    home = tmp_path / "elsewhere"
    home.mkdir()
    (tmp_path / "corpus").rename(home / "corpus")
    (tmp_path / "pictures").rename(home / "pictures")
    with Store(home / "corpus") as moved:
        told = go(moved, brightness=brightness)
        assert (told.items, told.failed) == (12, 0)
        check_once(moved, "brightness")


def test_content_that_a_file_no_longer_holds_is_no_failure(
    store, go, brightness, photographs, save
):
    save(photographs[3], 40)
    assert add(store, photographs[0].parent, show=False).changed == 1
    told = go(brightness=brightness)
    assert (told.items, told.failed) == (12, 0)


# -- rows from rows, and words ---------------------------------------------------------------


def test_rows_that_were_computed_from_rows_are_recorded_too(store, prepared, items, check_once):
    with running(store, "apply") as run:
        info = prepared(None, "model").info
        ready = prepared(
            None, "model", setup=progress.setup_id(store, info, {"hash": "ab"}, run=run.id)
        )
        for number, some in enumerate((items[:8], items[8:])):
            values = [{"brightness": 1.0}] * len(some)
            rows = to_rows(info, some, values=values, run=run.id)
            local.commit_rows(store, ready, rows=rows, items=some, current=run, number=number)
        assert run.done == 12
    check_once(store, "model")


def test_the_hash_of_the_input_does_not_depend_on_the_parts(store, go, brightness, monkeypatch):
    def digest():
        return store.value("SELECT input_hash FROM runs ORDER BY run DESC")

    go(a=brightness)
    first = digest()
    real = Options.__init__
    monkeypatch.setattr(
        Options, "__init__", lambda self, **given: real(self, **(given | {"part_size": 3}))
    )
    go(b=brightness)
    assert digest() == first
    assert len(first) == 64


def test_what_a_run_says_of_itself():
    done = Measured(("facts", "tags"), items=2000, failed=0, failed_before=0, seconds=10.0)
    assert str(done) == "Measured facts, tags of 2,000 items in 10.0 s (200 items/s)."
    instant = Measured(("facts",), items=1, failed=1, failed_before=0, seconds=0.0)
    assert "0 items/s" in str(instant)


def test_works_know_their_files(store, items, photographs):
    rows = store.rows("SELECT n, item FROM items")
    for work in local.works_for(store, rows):
        (path,) = work.place.paths
        assert path == photographs[items.index(work.item)]
        assert work.place.sha256.startswith(work.item)
        assert work.facts.width > 0
    assert isinstance(path, Path)
    assert local.works_for(store, []) == []


def test_every_hostile_image_is_measured_or_fails_with_a_reason(
    test_data, tmp_path, go, brightness, check_once
):
    with zipfile.ZipFile(test_data / "hostile" / "hostile.zip") as archive:
        archive.extractall(tmp_path / "hostile")
    with Store.create(tmp_path / "other") as store:
        add(store, tmp_path / "hostile", show=False)
        told = go(store, brightness=brightness)
        failed = {i for (i,) in store.rows("SELECT subject FROM failures WHERE stage = 'read'")}
        assert len(failed) == told.failed
        assert told.items + told.failed == store.value("SELECT count(*) FROM items") > 100
        assert told.items > 100
        check_once(store, "brightness", lacking=failed)
        assert all(r for (r,) in store.rows("SELECT reason FROM failures"))
