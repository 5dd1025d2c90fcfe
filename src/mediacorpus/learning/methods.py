"""What each method of training makes of labelled examples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.architecture import describe_onnx
from mediacorpus.learning.autoencoder import codes_of, learn_codes, rebuild, reconstruction_error
from mediacorpus.learning.features import (
    Fixed,
    Part,
    Plan,
    Unreadable,
    embedded_views,
    plan_for,
    prepare,
)
from mediacorpus.learning.folds import group_numbers
from mediacorpus.learning.linear import fit_linear
from mediacorpus.learning.loop import Fit, OnEpoch, fit
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.shallow import fit_shallow
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import Network, create
from mediacorpus.networks.frozen import FrozenNetwork
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.networks.scratch import AUTOENCODER
from mediacorpus.records import Example

UNLABELLED = "unlabelled"
"""Part of the images that are learned from without a label."""

CHECKED = 8
"""Images on which the exported network is compared with the trained one."""

MOST_REBUILT = 1000
"""Validation images on which an autoencoder's error is told."""

OnRead = Callable[[str, int, int], None]
"""Told what is being read (`"train"` or `"val"`), how many are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a method gives: all that goes into the folder."""

    weights: Mapping[str, NDArray[Any]]
    curves: pd.DataFrame
    network: bytes
    facts: Mapping[str, Any]


def fit_on_embeddings(
    examples: Sequence[Example],
    embeddings: NDArray[Any],
    target: Target,
    *,
    s: TrainSettings,
    work: Path,
    on_epoch: OnEpoch | None,
    on_read: OnRead | None,
    network: FrozenNetwork | None = None,
) -> Made:
    """Fit a linear model to embeddings `(N, features)`, a row for each example.

    `network` is what gave them; None is the one on board.
    """
    encoded = target.encode([e.label for e in examples])
    train = np.array([e.part == "train" for e in examples])
    views = None
    if s.augment is not False:
        views = embedded_views(
            examples, work / "views.bin", seed=s.seed, network=network, progress=on_read
        )
    if views is not None:
        views = np.where(np.isnan(views), embeddings[train][:, None], views)
    probe = fit_linear(
        embeddings[train],
        encoded[train],
        target,
        views=views,
        groups=group_numbers([e.group for e in examples if e.part == "train"]),
        balanced=bool(s.class_weights),
        strength=s.C,
        seed=s.seed,
        on_epoch=on_epoch,
    )
    answer = target.answer(probe.outputs(embeddings[~train]))
    return Made(
        weights={"weight": probe.weight, "bias": probe.bias},
        curves=probe.curves,
        network=export.linear_graph(probe.weight, probe.bias, target),
        facts={
            "input": "embedding",
            "validation": target.scores(answer, encoded[~train]),
            "C": probe.strength,
            "unreadable": [],
            **({} if network is None else {"size": network.size, "crop": network.crop}),
        },
    )


def fit_on_features(
    examples: Sequence[Example],
    features: NDArray[Any],
    target: Target,
    *,
    s: TrainSettings,
    work: Path,
    on_epoch: OnEpoch | None,
    on_read: OnRead | None,
) -> Made:
    """Fit a classic model to the values of a measure `(N, features)`."""
    del work, on_read
    encoded = target.encode([e.label for e in examples])
    train = np.array([e.part == "train" for e in examples])
    found = fit_shallow(
        np.asarray(features[train], np.float32),
        encoded[train],
        classes=target.classes,
        settings=s.shallow(),
        groups=group_numbers([e.group for e in examples if e.part == "train"]),
        on_row=on_epoch,
    )
    answer = found.probabilities(np.asarray(features[~train], np.float32))
    return Made(
        weights={},
        curves=found.curves,
        network=found.graph,
        facts={
            "input": "features",
            "features": s.features,
            "width": int(features.shape[1]),
            "validation": target.scores(answer, encoded[~train]),
            "chosen": dict(found.facts),
            "unreadable": [],
        },
    )


def fit_on_pictures(
    examples: Sequence[Example],
    target: Target,
    s: TrainSettings,
    *,
    work: Path,
    on_epoch: OnEpoch | None,
    on_read: OnRead | None,
) -> Made:
    """Train a network, pretrained or from scratch, on the images themselves."""
    nn = need("torch.nn")
    network = network_for(s, target)
    fixed, learning = frozen.split(network, s.unfreeze if s.unfreeze is not None else "head")
    plan = plan_for(network, learns_all=not fixed, augment=bool(s.augment), seed=s.seed)
    parts, unreadable = _read(
        examples,
        target,
        network,
        plan=plan,
        fixed=fixed,
        work=work,
        on_read=on_read,
        mirror=bool(s.mirror),
    )
    first = [] if fixed else [frozen.standardizer(network)]
    found = fit(
        nn.Sequential(*first, *learning),
        parts["train"],
        parts["val"],
        plan=plan,
        settings=s,
        target=target,
        work=work,
        on_epoch=on_epoch,
    )
    facts = {
        "validation": target.scores(found.answer, parts["val"].targets),
        "unreadable": [asdict(one) for one in unreadable],
        "frozen": _weighted_layers(network, fixed),
    }
    return _made(network, found, target, facts=facts, s=s)


def _weighted_layers(network: Network, fixed: Sequence[Any]) -> int:
    """Count the layers with weights in the part of a network that does not learn."""
    layers = describe_onnx(frozen.fixed_graph(network, fixed)) if fixed else []
    return sum(layer.parameters > 0 for layer in layers)


