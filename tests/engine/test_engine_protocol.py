"""Any engine may run the parts: here one that works in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import pytest

from mediacorpus.engine import local
from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.decoding import Decoders
from mediacorpus.engine.part import Options, PartResult, Prepared, Threads, Work, run_batch
from mediacorpus.errors import ParameterError
from mediacorpus.store import progress
from mediacorpus.store.runs import running


def far_away(works: Sequence[Work], measures: Sequence[Prepared], options: Options) -> PartResult:
    with Decoders(max_pixels=options.max_pixels, timeout=options.timeout) as decoders:
        return run_batch(works, measures, options, decoders=decoders)


class OneProcess:
    """The smallest engine that runs elsewhere."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        context = multiprocessing.get_context("spawn")
        self.pool = self.stack.enter_context(ProcessPoolExecutor(1, mp_context=context))
        return self

    def __exit__(self, *_):
        self.stack.close()

    def run_part(self, works, measures, *, report, interrupt=None):
        result = self.pool.submit(far_away, works, measures, self.options).result()
        report(len(works))
        return result


def prepared(store, name, run, **parameters):
    info = MEASURES.info(name)
    setup = progress.setup_id(store, info, parameters, run=run)
    return Prepared(info, parameters, MEASURES.get(name)(**parameters), setup)


@pytest.mark.parametrize("engine", [Threads, OneProcess])
def test_the_same_rows_come_from_every_engine(store, engine, items):
    pytest.importorskip("onnxruntime")
    with running(store, "measure") as run:
        measures = [prepared(store, "tags", run.id, top=2), prepared(store, "facts", run.id)]
        done = local.run(store, measures, run, options=Options(run=run.id), engine=engine)
    assert (done.items, done.failed) == (len(items), 0)
    again = [prepared(store, "tags", run.id, top=2)]
    alone = far_away(
        local.works_for(store, store.rows("SELECT n, item FROM items")), again, Options(run=run.id)
    )
    wanted = {(r["item"], r["tag"]) for t in alone.rows["tags"] for r in t.to_pylist()}
    from mediacorpus.analysis import tidy

    rows = tidy.table(store, "tags")
    assert set(zip(rows["item"], rows["tag"], strict=True)) == wanted


@pytest.mark.parametrize("name", MEASURES.names())
def test_every_measure_travels_by_name(name):
    info = MEASURES.info(name)
    if info.extra:
        pytest.importorskip({"models": "onnxruntime", "descriptors": "skimage"}[info.extra])
    there = pickle.loads(pickle.dumps(Prepared(info, {}, MEASURES.get(name)(), 7)))
    assert (there.info, there.setup) == (info, 7)
    assert callable(there.function)


def test_another_version_is_refused_where_it_arrives(monkeypatch):
    import dataclasses

    info = MEASURES.info("facts")
    older = Prepared(dataclasses.replace(info, version="0"), {}, MEASURES.get("facts")())
    with pytest.raises(ParameterError, match="install the same version"):
        pickle.loads(pickle.dumps(older))
