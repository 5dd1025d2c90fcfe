"""Verbs that measure, and that learn from labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.catalogue.store import Store
from mediacorpus.corpus.paths import PathLike

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.coding.importing import Imported
    from mediacorpus.coding.splitting import Split
    from mediacorpus.engine.local import Measured
    from mediacorpus.learning.grid import Grid
    from mediacorpus.learning.model_card import ModelCard
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.learning.train import TrainedModel


class LearningVerbs:
    """What a corpus measures and learns."""

    _store: Store

    def measure(
        self,
        *names: str,
        precision: str = "fp32",
        retry: bool = False,
        batch_size: int = 16,
        progress: bool | None = None,
        **parameters: Any,
    ) -> Measured:
        """Run measures in one pass; see `mediacorpus.measures.verb.measure`."""
        from mediacorpus.measures.verb import measure

        return measure(
            self._store,
            names,
            precision=precision,
            retry=retry,
            batch_size=batch_size,
            show=progress,
            **parameters,
        )

    def import_labels(
        self, source: PathLike | pd.DataFrame, *, coder: str | None = None
    ) -> Imported:
        """Append labels from a table; see `mediacorpus.coding.importing.import_labels`."""
        from mediacorpus.coding.importing import import_labels

        return import_labels(self._store, source, coder=coder)

    def gold(
        self,
        variable: str,
        *,
        rule: str | None = None,
        positive: str | None = None,
        keep: bool = False,
    ) -> pd.DataFrame:
        """Return one value for each labelled item; see `mediacorpus.coding.resolving.gold`."""
        from mediacorpus.coding.resolving import gold

        return gold(self._store, variable, rule=rule, positive=positive, keep=keep)

    def split(
        self,
        variable: str,
        *,
        shares: str = "80/20",
        seed: int = 1,
        by: str | None = None,
        balanced: bool = False,
    ) -> Split:
        """Draw a stratified split; see `mediacorpus.coding.splitting.split`."""
        from mediacorpus.coding.splitting import split

        return split(self._store, variable, shares=shares, seed=seed, by=by, balanced=balanced)

    def train(
        self,
        variable: str,
        *,
        name: str,
        settings: TrainSettings | None = None,
        replace: bool = False,
        progress: bool | None = None,
        on_epoch: Callable[[int, int, Mapping[str, Any]], None] | None = None,
        **parameters: Any,
    ) -> TrainedModel:
        """Train a classifier of a variable; see `mediacorpus.learning.verbs.train`.

        `parameters` are those of `TrainSettings`, such as `method="finetune"` or `epochs=10`.
        """
        from mediacorpus.learning.verbs import train

        return train(
            self._store,
            variable,
            name=name,
            settings=settings,
            replace_model=replace,
            show=progress,
            on_epoch=on_epoch,
            **parameters,
        )

    def grid(
        self,
        variable: str,
        *,
        method: str | None = None,
        folds: int | None = 5,
        seed: int = 1,
        progress: bool | None = None,
        **lists: Sequence[Any],
    ) -> Grid:
        """Try combinations of settings; see `mediacorpus.learning.gridding.grid_of`.

        `lists` are the values to try, such as `lr=[0.001, 0.01], momentum=[0.7, 0.9]`. The method
        `"finetune"` or `"scratch"` makes each of them a whole training.
        """
        from mediacorpus.learning.gridding import grid_of

        return grid_of(
            self._store, variable, lists, method=method, folds=folds, seed=seed, show=progress
        )

    def architecture(self, model: str, *, output: PathLike | None = None) -> pd.DataFrame:
        """List the layers of a model with their shapes and parameters.

        Parameters
        ----------
        model:
            Name of a model.
        output:
            Also draw it to this `.png`, `.svg` or `.pdf` file.

        Raises
        ------
        UnknownName, ModelError
            There is no such model, or its folder is damaged.
        """
        from mediacorpus.learning.architecture import layer_table
        from mediacorpus.learning.architecture_verb import layers_of

        layers = layers_of(self._store, model, output=None if output is None else Path(output))
        return layer_table(layers)

    def card(self, model: str) -> ModelCard:
        """Gather all that is known of a model; see `mediacorpus.learning.model_card.model_card`."""
        from mediacorpus.learning.model_card import model_card

        return model_card(self._store, model)

    def apply(self, name: str, *, retry: bool = False, progress: bool | None = None) -> Measured:
        """Predict the whole corpus with a model; see `mediacorpus.learning.verbs.apply`."""
        from mediacorpus.learning.verbs import apply

        return apply(self._store, name, retry=retry, show=progress)
