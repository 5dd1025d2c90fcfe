"""One part: items in, rows and failures out, each item once for each measure."""

import dataclasses
import hashlib
import os
import time
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image

from mediacorpus.engine.contract import Batch
from mediacorpus.engine.part import Options, PartResult, Prepared, Threads, _batches
from mediacorpus.engine.pool import Interrupt
from mediacorpus.media import load, probe
from mediacorpus.records import Info


@pytest.fixture
def part(works):
    """Run measures over the works with small batches."""

    def go(*measures, timeout=20.0, some=None, interrupt=None, report=None, **options):
        chosen = Options(run=1, timeout=timeout, **({"batch_size": 4} | options))
        with Threads(chosen) as engine:
            return engine.run_part(
                works if some is None else some,
                measures,
                report=report or (lambda done, *, failed=0: None),
                interrupt=interrupt,
            )

    return go


def at(work, **changes):
    """Give the same item at another place."""
    return dataclasses.replace(work, place=dataclasses.replace(work.place, **changes))


def values(result, name="brightness"):
    return {
        row["item"]: row["brightness"]
        for table in result.rows.get(name, [])
        for row in table.to_pylist()
    }


def check_once(result, works, *names):
    for name in names:
        numbers = result.done.get(name, []) + result.failed.get(name, [])
        assert Counter(numbers) == Counter(work.n for work in works)
        assert sorted(values(result, name)) == sorted(
            work.item for work in works if work.n in result.done.get(name, [])
        )


def test_every_item_is_measured_once(part, works, brightness, prepared):
    told = []
    result = part(
        prepared(brightness), report=lambda done, *, failed=0: told.append((done, failed))
    )
    check_once(result, works, "brightness")
    assert result.failed == {}
    assert result.troubles == []
    assert sum(done for done, _ in told) == len(works)
    assert all(failed == 0 for _, failed in told)
    assert max(map(len, brightness.batches)) == 4


def test_the_values_belong_to_their_items(part, works, brightness, prepared):
    found = values(part(prepared(brightness), workers=3))
    for work in works:
        assert found[work.item] == pytest.approx(load(work.place.paths[0]).mean())


def test_measures_share_one_decoding_and_one_batch(part, prepared):
    seen = []

    def first(batch):
        batch.shared["sum"] = [int(pixels.sum()) for pixels in batch.pixels]
        return [{"brightness": 0.0}] * len(batch)

    def second(batch):
        seen.append(batch.shared["sum"] == [int(pixels.sum()) for pixels in batch.pixels])
        return [{"brightness": 1.0}] * len(batch)

    result = part(prepared(first, "first"), prepared(second, "second"))
    assert result.failed == {}
    assert seen
    assert all(seen)


# -- measures that misbehave -----------------------------------------------------------------


def raising():
    raise RuntimeError("cannot see")


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (raising, "RuntimeError: cannot see"),
        (lambda: "not a number", "Could not convert"),
        (lambda: "nan", "Could not convert"),
        (lambda: [1.0], "ArrowInvalid|ArrowTypeError|TypeError"),
    ],
)
def test_one_item_that_goes_wrong_costs_only_itself(
    part, works, items, brightness, prepared, trouble, reason
):
    brightness.trouble[items[5]] = trouble
    good = type(brightness)()
    result = part(prepared(brightness), prepared(good, "good"))
    check_once(result, works, "brightness", "good")
    (bad,) = result.troubles
    assert (bad.work.item, bad.stage) == (items[5], "brightness")
    assert any(word in bad.reason for word in reason.split("|"))
    assert result.failed == {"brightness": [bad.work.n]}
    assert len(values(result)) == len(works) - 1
    assert len(values(result, "good")) == len(works)


