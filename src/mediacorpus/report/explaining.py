"""The verbs `audit --robustness`, `explain` and `learning_curve`: numbers with their images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.coding import splitting
from mediacorpus.engine.decoding import open_all
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.engine.progress import so_far
from mediacorpus.errors import LabelError, MediaError, ParameterError, unknown, writing
from mediacorpus.files import atomic_write
from mediacorpus.learning.features import matrix
from mediacorpus.learning.folds import group_numbers
from mediacorpus.learning.model import model_of
from mediacorpus.learning.targets import TargetKind, check_classes, target_of
from mediacorpus.learning.train import embedding_for, examples_of
from mediacorpus.media.sheet import write_sheet
from mediacorpus.report.explain_sheet import explanation_sheet, mean_map_sheet
from mediacorpus.report.score_figures import learning_curve as draw_curve
from mediacorpus.report.score_figures import robustness as draw_robustness
from mediacorpus.result import Result
from mediacorpus.store import derived, holdings, people
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store
from mediacorpus.validation.explain import (
    Cue,
    Explanation,
    Neighbor,
    Reference,
    explain,
    find_cues,
)
from mediacorpus.validation.learning_curve import LearningCurve, learning_curve
from mediacorpus.validation.predictions import gold_of, held_out, truth_of
from mediacorpus.validation.robustness import RobustnessAudit, RobustnessPlan, audit_robustness
from mediacorpus.validation.saliency import picture_predictor
from mediacorpus.validation.validate import positive_of

Pixels = NDArray[np.uint8]

SIDE = 384
"""Short side that images keep at least when they are spoilt or explained."""
PICTURES = 100
ROWS = 40
METHODS = ("auto", "cam", "gradcam", "occlusion", "neighbors")
NEIGHBORS = 3
FEW = 8
"""Images of a class from which a cue is looked for."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explained(Result):
    """What explaining some items gave.

    Parameters
    ----------
    rows:
        One explanation for each item.
    cues:
        For each class with enough images, whether attention lies at one place at the border.
    files:
        Sheets that were written.
    failed:
        Items that could not be read → why.
    """

    rows: Sequence[Explanation]
    cues: Sequence[Cue]
    files: Sequence[Path]
    failed: Mapping[str, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each item: gold and predicted value, probability, nearest items."""
        return pd.DataFrame(self.to_dict()["items"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the maps as plain lists, numbers and text."""
        rows = [
            {
                "item": row.item,
                "gold": row.truth or None,
                "predicted": row.said,
                "probability": row.probability,
                "nearest": [n.item for n in row.neighbors],
            }
            for row in self.rows
        ]
        cues = [{"words": str(cue), "found": cue.found} for cue in self.cues]
        files = [str(f) for f in self.files]
        return {"items": rows, "cues": cues, "files": files, "failed": dict(self.failed)}

    def __str__(self) -> str:
        lines = [
            f"{row.item}: {row.said} ({row.probability:.3f}), {_against(row.truth, row.said)}"
            for row in self.rows
        ]
        lines += [f"{item}: not read. {why}" for item, why in self.failed.items()]
        lines += [str(cue) for cue in self.cues]
        return "\n".join([*lines, *(f"Drawn on {file}." for file in self.files)])


def _against(gold: str, predicted: str) -> str:
    """Say how a prediction stands to the gold label, if there is one.

    >>> _against("", "dog"), _against("dog", "dog"), _against("cat", "dog")
    ('no gold label', 'right', 'wrong: the gold label is cat')
    """
    if not gold:
        return "no gold label"
    return "right" if gold == predicted else f"wrong: the gold label is {gold}"


def robustness(
    store: Store,
    name: str,
    *,
    against: str,
    pictures: int = PICTURES,
    output: Path | None = None,
    seed: int = 1,
    show: bool | None = None,
) -> RobustnessAudit:
    """Measure how much a model loses when held-out images are spoilt in ten ways.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model of classes.
    against:
        The variable whose labels are the truth.
    images:
        Images at the most, drawn evenly from the held-out items.
    output:
        `.svg` file to draw to.
    seed:
        Of what is random in the perturbations.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, LabelError, ParameterError
        There is nothing to audit.
    """
    if pictures < 1:
        raise ParameterError(f"The number of images is {pictures}; it must be at least 1.")
    _check_svg(output)
    model = people.model(store, name)
    if target_of(model["card"]).kind not in {TargetKind.CLASSES, TargetKind.ORDINAL}:
        raise ParameterError(f"The model {name!r} does not learn classes; accuracy cannot be told.")
    truth, _ = truth_of(store, against)
    classes = [str(c) for c in model["card"]["classes"]]
    gold, part, _ = held_out(store, model, truth=truth, variable=against, part=None)
    items = [item for item in gold if gold[item] in classes]
    chosen = items[:: max(1, len(items) // pictures)][:pictures]
    if not chosen:
        raise LabelError(f"No held-out item has a label of {against!r} that {name!r} knows.")
    plan = RobustnessPlan(positive=positive_of(classes, against, None), seed=seed)
    predict = picture_predictor(model_of(store, name))
    parameters = {"subject": name, "against": against, "pictures": len(chosen)}
    lost: dict[str, str] = {}
    with running(
        store, "audit", parameters=parameters, seed=seed, model_hash=model["hash"], exclusive=False
    ) as run:
        with show_progress(f"spoiling for {name}", total=len(chosen), show=show) as report:
            found = audit_robustness(
                predict,
                _pictures(store, chosen, lost),
                truth=gold,
                classes=classes,
                plan=plan,
                progress=so_far(report),
            )
        run.done, run.failed = len(chosen) - len(lost), len(lost)
        run.note = "; ".join(f"{item}: {why}" for item, why in lost.items()) or None
        about = {"subject": name, "subject_hash": model["hash"], "variable": against}
        about |= {"kind": "model", "part": part, "notes": found.notes()}
        write_results(store, run.id, found.rows(), command="robustness", **about)
    if output is not None:
        _write(output, draw_robustness(found))
    return found


def explain_items(
    store: Store,
    name: str,
    items: Sequence[str] = (),
    *,
    method: str = "auto",
    output: Path | None = None,
    show: bool | None = None,
) -> Explained:
    """Show where a model looks, and which training images are nearest.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model of classes.
    items:
        Items by their ids or first digits; by default held-out items from all classes.
    method:
        `"auto"`, `"gradcam"`, `"cam"`, `"occlusion"`, or `"neighbors"` for no maps but
        more neighbors.
    output:
        `.png`, `.jpg` or `.webp` sheet to write; a second one beside it shows the mean map of
        each class.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, ParameterError
        There is no such model, item or method.
    MediaError
        None of the items can be read.
    """
    if method not in METHODS:
        raise unknown("method to explain", method, METHODS)
    row = people.model(store, name)
    model = model_of(store, name)
    gold = gold_of(store, row)
    chosen = [holdings.resolve_item(store, text) for text in items] or _some(store, row, gold)
    reference = _reference(store, row, show=show)
    nearest = method == "neighbors"
    lost: dict[str, str] = {}
    with show_progress(f"explaining {name}", total=len(chosen), show=show) as report:
        rows = []
        for one in explain(
            model,
            _pictures(store, chosen, lost),
            method="auto" if nearest else method,
            truth=gold,
            reference=reference,
            k=2 * NEIGHBORS if nearest else NEIGHBORS,
        ):
            rows.append(one)
            report(1)
    by_class: dict[str, list[Any]] = {}
    for one in rows:
        by_class.setdefault(one.said, []).append(one.map)
    maps = {said: np.stack(found) for said, found in by_class.items() if len(found) >= FEW}
    cues = find_cues(maps) if maps else []
    files = [] if output is None else _sheets(store, rows, maps, output=output, name=name)
    return Explained(rows, cues, files, lost)


def curve_of(
    store: Store,
    variable: str,
    *,
    output: Path | None = None,
    repeats: int = 5,
    seed: int = 1,
    show: bool | None = None,
) -> LearningCurve:
    """Tell how the accuracy of a probe grows with the number of labels.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    output:
        `.svg` file to draw to.
    repeats:
        Random subsets of each size.
    seed:
        Of the subsets.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, SplitError, TrainingError, ParameterError
        The variable cannot be learned.
    """
    _check_svg(output)
    number, split = splitting.latest(store, variable)
    check_classes(variable, list(split.labels.values()), verb="learning-curve")
    labelled = examples_of(store, split)
    embedding_for(store, [e.item for e in labelled], show=show)
    examples, features = matrix(store, labelled, "embedding")
    classes = sorted({e.label for e in examples})
    targets = np.array([classes.index(e.label) for e in examples], np.int64)
    train = np.array([e.part == "train" for e in examples])
    parameters = {"variable": variable, "repeats": repeats}
    with running(store, "learning_curve", parameters=parameters, seed=seed) as run:
        with show_progress(f"learning curve of {variable}", unit="fits", show=show) as report:
            found = learning_curve(
                features,
                targets,
                train=np.flatnonzero(train),
                val=np.flatnonzero(~train),
                groups=group_numbers([e.group for e in examples]),
                repeats=repeats,
                seed=seed,
                progress=so_far(report),
            )
        about: dict[str, Any] = dict.fromkeys(("subject", "variable"), variable)
        about |= {
            "kind": "variable",
            "subject_hash": str(number),
            "part": "val",
            "notes": found.sentences(),
        }
        write_results(store, run.id, found.rows(), command="learning_curve", **about)
        run.done = len(examples)
    if output is not None:
        _write(output, draw_curve(found))
    return found


def _pictures(
    store: Store, items: Sequence[str], lost: dict[str, str] | None = None
) -> Iterator[tuple[str, Pixels]]:
    """Give the pixels of items; those that cannot be read are set down in `lost`, with why.

    That none of them can be read is an error, where `lost` is given.
    """
    places = derived.places(store, items)
    for one in open_all([(item, places[item]) for item in items], SIDE):
        if one.pixels is not None:
            yield one.key, one.pixels
        elif lost is not None:
            lost[one.key] = one.reason
    if lost and len(lost) == len(set(items)):
        raise MediaError(f"None of the {len(lost):,} items can be read. {one.reason}")


def _some(store: Store, model: Mapping[str, Any], truth: Mapping[str, str]) -> list[str]:
    """Choose held-out items, as many of each class."""
    gold, _, _ = held_out(store, model, truth=truth, variable=str(model["variable"]), part=None)
    by_class: dict[str, list[str]] = {}
    for item, value in gold.items():
        by_class.setdefault(value, []).append(item)
    most = max(1, ROWS // max(1, len(by_class)))
    return [item for name in sorted(by_class) for item in by_class[name][:most]]


def _reference(store: Store, model: Mapping[str, Any], *, show: bool | None) -> Reference | None:
    """Gather the training images of a model with their embeddings."""
    parts = people.split_parts(store, model["split"])
    _, split = splitting.latest(store, str(model["variable"]))
    train = [e for e in examples_of(store, split) if parts.get(e.item) == "train"]
    if not train:
        return None
    embedding_for(store, [e.item for e in train], show=show)
    kept, embeddings = matrix(store, train, "embedding")
    return Reference([e.item for e in kept], [e.label for e in kept], embeddings)


def _sheets(
    store: Store,
    rows: Sequence[Explanation],
    maps: Mapping[str, NDArray[Any]],
    *,
    output: Path,
    name: str,
) -> list[Path]:
    wanted = sorted({n.item for row in rows for n in row.neighbors})
    there = dict(_pictures(store, wanted))

    def neighbor(one: Neighbor) -> Pixels | None:
        return there.get(one.item)

    write_sheet(output, explanation_sheet(rows, neighbor=neighbor, title=f"What {name} looks at"))
    files = [output]
    if maps:
        means = output.with_name(f"{output.stem}-means{output.suffix}")
        write_sheet(means, mean_map_sheet(maps, title="Where it looks, image after image"))
        files.append(means)
    return files


def _check_svg(output: Path | None) -> None:
    if output is not None and output.suffix.lower() != ".svg":
        raise ParameterError(f"The figure is written as .svg; {output.name!r} ends otherwise.")


def _write(output: Path, svg: str) -> None:
    with writing(output.parent):
        output.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(output) as temporary:
            temporary.write_text(svg, encoding="utf-8")