def network_for(s: TrainSettings, target: Target) -> Network:
    """Make the network that complete settings ask for, pretrained or from scratch."""
    scratch = s.method == "scratch"
    network = create(
        str(s.arch) if scratch else s.backbone,
        weights="random" if scratch else s.weights,
        classes=target.outputs,
        dropout=float(s.dropout or 0.0),
        seed=s.seed,
        size=s.size,
    )
    if s.size:
        frozen.check_size(network)
    return network


def fit_on_codes(
    examples: Sequence[Example],
    target: Target,
    s: TrainSettings,
    *,
    work: Path,
    on_epoch: OnEpoch | None,
    on_read: OnRead | None,
) -> Made:
    """Learn codes of all images but those of val without labels, then a linear model on them.

    Images without a label are of the part `UNLABELLED`.
    """
    network = create(AUTOENCODER, weights="random", classes=target.outputs, seed=s.seed)
    plan = plan_for(network, learns_all=True, augment=False, seed=s.seed)
    parts, unreadable = _read(
        examples, target, network, plan=plan, fixed=(), work=work, on_read=on_read
    )
    pool, lost = prepare(
        [example for example in examples if example.part != "val"],
        lambda labels: np.zeros(len(labels)),
        work / "pictures.bin",
        plan=plan,
        progress=None if on_read is None else functools.partial(on_read, "pictures"),
    )
    found, decoder = learn_codes(network, pool, plan=plan, settings=s, work=work, on_epoch=on_epoch)
    train, val = parts["train"], parts["val"]
    own = [example.group for example in examples if example.part == "train"]
    linear = fit_linear(
        codes_of(network, train),
        train.targets,
        target,
        groups=group_numbers([own[row] for row in train.rows]),
        balanced=bool(s.class_weights),
        seed=s.seed,
    )
    torch = need("torch")
    with torch.no_grad():
        network.module.last.weight.copy_(torch.from_numpy(linear.weight))
        network.module.last.bias.copy_(torch.from_numpy(linear.bias))
    known = {one.item for one in unreadable}
    facts = {
        "validation": target.scores(
            target.answer(linear.outputs(codes_of(network, val))), val.targets
        ),
        "unreadable": [asdict(o) for o in (*unreadable, *(x for x in lost if x.item not in known))],
        "unlabelled": len(pool) - len(train),
        "C": linear.strength,
    }
    made = _made(network, found, target, facts=facts, s=s)
    weights = {**made.weights, **decoder}
    views = np.asarray(val.views[val.rows[:MOST_REBUILT], 0])
    error = reconstruction_error(views, rebuild(weights, views))
    return replace(made, weights=weights, facts={**made.facts, "reconstruction_error": error})


def _made(
    network: Network, found: Fit, target: Target, *, facts: Mapping[str, Any], s: TrainSettings
) -> Made:
    """Export a fitted network, check the export, and gather what goes into the folder."""
    network.module.eval()
    mirror = bool(s.mirror)
    content = export.fitted_graph(
        network, *frozen.split(network, "all"), target=target, mirror=mirror
    )
    pixels = np.random.default_rng(s.seed).integers(
        0, 256, (CHECKED, network.size, network.size, 3), np.uint8
    )
    state = network.module.state_dict()
    return Made(
        weights={name: tensor.detach().numpy() for name, tensor in state.items()},
        curves=found.curves,
        network=content,
        facts={
            "input": "pixels",
            "size": network.size,
            "crop": network.crop,
            "mean": list(network.mean),
            "sd": list(network.sd),
            "gray": network.gray,
            "best_epoch": found.best_epoch,
            "lr": found.rate,
            "mirror": mirror,
            "export_difference": export.agreement(
                network, content, pixels, target=target, mirror=mirror
            ),
            **facts,
        },
    )


def _read(
    examples: Sequence[Example],
    target: Target,
    network: Network,
    *,
    plan: Plan,
    fixed: Sequence[Any],
    work: Path,
    on_read: OnRead | None,
    mirror: bool = False,
) -> tuple[dict[str, Part], list[Unreadable]]:
    """Read the images of both parts, through the part of the network that does not learn."""
    features = features_of(network, fixed)
    parts, unreadable = {}, []
    for name in ("train", "val"):
        own = [example for example in examples if example.part == name]
        plain = plan if name == "train" else plan_to_score(plan, mirror=mirror)

        def report(done: int, total: int, name: str = name) -> None:
            if on_read is not None:
                on_read(name, done, total)

        parts[name], lost = prepare(
            own, target.encode, work / f"{name}.bin", plan=plain, fixed=features, progress=report
        )
        unreadable += lost
        gone = _absent(target, parts[name].targets)
        if not len(parts[name]) or (name == "train" and gone):
            what = f"of the class {gone[0]!r} " if gone and len(parts[name]) else ""
            raise TrainingError(
                f"No image {what}in the {name} part can be read "
                f"({lost[0].reason if lost else 'none is there'})."
            )
    return parts, unreadable


def features_of(network: Network, fixed: Sequence[Any]) -> Fixed | None:
    """Give what computes the part of a network that does not learn; None where all of it does."""
    if not fixed:
        return None
    session = open_session(frozen.fixed_graph(network, fixed))

    def features(views: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, {"pixels": views})[0]
        return found

    return features


def plan_to_score(plan: Plan, *, mirror: bool) -> Plan:
    """Say how images are seen that are scored: as they are, and mirrored where asked for."""
    return replace(plan, views=2 if mirror else 1, squares=False)


def _absent(target: Target, encoded: NDArray[Any]) -> list[str]:
    """Name the classes that no image has."""
    if target.kind is TargetKind.SCALE:
        return []
    if target.kind is TargetKind.MULTILABEL:
        there = set(np.flatnonzero(encoded.sum(axis=0)).tolist()) if len(encoded) else set()
    else:
        there = set(encoded.tolist())
    return [name for place, name in enumerate(target.classes) if place not in there]
