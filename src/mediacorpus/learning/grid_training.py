"""Whole trainings as the fits of a grid: any setting of `finetune` and `scratch` may vary."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.applicable import OF_LOOP
from mediacorpus.learning.cache import write_json
from mediacorpus.learning.features import Part, Plan, plan_for, prepare
from mediacorpus.learning.finetune import fit, predict
from mediacorpus.learning.folds import Division
from mediacorpus.learning.head import scores_of
from mediacorpus.learning.methods import features_of, network_for, plan_to_score
from mediacorpus.learning.networks import AUTOENCODER
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import Target, TargetKind

if TYPE_CHECKING:
    from mediacorpus.learning.backbones import Network
    from mediacorpus.learning.grid_results import Fold, Point
    from mediacorpus.records import Example

METHODS = ("finetune", "scratch")
TRAINING_SETTINGS = (
    *OF_LOOP,
    *("unfreeze", "class_weights", "augment", "mirror", "size", "backbone", "weights", "arch"),
)
"""Settings that a grid of whole trainings may vary."""

Read = Callable[[int, int], None]


def training_settings(method: str, point: Point, *, seed: int = 1) -> TrainSettings:
    """Complete the settings of one whole training.

    Raises
    ------
    UnknownName
        There is no such setting or method.
    ParameterError
        A value is out of its range, or the method does not use the setting.

    Examples
    --------
    >>> training_settings("finetune", {"optimizer": "adamw", "unfreeze": "head"}).lr
    0.001
    """
    if method not in METHODS:
        raise unknown("method of a grid", method, ("probe", "shallow", *METHODS))
    for name in point:
        if name not in TRAINING_SETTINGS:
            raise unknown("setting of a grid", str(name), TRAINING_SETTINGS)
    if point.get("arch") == AUTOENCODER:
        raise ParameterError(
            "A grid compares what learns from labels, and the autoencoder learns without; leave "
            "it out, or train it by itself."
        )
    settings = TrainSettings(method=method, seed=seed, **dict(point))
    settings.check()
    return settings.complete()


@dataclass(frozen=True, eq=False)
class TrainingRunner:
    """Trains with one setting and scores it, on pictures that took no part in it.

    In a fold one in eight of the pictures that are learned from chooses the epoch, as the
    validation part does in `train`; the pictures that score choose nothing. Without folds the
    validation part does both.

    Parameters
    ----------
    examples:
        Labelled pictures, all of which can be read.
    items:
        Their classes, and how they may be parted.
    method:
        `"finetune"` or `"scratch"`.
    place:
        Folder for the views of the pictures, which are made once for all fits.
    read:
        Told how many pictures have been read, while `ready` makes the views.
    """

    examples: tuple[Example, ...]
    items: Division
    method: str
    place: Path
    read: Read | None = field(default=None, repr=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data, the method, and how the data are divided."""
        rows = [self.method, [(e.item, e.label) for e in self.examples]]
        return _hash(rows) + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        self.items.check(folds)
        s = self._settings(point)
        export.split(network_for(s, self._target(s)), _depth(s))

    def ready(self, point: Point) -> None:
        """Make the views that the fits of a setting share."""
        s = self._settings(point)
        self._views(network_for(s, self._target(s)), s, read=self.read)

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Train on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        teach, choose = (learn, tests[0]) if fold.count == 1 else self.items.inner(learn)
        s = self._settings(point)
        target = self._target(s)
        network = network_for(s, target)
        plan, varied, plain = self._views(network, s)
        fixed, learning = export.split(network, _depth(s))
        module = need("torch.nn").Sequential(
            *([] if fixed else [export.standardizer(network)]), *learning
        )
        with tempfile.TemporaryDirectory() as work:
            fit(
                module,
                _rows(varied, teach),
                _rows(plain, choose),
                plan=plan,
                settings=s,
                target=target,
                work=Path(work),
            )
        parts = [_rows(plain, test) for test in tests]
        return [
            scores_of(predict(module, part).numpy().astype(np.float64), part.targets)
            for part in parts
        ]

    def __getstate__(self) -> dict[str, Any]:
        # What shows progress stays in the process of the user.
        return {**self.__dict__, "read": None}

    def _settings(self, point: Point) -> TrainSettings:
        return training_settings(self.method, point, seed=self.items.seed)

    def _target(self, s: TrainSettings) -> Target:
        return Target(
            TargetKind.CLASSES,
            self.items.classes,
            smoothing=float(s.label_smoothing or 0.0),
            loss_name=s.loss,
        )

    def _views(
        self, network: Network, s: TrainSettings, *, read: Read | None = None
    ) -> tuple[Plan, Part, Part]:
        """Give the views that teach and those that score; made once, then read from the disk."""
        fixed, _ = export.split(network, _depth(s))
        plan = plan_for(network, learns_all=not fixed, augment=bool(s.augment), seed=s.seed)
        features = functools.cache(lambda: features_of(network, fixed))
        found = []
        for each in (plan, plan_to_score(plan, mirror=bool(s.mirror))):
            content = [network.name, s.weights, str(_depth(s)), asdict(each), self.fingerprint]
            path = self.place / f"{_hash(content)}.bin"
            if path not in _OPEN:
                part, lost = prepare(
                    self.examples,
                    self._target(s).encode,
                    path,
                    plan=each,
                    fixed=features(),
                    progress=read,
                )
                if lost:
                    raise ParameterError(
                        f"{lost[0].path} was read before and cannot be read now: {lost[0].reason}"
                    )
                _OPEN[path] = part
            found.append(_OPEN[path])
        return plan, found[0], found[1]


_OPEN: dict[Path, Part] = {}
"""Views that this process has opened: a process that fits many times opens them once."""


def forget_views(place: Path) -> None:
    """Delete the views of pictures below a folder, which can be made again."""
    for path in [path for path in _OPEN if place in path.parents]:
        del _OPEN[path]
    shutil.rmtree(place, ignore_errors=True)


def readable(examples: Sequence[Example], place: Path, read: Read | None = None) -> list[Example]:
    """Leave out pictures that cannot be read; which those are is noted beside `place`."""
    note = place.parent / "unreadable.json"
    items = [e.item for e in examples]
    known = json.loads(note.read_text("utf-8")) if note.exists() else {}
    if known.get("of") != _hash(items):
        plan = Plan(size=32, crop=1.0, views=1, squares=False, seed=0)
        path = place / f"{_hash(items)}.bin"
        _, lost = prepare(
            examples, lambda labels: np.zeros(len(labels)), path, plan=plan, progress=read
        )
        known = {"of": _hash(items), "lost": [one.item for one in lost]}
        write_json(note, known)
    return [example for example in examples if example.item not in known["lost"]]


def _depth(s: TrainSettings) -> str | int:
    return s.unfreeze if s.unfreeze is not None else "head"


def _rows(part: Part, chosen: Any) -> Part:
    return replace(part, rows=part.rows[chosen], targets=part.targets[chosen])


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
