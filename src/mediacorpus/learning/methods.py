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
from mediacorpus.learning.curves import OnRow
from mediacorpus.learning.features import (
    Fixed,
    Part,
    Plan,
    Unreadable,
    channel_statistics,
    embedded_views,
    plan_for,
    prepare,
)
from mediacorpus.learning.folds import group_numbers
from mediacorpus.learning.joined import shares
from mediacorpus.learning.linear import fit_linear
from mediacorpus.learning.loop import Fit, fit
from mediacorpus.learning.settings import TrainSettings, Variation
from mediacorpus.learning.shallow import fit_shallow
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.media.normalize import IMAGENET_MEAN, IMAGENET_SD
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import Network, Triple, create
from mediacorpus.networks.frozen import FrozenNetwork
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.networks.scratch import AUTOENCODER, scratch_network
from mediacorpus.records import Example

UNLABELLED = "unlabelled"
"""Part of the images that are learned from without a label."""

CHECKED = 8
"""Images on which the exported network is compared with the trained one."""

MOST_REBUILT = 1000
"""Validation images on which an autoencoder's error is measured."""

OnRead = Callable[[str, int, int], None]
"""Called with what is being read (`"train"` or `"val"`), how many are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a method gives: all that goes into the folder."""

    weights: Mapping[str, NDArray[Any]]
    curves: pd.DataFrame
    network: bytes
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Labelled examples, and what each method makes of them.

    Parameters
    ----------
    examples:
        Images of the parts `"train"` and `"val"`; for codes also of `UNLABELLED`.
    target:
        What is learned.
    settings:
        Complete settings.
    work:
        Folder for what is computed on the way.
    on_epoch:
        Called after each row of the curves.
    on_read:
        Called with what is read, how many images are done, and of how many.
    """

    examples: Sequence[Example]
    target: Target
    settings: TrainSettings
    work: Path
    on_epoch: OnRow | None
    on_read: OnRead | None

    def on_embeddings(self, embeddings: NDArray[Any], network: FrozenNetwork | None) -> Made:
        """Fit a linear model to embeddings `(N, features)`, a row for each example.

        `network` is what gave them; None is the built-in one.
        """
        s, target = self.settings, self.target
        encoded, train, groups = self._labels()
        views = None
        vary = replace(s.varied(), cut=s.augment is not False)
        if vary:
            views = embedded_views(
                [example for example in self.examples if example.part == "train"],
                embeddings[train],
                self.work / "views.bin",
                seed=s.seed,
                network=network,
                vary=vary if vary != Variation(cut=True) else None,
                progress=self._reading("views"),
            )
        linear = fit_linear(
            embeddings[train],
            encoded[train],
            target,
            views=views,
            groups=groups,
            balanced=bool(s.class_weights),
            strength=s.C,
            l1_ratio=s.l1_share(),
            seed=s.seed,
            on_epoch=self.on_epoch,
        )
        answer = target.answer(linear.outputs(embeddings[~train]))
        return Made(
            weights={"weight": linear.weight, "bias": linear.bias},
            curves=linear.curves,
            network=export.linear_graph(linear.weight, linear.bias, target),
            facts={
                "input": "embedding",
                "validation": target.scores(answer, encoded[~train]),
                "C": linear.strength,
                "unreadable": [],
                **({"nonzero": int(np.count_nonzero(linear.weight))} if s.l1_share() else {}),
                **({} if network is None else {"size": network.size, "crop": network.crop}),
            },
        )

    def on_features(
        self, features: NDArray[Any], encoding: Sequence[Mapping[str, Any]] | None = None
    ) -> Made:
        """Fit a classic model to the values of a measure `(N, features)`.

        `encoding` says how features that stand side by side were made; see `joined`.
        """
        s, target, features = self.settings, self.target, np.asarray(features, np.float32)
        encoded, train, groups = self._labels()
        found = fit_shallow(
            features[train],
            encoded[train],
            classes=target.classes,
            settings=s.shallow(),
            groups=groups,
            scale=encoding is None,
            on_row=self.on_epoch,
        )
        answer = found.probabilities(features[~train])
        facts: dict[str, Any] = {}
        if encoding is not None:
            gold = encoded[~train]

            def loss(rows: NDArray[Any]) -> float:
                return float(target.scores(found.probabilities(rows), gold)["log_loss"])

            parts = shares(encoding, features[~train], loss, seed=s.seed)
            named = zip(encoding, parts, strict=True)
            facts["joined"] = [{**one, "share": part} for one, part in named]
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
                **facts,
            },
        )

    def on_images(self) -> Made:
        """Train a network, pretrained or from scratch, on the images themselves."""
        s, target = self.settings, self.target
        own = None
        if s.normalize == "train":
            train = [example for example in self.examples if example.part == "train"]
            reading = self._reading("colors")
            own = channel_statistics(train, self.work / "colors.bin", progress=reading)
        made = assemble(s, target, own=own)
        parts, unreadable = self._read(made.network, made.plan, made.fixed)
        found = fit(
            made.module,
            parts["train"],
            parts["val"],
            plan=made.plan,
            settings=s,
            target=target,
            work=self.work,
            on_epoch=self.on_epoch,
        )
        return self._exported(
            made.network,
            found,
            validation=target.scores(found.answer, parts["val"].targets),
            unreadable=unreadable,
            frozen=_weighted_layers(made.network, made.fixed),
        )

    def on_codes(self) -> Made:
        """Learn codes of all images but those of val without labels, then a linear model on them.

        Images without a label are of the part `UNLABELLED`.
        """
        torch, s, target = need("torch"), self.settings, self.target
        network = create(AUTOENCODER, weights="random", classes=target.outputs, seed=s.seed)
        plan = plan_for(network, learns_all=True, augment=False, seed=s.seed)
        parts, unreadable = self._read(network, plan, ())
        pool, lost = prepare(
            [example for example in self.examples if example.part != "val"],
            None,
            self.work / "images.bin",
            plan=plan,
            progress=self._reading("images"),
        )
        found, decoder = learn_codes(
            network, pool, plan=plan, settings=s, work=self.work, on_epoch=self.on_epoch
        )
        train, val = parts["train"], parts["val"]
        own = [example.group for example in self.examples if example.part == "train"]
        linear = fit_linear(
            codes_of(network, train),
            train.targets,
            target,
            groups=group_numbers([own[row] for row in train.rows]),
            balanced=bool(s.class_weights),
            seed=s.seed,
        )
        with torch.no_grad():
            network.module.last.weight.copy_(torch.from_numpy(linear.weight))
            network.module.last.bias.copy_(torch.from_numpy(linear.bias))
        answer = target.answer(linear.outputs(codes_of(network, val)))
        made = self._exported(
            network,
            found,
            validation=target.scores(answer, val.targets),
            unreadable=list({one.item: one for one in (*unreadable, *lost)}.values()),
            unlabelled=len(pool) - len(train),
            C=linear.strength,
        )
        weights = {**made.weights, **decoder}
        views = np.asarray(val.views[val.rows[:MOST_REBUILT], 0])
        error = reconstruction_error(views, rebuild(weights, views))
        return replace(made, weights=weights, facts={**made.facts, "reconstruction_error": error})

    def _labels(self) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.int64] | None]:
        """Give what is learned of each example, which are of train, and the groups of these."""
        train = np.array([example.part == "train" for example in self.examples])
        groups = [example.group for example in self.examples if example.part == "train"]
        encoded = self.target.encode([example.label for example in self.examples])
        return encoded, train, group_numbers(groups)

    def _reading(self, part: str) -> Callable[[int, int], None] | None:
        return None if self.on_read is None else functools.partial(self.on_read, part)

    def _read(
        self, network: Network, plan: Plan, fixed: Sequence[Any]
    ) -> tuple[dict[str, Part], list[Unreadable]]:
        """Read the images of both parts, through the part of the network that does not learn."""
        features, target = features_of(network, fixed), self.target
        plans = {"train": plan, "val": plan_to_score(plan, tta=bool(self.settings.tta))}
        parts, unreadable = {}, []
        for name, own in plans.items():
            parts[name], lost = prepare(
                [example for example in self.examples if example.part == name],
                target.encode,
                self.work / f"{name}.bin",
                plan=own,
                fixed=features,
                progress=self._reading(name),
            )
            unreadable += lost
            gone: list[str] = []
            if target.kind is not TargetKind.SCALE:
                counts = target.counts(parts[name].targets)
                gone = [label for label, n in zip(target.classes, counts, strict=True) if not n]
            if not len(parts[name]) or (name == "train" and gone):
                what = f"of the class {gone[0]!r} " if gone and len(parts[name]) else ""
                raise TrainingError(
                    f"No image {what}in the {name} part can be read "
                    f"({lost[0].reason if lost else 'none is there'})."
                )
        return parts, unreadable

    def _exported(
        self, network: Network, found: Fit, *, unreadable: Sequence[Unreadable], **facts: Any
    ) -> Made:
        """Export a fitted network, check the export, and gather what goes into the folder."""
        network.module.eval()
        tta = bool(self.settings.tta)
        content = export.fitted_graph(network, target=self.target, tta=tta)
        shape = (CHECKED, network.size, network.size, 3)
        pixels = np.random.default_rng(self.settings.seed).integers(0, 256, shape, np.uint8)
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
                "tta": tta,
                "export_difference": export.agreement(
                    network, content, pixels, target=self.target, tta=tta
                ),
                "unreadable": [asdict(one) for one in unreadable],
                **facts,
            },
        )


def _weighted_layers(network: Network, fixed: Sequence[Any]) -> int:
    """Count the layers with weights in the part of a network that does not learn."""
    layers = describe_onnx(frozen.fixed_graph(network, fixed)) if fixed else []
    return sum(layer.parameters > 0 for layer in layers)


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """A network, its layers that do not learn, the module that does, and how it sees images."""

    network: Network
    fixed: Sequence[Any]
    module: Any
    plan: Plan


def assemble(
    s: TrainSettings, target: Target, *, own: tuple[Triple, Triple] | None = None
) -> Assembled:
    """Make the network that complete settings ask for, pretrained or from scratch.

    `own` is mean and standard deviation of the training images, where they are asked for.
    """
    common: dict[str, Any] = {
        "classes": target.outputs,
        "dropout": float(s.dropout or 0.0),
        "seed": s.seed,
        "size": s.size,
    }
    if s.method == "scratch":
        network = scratch_network(str(s.arch), gray=s.gray, init=s.init, **common)
    else:
        network = create(s.backbone, weights=s.weights, **common)
    if s.size:
        frozen.check_size(network)
    if s.normalize is not None:
        mean, sd = own or (IMAGENET_MEAN, IMAGENET_SD)
        network = replace(network, mean=mean, sd=sd)
    fixed, learning = frozen.split(network, s.unfreeze if s.unfreeze is not None else "head")
    first = [] if fixed else [frozen.standardizer(network)]
    vary = s.varied()
    plan = plan_for(
        network,
        learns_all=not fixed,
        augment=vary.cut,
        seed=s.seed,
        vary=None if vary == Variation(vary.cut) else vary,
    )
    return Assembled(network, fixed, need("torch.nn").Sequential(*first, *learning), plan)


def features_of(network: Network, fixed: Sequence[Any]) -> Fixed | None:
    """Give what computes the part of a network that does not learn; None where all of it does."""
    if not fixed:
        return None
    session = open_session(frozen.fixed_graph(network, fixed))
    return lambda views: np.asarray(session.run(None, {"pixels": views})[0])


def plan_to_score(plan: Plan, *, tta: bool) -> Plan:
    """Say how images are seen that are scored: as they are, and mirrored where asked for."""
    return replace(plan, views=2 if tta else 1, squares=False, vary=None)