def test_a_value_that_is_not_a_number_is_kept_as_such(part, items, brightness, prepared):
    brightness.trouble[items[5]] = lambda: float("nan")
    assert np.isnan(values(part(prepared(brightness)))[items[5]])


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda batch: raising(), "cannot see"),
        (lambda batch: [{"brightness": 0.0}] * (len(batch) + 1), "gave 2 values for 1 image"),
        (lambda batch: [], "gave 0 values for 1 image"),
        (lambda batch: None, "NoneType"),
        (lambda batch: [{}] * len(batch), "brightness"),
        (lambda batch: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_measure_that_is_wrong_throughout_fails_each_item_with_its_reason(
    part, works, prepared, brightness, function, reason
):
    result = part(prepared(function, "wrong"), prepared(brightness))
    check_once(result, works, "wrong", "brightness")
    assert len(result.failed["wrong"]) == len(works)
    assert "brightness" not in result.failed
    assert all(reason in t.reason and t.stage == "wrong" for t in result.troubles)


def test_a_wrong_count_for_some_batches_only(part, works, prepared):
    def drops_one(batch):
        return [{"brightness": 0.0}] * (len(batch) - (len(batch) > 1))

    result = part(prepared(drops_one))
    check_once(result, works, "brightness")
    assert result.failed == {}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_measure_that_hangs_costs_only_the_item_it_hangs_on(
    part, works, items, brightness, prepared, workers
):
    brightness.trouble[items[5]] = lambda: time.sleep(3) or 0.0
    started = time.monotonic()
    result = part(prepared(brightness), timeout=0.5, workers=workers)
    assert time.monotonic() - started < 3
    check_once(result, works, "brightness")
    (bad,) = result.troubles
    assert bad.work.item == items[5]
    assert "no answer within 0.5 seconds" in bad.reason
    assert len(values(result)) == len(works) - 1


def test_a_program_that_a_measure_would_end_goes_on(part, works, items, brightness, prepared):
    def leave():
        raise SystemExit(1)

    brightness.trouble[items[2]] = leave
    result = part(prepared(brightness))
    check_once(result, works, "brightness")
    assert result.failed == {"brightness": [works[2].n]}


# -- files that misbehave --------------------------------------------------------------------


def test_a_file_that_changed_since_it_was_added(
    part, works, photographs, save, brightness, prepared
):
    save(photographs[3], 50)
    result = part(prepared(brightness))
    check_once(result, works, "brightness")
    (bad,) = result.troubles
    assert bad.work.place.paths[0] == photographs[3]
    assert (bad.stage, "has changed since it was added" in bad.reason) == ("read", True)
    assert bad.work.item not in brightness.seen


def test_a_file_that_is_gone(part, works, photographs, brightness, prepared):
    photographs[3].unlink()
    result = part(prepared(brightness))
    check_once(result, works, "brightness")
    (bad,) = result.troubles
    assert "is not there" in bad.reason


def test_a_file_without_permission(
    part, works, photographs, brightness, prepared, ordinary_user, tmp_path
):
    folder, lowered = ordinary_user
    part(prepared(brightness))  # imports all that is needed while that is allowed
    moved = [at(work, paths=(folder / work.place.paths[0].name,)) for work in works]
    for work, new in zip(works, moved, strict=True):
        new.place.paths[0].write_bytes(work.place.paths[0].read_bytes())
    moved[3].place.paths[0].chmod(0)
    with lowered():
        result = part(prepared(brightness), some=moved)
    check_once(result, moved, "brightness")
    (bad,) = result.troubles
    assert bad.work is moved[3]
    assert "permission is denied" in bad.reason


def test_a_damaged_file_keeps_what_its_header_says(part, works, photographs, brightness, prepared):
    """A measure of the header gives the same whether or not others want the pixels."""
    photographs[3].write_bytes(photographs[3].read_bytes()[:-200])
    works[3] = at(works[3], sha256=hashlib.sha256(photographs[3].read_bytes()).hexdigest())
    headers = type(brightness)()
    result = part(prepared(headers, "header", pixels=False), prepared(brightness))
    check_once(result, works, "header", "brightness")
    (bad,) = result.troubles
    assert bad.stage == "read"
    assert result.failed == {"brightness": [works[3].n]}
    alone = part(prepared(headers, "header", pixels=False))
    assert values(alone, "header") == values(result, "header")


def test_another_copy_is_read_where_the_first_is_gone_or_changed(
    part, works, photographs, tmp_path, brightness, prepared, save
):
    copy = tmp_path / "copy.png"
    copy.write_bytes(photographs[3].read_bytes())
    for spoil in (lambda: save(photographs[3], 60), photographs[3].unlink):
        spoil()
        works[3] = at(works[3], paths=(photographs[3], copy))
        result = part(prepared(brightness))
        check_once(result, works, "brightness")
        assert result.troubles == []


def test_an_item_without_any_file(part, works, brightness, prepared):
    works[3] = at(works[3], paths=())
    (bad,) = part(prepared(brightness)).troubles
    assert bad.reason == "No file is known for this item."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not on this machine: no named pipes")
def test_a_pipe_in_the_place_of_a_file_does_not_block(
    part, works, photographs, brightness, prepared
):
    photographs[3].unlink()
    os.mkfifo(photographs[3])
    started = time.monotonic()
    (bad,) = part(prepared(brightness), timeout=10).troubles
    assert time.monotonic() - started < 5
    assert "named pipe" in bad.reason


def test_a_image_over_the_limit(part, works, brightness, prepared):
    result = part(prepared(brightness), max_pixels=100)
    assert len(result.failed["brightness"]) == len(works)
    assert "limit" in result.troubles[0].reason


def test_without_pixels_no_file_is_read(part, works, photographs, brightness, prepared):
    for path in photographs:
        path.unlink()
    result = part(prepared(brightness, pixels=False))
    check_once(result, works, "brightness")
    assert set(values(result).values()) == {-1.0}


# -- size, batches, interrupt ----------------------------------------------------------------


def test_each_measure_gets_the_scale_that_it_asks_for(part, works, photographs):
    Image.new("RGB", (1600, 1200)).save(photographs[0])
    data = photographs[0].read_bytes()
    work = at(works[0], sha256=hashlib.sha256(data).hexdigest(), paths=(photographs[0],))
    work = at(dataclasses.replace(work, facts=probe(data)), facts=probe(data))

    def sides(*asked):
        shapes = []

        def look(batch):
            shapes.extend(pixels.shape[:2] for pixels in batch.pixels)
            return [{"x": 0.0}] * len(batch)

        infos = [
            Info(f"m{n}", "1", "One line.", "MIT", outputs={"x": "float64"}, min_side=side)
            for n, side in enumerate(asked)
        ]
        part(*(Prepared(info, {}, look) for info in infos), some=[work])
        return shapes

    assert sides(100) == [(150, 200)]
    assert sides(100, 256) == [(150, 200), (300, 400)]
    assert sides(100, None, 90) == [(150, 200), (1200, 1600), (150, 200)]


def test_large_images_come_in_smaller_batches(works):
    huge = dataclasses.replace(works[0].facts, width=8000, height=5000)
    some = [dataclasses.replace(work, facts=huge) for work in works]
    assert [len(b) for b in _batches(some, 16, full_size=True)] == [1] * 12
    assert [len(b) for b in _batches(some, 16, full_size=False)] == [12]
    assert [len(b) for b in _batches(works, 5, full_size=True)] == [5, 5, 2]
    assert list(_batches([], 5, full_size=True)) == []


def test_an_interrupt_keeps_whole_batches_and_leaves_the_rest(part, works, prepared, brightness):
    flag = Interrupt()

    def stop(batch):
        flag.asked = True
        return brightness(batch)

    result = part(prepared(stop), interrupt=flag, workers=1, batch_size=2)
    assert 2 <= len(result.done["brightness"]) < len(works)
    assert result.failed == {}
    assert len(set(result.done["brightness"])) == len(result.done["brightness"])


def test_results_add_up(works):
    both = PartResult()
    both.add(PartResult(done={"a": [1]}, failed={"b": [1]}))
    both.add(PartResult(done={"a": [2], "b": [2]}))
    assert both.done == {"a": [1, 2], "b": [2]}
    assert both.failed == {"b": [1]}


def test_the_number_of_threads_of_opencv_is_put_back(part, prepared, brightness):
    before = cv2.getNumThreads()
    part(prepared(brightness))
    assert cv2.getNumThreads() == before


def test_an_empty_part_is_an_empty_result(part, prepared, brightness):
    result = part(prepared(brightness), some=[])
    assert result.rows == {}
    assert brightness.batches == []
    assert len(Batch([])) == 0
