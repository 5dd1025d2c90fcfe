"""The corpus: a folder, and the commands on it. Each is done by the room that knows how."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypeVar

from mediacorpus.errors import RENAMED, present_name, unknown_option
from mediacorpus.store.runs import asking
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.analysis.export import Exported
    from mediacorpus.analysis.selecting import Chosen
    from mediacorpus.coding.importing import Imported
    from mediacorpus.coding.mapping import Mapped
    from mediacorpus.coding.setting import SetLabel
    from mediacorpus.coding.splitting import Split
    from mediacorpus.engine.local import Measured
    from mediacorpus.learning.grid import Grid
    from mediacorpus.learning.models import ImportedModel
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.learning.train import TrainedModel
    from mediacorpus.measures.grouping import Grouped
    from mediacorpus.measures.outside import ImportedMeasure
    from mediacorpus.media.resize import Filter
    from mediacorpus.report.gallery import Gallery
    from mediacorpus.report.model_card import ModelCard
    from mediacorpus.report.plot import Plot
    from mediacorpus.report.showing import Sheet
    from mediacorpus.sources.adding import Added
    from mediacorpus.sources.remove import Removed
    from mediacorpus.updating import Updated
    from mediacorpus.validation.compare import Comparison
    from mediacorpus.validation.explain import Explained
    from mediacorpus.validation.learning_curve import LearningCurve
    from mediacorpus.validation.robustness import RobustnessAudit
    from mediacorpus.validation.subgroups import GroupAudit
    from mediacorpus.validation.validate import Validation

__all__ = ["Corpus"]

PathLike: TypeAlias = str | os.PathLike[str]
P = ParamSpec("P")
R = TypeVar("R")


def _command(function: Callable[P, R]) -> Callable[P, R]:
    """Keep what was asked with the runs that come of it; refuse options that are not there.

    An option that the command does not have is refused with the nearest that it has. A command
    that hands options on to measures or methods refuses those that none of them knows.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters
    known = [name for name in parameters if name != "self"]
    former = RENAMED.get(function.__name__, {})
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for old in former.keys() & kwargs.keys():
            kwargs[present_name("option", old, former)] = kwargs.pop(old)
        for name in kwargs:
            if name not in parameters and not open_ended:
                raise unknown_option(function.__name__, name, known)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # which says what is missing
        with asking(function.__name__, *_asked(bound)):
            return function(*args, **kwargs)

    return checked


def _asked(bound: inspect.BoundArguments) -> tuple[list[Any], dict[str, Any]]:
    """Give what a user gave to a command: without the defaults, as JSON can hold it."""
    positional: list[Any] = []
    options: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if name in {"self", "progress", "on_epoch"}:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += [_written(one) for one in value]
        elif parameter.kind is parameter.VAR_KEYWORD:
            options |= {key: _written(one) for key, one in value.items() if one is not None}
        elif parameter.kind is parameter.KEYWORD_ONLY:
            given = _written(value)
            if given != _written(parameter.default):
                options[name] = given
        elif value is not None:
            positional.append(_written(value))
    return positional, options


def _written(value: Any) -> Any:
    """Write an argument for a script: data classes by their name and what was set in them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        defaults = {f.name: f.default for f in dataclasses.fields(value)}
        given = {k: _written(v) for k, v in fields.items() if v != defaults[k]}
        return {"class": type(value).__name__, "fields": given}
    if isinstance(value, Mapping):
        return {str(key): _written(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(one) for one in value]
    if hasattr(value, "itertuples"):
        return {"class": "DataFrame", "fields": {}}
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _given(**options: Any) -> dict[str, Any]:
    """Keep the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _names(columns: Sequence[str] | str) -> list[str]:
    """Give names that stand in a list, or with commas between."""
    given = columns.split(",") if isinstance(columns, str) else columns
    return [name.strip() for name in given if name.strip()]


class Corpus:
    """A folder with a catalogue, tables, models and reports.

    Parameters
    ----------
    folder:
        A folder that holds a corpus.

    Raises
    ------
    CorpusNotFound, CorpusTooNew, CorpusDamaged
        There is no corpus, or none that this version can use.

    Examples
    --------
    >>> import tempfile
    >>> with Corpus.create(Path(tempfile.mkdtemp()) / "protests") as corpus:
    ...     len(corpus.items())
    0
    """

    def __init__(self, folder: PathLike) -> None:
        self._store = Store(Path(folder))

    @classmethod
    def create(cls, folder: PathLike) -> Self:
        """Make a new corpus in `folder` and open it; raises `CorpusExists`."""
        Store.create(Path(folder)).close()
        return cls(folder)

    @classmethod
    def open(cls, folder: PathLike) -> Self:
        """Open the corpus in `folder`; the same as `Corpus(folder)`."""
        return cls(folder)

    @property
    def folder(self) -> Path:
        """The corpus folder."""
        return self._store.folder

    def close(self) -> None:
        """Close the catalogue. A corpus used in a `with` block closes itself."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from mediacorpus.analysis.overview import overview

        return str(overview(self._store))

    def _repr_html_(self) -> str:
        from mediacorpus.report.gallery import corpus_html

        return corpus_html(self._store)

    def _refresh_card(self, model: str) -> None:
        """Bring the card in a model's folder up to date; a rule has none."""
        from mediacorpus.report.model_card import refresh_card

        refresh_card(self._store, model)

    def _chosen(self, on: Chosen) -> list[str] | None:
        """Give the ids of the items that are chosen; None where all are."""
        if on is None:
            return None
        from mediacorpus.analysis.selecting import select

        return select(self._store, on)

    @_command
    def select(
        self,
        *,
        items: Sequence[str] | str | None = None,
        where: str | None = None,
        split: str | None = None,
        sample: int | None = None,
        seed: int = 1,
    ) -> list[str]:
        """Return the ids of the items for which all that is given holds.

        What it returns can be given to every command that takes `on`; so can a `Selection` of
        the same parameters.

        Parameters
        ----------
        items, where, split, sample, seed:
            See `mediacorpus.Selection`.

        Raises
        ------
        UnknownName, QueryError, ParameterError
            Something is not there, or nothing is selected.
        """
        from mediacorpus.analysis.selecting import Selection, select

        found = select(self._store, Selection(items, where, split, sample, seed))
        if found is None:
            rows = self._store.rows("SELECT item FROM items WHERE found_by IS NULL ORDER BY n")
            found = [str(item) for (item,) in rows]
        return found

    @_command
    def add(
        self,
        source: PathLike | Sequence[PathLike],
        *,
        variable: str | None = None,
        path_column: str | Sequence[str] | None = None,
        id_column: str | None = None,
        min_bytes: int = 0,
        encoding: str | None = None,
        sheet: str | None = None,
        new_records: bool = False,
        label_from: str | None = None,
        frames: str | None = None,
        pages: str | None = None,
        dpi: float = 200.0,
        audio: bool = False,
        boxes: Sequence[str] | str | None = None,
        box_unit: str = "pixels",
        refresh: bool = False,
        allow_private: bool = False,
        robots: bool = True,
        parallel: int = 16,
        rate: float | None = 10.0,
        contact: str | None = None,
        progress: bool | None = None,
    ) -> Added:
        """Add folders, files, archives, tables; see `mediacorpus.sources.add.add`.

        What is taken out of files and how links are fetched (`frames` to `contact`) is explained
        at `mediacorpus.sources.options.AddOptions`.
        """
        from mediacorpus.sources.add import add
        from mediacorpus.sources.options import AddOptions

        options = AddOptions(
            frames=frames,
            pages=pages,
            dpi=dpi,
            audio=audio,
            boxes=boxes,
            box_unit=box_unit,
            refresh=refresh,
            allow_private=allow_private,
            robots=robots,
            parallel=parallel,
            rate=rate,
            contact=contact,
        )
        return add(
            self._store,
            source,
            variable=variable,
            path_column=path_column,
            id_column=id_column,
            min_bytes=min_bytes,
            encoding=encoding,
            sheet=sheet,
            new_records=new_records,
            label_from=label_from,
            options=options,
            show=progress,
        )

    @_command
    def remove(self, source: PathLike, *, labels: bool = False) -> Removed:
        """Take a source out of the corpus again; see `mediacorpus.sources.remove.remove`."""
        from mediacorpus.sources.remove import remove

        return remove(self._store, source, labels=labels)

    @_command
    def table(
        self,
        name: str = "tidy",
        *,
        on: Chosen = None,
        columns: Sequence[str] | str = (),
        by: str | None = None,
        at_least: float = 0.0,
        output: PathLike | None = None,
    ) -> pd.DataFrame:
        """Return a table, by default one row for each record with all that is known of it.

        Parameters
        ----------
        name:
            `"tidy"`, a table of the catalogue (`"items"`, `"labels"`, …), a measure or a model.
        on:
            A `Selection`, or items or file names: only the rows of these.
        columns:
            Only these columns, in this order: a list, or names with commas between.
        by:
            `"video"`, `"shot"` or `"document"` sums a measure of frames or pages up: see
            `mediacorpus.analysis.rollup.rollup`.
        at_least:
            Tags and regions with a lower score do not count in that sum.
        output:
            Also write it to this file, as `export` does, without a codebook.

        Raises
        ------
        UnknownName
            There is no such table or column.
        """
        from mediacorpus.analysis import tidy

        wanted: dict[str, Any] = {"columns": _names(columns), "by": by, "at_least": at_least}
        only = self._chosen(on)
        if output is not None:
            from mediacorpus.analysis.export import table_and_file

            return table_and_file(self._store, name, Path(output), only=only, **wanted)
        return tidy.table(self._store, name, only=only, **wanted)

    @_command
    def export(
        self,
        output: PathLike,
        name: str = "tidy",
        *,
        on: Chosen = None,
        columns: Sequence[str] | str = (),
        by: str | None = None,
        at_least: float = 0.0,
        codebook: bool = True,
        full_paths: bool = False,
    ) -> Exported:
        """Write a table to a file with a codebook; see `mediacorpus.analysis.export.export`.

        `on` to `at_least` are as for `table`.
        """
        from mediacorpus.analysis.export import export

        return export(
            self._store,
            name,
            Path(output),
            columns=_names(columns),
            by=by,
            at_least=at_least,
            only=self._chosen(on),
            codebook=codebook,
            full_paths=full_paths,
        )

    @_command
    def sql(self, query: str) -> pd.DataFrame:
        """Run one SQL query (DuckDB's dialect) over all tables and return a data frame."""
        from mediacorpus.analysis import tidy

        return tidy.sql(self._store, query)

    @_command
    def items(self) -> pd.DataFrame:
        """Return one row for each distinct image."""
        return self.table("items")

    @_command
    def records(self) -> pd.DataFrame:
        """Return one row for each occurrence of an image, with your own columns."""
        return self.table("records")

    @_command
    def failures(self) -> pd.DataFrame:
        """Return what could not be added or measured, each with its reason."""
        return self.table("failures")

    @_command
    def runs(self) -> pd.DataFrame:
        """Return one row for each run, with parameters, versions, times and counts."""
        return self.table("runs")

    @_command
    def gallery(
        self,
        on: Chosen | pd.DataFrame = None,
        *,
        sort: str | None = None,
        columns: Sequence[str] | str = (),
        query: str | None = None,
        most: int = 24,
        output: PathLike | None = None,
    ) -> Gallery:
        """Show images with what is known of them; see `mediacorpus.report.gallery.gallery`."""
        from mediacorpus.report.gallery import gallery

        file = None if output is None else Path(output)
        return gallery(
            self._store, on, sort=sort, columns=columns, query=query, most=most, output=file
        )

    @_command
    def show(
        self,
        on: Chosen | pd.DataFrame = None,
        *,
        kind: str = "rgb",
        rotate: float = 0.0,
        flip: str | None = None,
        resize: str | None = None,
        filter: Filter | None = None,
        augment: int = 0,
        seed: int = 1,
        frames: str | None = None,
        most: int | None = None,
        output: PathLike | None = None,
    ) -> Sheet:
        """Draw images on a sheet; see `mediacorpus.report.showing.show`."""
        from mediacorpus.report.showing import show

        return show(
            self._store,
            on,
            most=most,
            frames=frames,
            kind=kind,
            rotate=rotate,
            flip=flip,
            resize=resize,
            filter=filter,
            augment=augment,
            seed=seed,
            output=None if output is None else Path(output),
        )

    @_command
    def plot(
        self,
        column: str,
        *,
        by: str | None = None,
        on: Chosen = None,
        level: float = 0.95,
        output: PathLike | None = None,
    ) -> Plot:
        """Draw how a column is distributed; see `mediacorpus.report.plot.plot`.

        `on` is a `Selection`, or items or file names: only their records count.
        """
        from mediacorpus.report.plot import plot

        file = None if output is None else Path(output)
        only = self._chosen(on)
        return plot(self._store, column, by=by, only=only, level=level, output=file)

    @_command
    def measure(
        self,
        *names: str,
        on: Chosen = None,
        of: str | None = None,
        precision: str = "fp32",
        retry: bool = False,
        verify: bool = False,
        batch_size: int = 16,
        progress: bool | None = None,
        **parameters: Any,
    ) -> Measured:
        """Run measures in one pass; see `mediacorpus.measures.verb.measure`.

        `on` is a `Selection`, or items or file names: only these are measured.
        """
        from mediacorpus.measures.verb import measure

        return measure(
            self._store,
            names,
            of=of,
            only=self._chosen(on),
            precision=precision,
            retry=retry,
            verify=verify,
            batch_size=batch_size,
            show=progress,
            **parameters,
        )

    @_command
    def measures(self, *, labels: str | None = None, search: str | None = None) -> pd.DataFrame:
        """List measures, or the tags of one; see `mediacorpus.measures.known_tags.measures_of`."""
        from mediacorpus.measures.known_tags import measures_of

        return measures_of(self._store, labels=labels, search=search)

    @_command
    def group_tags(
        self,
        name: str,
        groups: Mapping[str, Sequence[str]] | Sequence[str] | PathLike,
        *,
        of: str = "tags",
        progress: bool | None = None,
    ) -> Grouped:
        """Sum tags up to groups, as a measure; see `mediacorpus.measures.grouping.group_tags`."""
        from mediacorpus.measures.grouping import group_tags

        return group_tags(self._store, name, groups, of=of, show=progress)

    @_command
    def import_measure(
        self,
        name: str,
        source: PathLike | pd.DataFrame,
        *,
        shape: str | None = None,
        item: str | None = None,
        tag: str | None = None,
        score: str | None = None,
        columns: Sequence[str] | str = (),
        text: str | None = None,
        boxes: Sequence[str] | str = (),
        box_unit: str = "pixels",
        scale: float | None = None,
        dry_run: bool = False,
        encoding: str | None = None,
        sheet: str | None = None,
        progress: bool | None = None,
    ) -> ImportedMeasure:
        """Make a measure of a table of values; see `mediacorpus.measures.outside.import_measure`.

        `shape` to `scale` are explained at `mediacorpus.measures.outside_table.TableColumns`.
        """
        from mediacorpus.measures.outside import import_measure
        from mediacorpus.measures.outside_table import TableColumns

        return import_measure(
            self._store,
            name,
            source,
            columns=TableColumns(
                shape=shape,
                item=item,
                tag=tag,
                score=score,
                columns=_names(columns),
                text=text,
                boxes=_names(boxes),
                box_unit=box_unit,
                scale=scale,
            ),
            dry_run=dry_run,
            encoding=encoding,
            sheet=sheet,
            show=progress,
        )

    @_command
    def import_labels(
        self,
        source: PathLike | pd.DataFrame,
        *,
        coder: str | None = None,
        coder_column: str | None = None,
        wide: bool = False,
        variables: Sequence[str] | str | None = None,
        values: Sequence[str] | str | None = None,
        map: str | Mapping[str, str] | None = None,  # noqa: A002 - the word of the option
        dry_run: bool = False,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> Imported:
        """Append labels from a table; see `mediacorpus.coding.importing.import_labels`."""
        from mediacorpus.coding.importing import import_labels

        return import_labels(
            self._store,
            source,
            coder=coder,
            coder_column=coder_column,
            wide=wide,
            variables=variables,
            values=values,
            map=map,
            dry_run=dry_run,
            encoding=encoding,
            sheet=sheet,
        )

    @_command
    def map_labels(
        self,
        variable: str,
        map: str | Mapping[str, str] | None = None,  # noqa: A002 - the word of the command
        *,
        undo: bool = False,
    ) -> Mapped:
        """Let values of a variable count as others; see `mediacorpus.coding.mapping.map_labels`."""
        from mediacorpus.coding.mapping import map_labels

        return map_labels(self._store, variable, map, undo=undo)

    @_command
    def set_label(
        self,
        item: str,
        variable: str,
        value: str,
        *,
        coder: str,
        new_value: bool = False,
    ) -> SetLabel:
        """Append one label of one item; see `mediacorpus.coding.setting.set_label`."""
        from mediacorpus.coding.setting import set_label

        return set_label(self._store, item, variable, value=value, coder=coder, new_value=new_value)

    @_command
    def gold(
        self,
        variable: str,
        *,
        rule: str | None = None,
        positive: str | None = None,
        keep: bool = False,
        unresolved: bool = False,
    ) -> pd.DataFrame:
        """Return one value for each labelled item; see `mediacorpus.coding.resolving.gold`."""
        from mediacorpus.coding.resolving import gold

        return gold(
            self._store, variable, rule=rule, positive=positive, keep=keep, unresolved=unresolved
        )

    @_command
    def split(
        self,
        variable: str,
        *,
        shares: str = "80/20",
        seed: int = 1,
        cluster: str | None = None,
        balanced: bool = False,
        val: float | None = None,
    ) -> Split:
        """Draw a stratified split; see `mediacorpus.coding.splitting.split`."""
        from mediacorpus.coding.splitting import split

        return split(
            self._store,
            variable,
            shares=shares,
            seed=seed,
            cluster=cluster,
            balanced=balanced,
            val=val,
        )

    @_command
    def train(
        self,
        variable: str,
        *,
        name: str,
        on: Chosen = None,
        settings: TrainSettings | None = None,
        replace: bool = False,
        progress: bool | None = None,
        on_epoch: Callable[[int, int, Mapping[str, Any]], None] | None = None,
        method: str | None = None,
        backbone: str | None = None,
        weights: str | None = None,
        epochs: int | None = None,
        lr: float | str | None = None,
        momentum: float | None = None,
        batch_size: int | None = None,
        step_size: int | None = None,
        gamma: float | None = None,
        optimizer: str | None = None,
        schedule: str | None = None,
        weight_decay: float | None = None,
        unfreeze: str | int | None = None,
        class_weights: bool | str | None = None,
        patience: int | None = None,
        augment: bool | None = None,
        dropout: float | None = None,
        seed: int | None = None,
        arch: str | None = None,
        model: str | None = None,
        features: str | None = None,
        positive: str | None = None,
        target: str | None = None,
        order: str | None = None,
        nesterov: bool | None = None,
        power: float | None = None,
        warmup: int | None = None,
        label_smoothing: float | None = None,
        mixup: float | None = None,
        layer_decay: float | None = None,
        precision: str | None = None,
        size: int | None = None,
        tta: bool | None = None,
        loss: str | None = None,
        neighbors: int | str | None = None,
        trees: int | None = None,
        C: float | None = None,  # noqa: N803 - the name that everybody knows
        kernel: str | None = None,
        svm_gamma: float | str | None = None,
        smoothing: float | None = None,
        init: str | None = None,
        gray: bool | None = None,
        normalize: str | None = None,
        rotate: float | None = None,
        jitter: float | None = None,
        upside_down: bool | None = None,
        penalty: str | None = None,
        l1_ratio: float | None = None,
    ) -> TrainedModel:
        """Train a classifier of a variable; see `mediacorpus.learning.train.train`.

        The parameters from `method` on are those of `TrainSettings`, where they are explained;
        None is the default of `settings`, or of the method. `on` is a `Selection`, or items or
        file names: only these are learned from.
        """
        from mediacorpus.learning.train import train

        given = _given(
            method=method,
            backbone=backbone,
            weights=weights,
            epochs=epochs,
            lr=lr,
            momentum=momentum,
            batch_size=batch_size,
            step_size=step_size,
            gamma=gamma,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay=weight_decay,
            unfreeze=unfreeze,
            class_weights=class_weights,
            patience=patience,
            augment=augment,
            dropout=dropout,
            seed=seed,
            arch=arch,
            model=model,
            features=features,
            positive=positive,
            target=target,
            order=order,
            nesterov=nesterov,
            power=power,
            warmup=warmup,
            label_smoothing=label_smoothing,
            mixup=mixup,
            layer_decay=layer_decay,
            precision=precision,
            size=size,
            tta=tta,
            loss=loss,
            neighbors=neighbors,
            trees=trees,
            C=C,
            kernel=kernel,
            svm_gamma=svm_gamma,
            smoothing=smoothing,
            init=init,
            gray=gray,
            normalize=normalize,
            rotate=rotate,
            jitter=jitter,
            upside_down=upside_down,
            penalty=penalty,
            l1_ratio=l1_ratio,
        )
        trained = train(
            self._store,
            variable,
            name=name,
            only=self._chosen(on),
            settings=settings,
            replace_model=replace,
            show=progress,
            on_epoch=on_epoch,
            **given,
        )
        self._refresh_card(name)
        return trained

    @_command
    def grid(
        self,
        variable: str,
        *,
        method: str | None = None,
        folds: int | None = 5,
        seed: int = 1,
        output: PathLike | None = None,
        progress: bool | None = None,
        backbone: Sequence[str] | None = None,
        weights: Sequence[str] | None = None,
        epochs: Sequence[int] | None = None,
        lr: Sequence[float | str] | None = None,
        momentum: Sequence[float] | None = None,
        batch_size: Sequence[int] | None = None,
        step_size: Sequence[int] | None = None,
        gamma: Sequence[float] | None = None,
        optimizer: Sequence[str] | None = None,
        schedule: Sequence[str] | None = None,
        weight_decay: Sequence[float] | None = None,
        unfreeze: Sequence[str | int] | None = None,
        class_weights: Sequence[bool | str] | None = None,
        patience: Sequence[int] | None = None,
        augment: Sequence[bool] | None = None,
        dropout: Sequence[float] | None = None,
        arch: Sequence[str] | None = None,
        model: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        positive: Sequence[str] | None = None,
        target: Sequence[str] | None = None,
        order: Sequence[str] | None = None,
        nesterov: Sequence[bool] | None = None,
        power: Sequence[float] | None = None,
        warmup: Sequence[int] | None = None,
        label_smoothing: Sequence[float] | None = None,
        mixup: Sequence[float] | None = None,
        layer_decay: Sequence[float] | None = None,
        precision: Sequence[str] | None = None,
        size: Sequence[int] | None = None,
        tta: Sequence[bool] | None = None,
        loss: Sequence[str] | None = None,
        neighbors: Sequence[int | str] | None = None,
        trees: Sequence[int] | None = None,
        C: Sequence[float] | None = None,  # noqa: N803 - as in `train`
        kernel: Sequence[str] | None = None,
        svm_gamma: Sequence[float | str] | None = None,
        smoothing: Sequence[float] | None = None,
        init: Sequence[str] | None = None,
        gray: Sequence[bool] | None = None,
        normalize: Sequence[str] | None = None,
        rotate: Sequence[float] | None = None,
        jitter: Sequence[float] | None = None,
        upside_down: Sequence[bool] | None = None,
        penalty: Sequence[str] | None = None,
        l1_ratio: Sequence[float] | None = None,
    ) -> Grid:
        """Try combinations of settings; see `mediacorpus.learning.grid.grid_of`.

        The parameters from `backbone` on are the values to try, such as `lr=[0.001, 0.01],
        momentum=[0.7, 0.9]`, of settings that are explained at `TrainSettings`. The method
        `"linear"` or `"shallow"` makes each combination a fit of that method, `"finetune"` or
        `"scratch"` a whole training. `output` is a `.png`, `.svg` or `.pdf` file to draw to: loss
        and accuracy by epoch for each setting where each is a training, else the scores.
        """
        from mediacorpus.learning.grid import grid_of

        lists = _given(
            backbone=backbone,
            weights=weights,
            epochs=epochs,
            lr=lr,
            momentum=momentum,
            batch_size=batch_size,
            step_size=step_size,
            gamma=gamma,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay=weight_decay,
            unfreeze=unfreeze,
            class_weights=class_weights,
            patience=patience,
            augment=augment,
            dropout=dropout,
            arch=arch,
            model=model,
            features=features,
            positive=positive,
            target=target,
            order=order,
            nesterov=nesterov,
            power=power,
            warmup=warmup,
            label_smoothing=label_smoothing,
            mixup=mixup,
            layer_decay=layer_decay,
            precision=precision,
            size=size,
            tta=tta,
            loss=loss,
            neighbors=neighbors,
            trees=trees,
            C=C,
            kernel=kernel,
            svm_gamma=svm_gamma,
            smoothing=smoothing,
            init=init,
            gray=gray,
            normalize=normalize,
            rotate=rotate,
            jitter=jitter,
            upside_down=upside_down,
            penalty=penalty,
            l1_ratio=l1_ratio,
        )
        if output is not None:
            from mediacorpus.report.architecture_figure import check_target

            check_target(Path(output))  # before anything is fitted
        found = grid_of(
            self._store, variable, lists, method=method, folds=folds, seed=seed, show=progress
        )
        if found.folder is not None:
            from mediacorpus.report.grid_figure import draw_curves, draw_grid

            draw_grid(found.table, found.folder / "grid.png", aim=found.aim, title=variable)
            if found.curves is not None:
                draw_curves(found.curves, found.folder / "curves.png")
            if output is not None and found.curves is not None:
                draw_curves(found.curves, Path(output))
            elif output is not None:
                draw_grid(found.table, Path(output), aim=found.aim, title=variable)
        return found

    @_command
    def models(self) -> pd.DataFrame:
        """List the models with their scores; see `mediacorpus.learning.models.models`."""
        from mediacorpus.learning.models import models

        return models(self._store)

    @_command
    def import_model(self, folder: PathLike, *, name: str | None = None) -> ImportedModel:
        """Take a model of another corpus; see `mediacorpus.learning.models.import_model`."""
        from mediacorpus.learning.models import import_model

        imported = import_model(self._store, Path(folder), name=name)
        self._refresh_card(imported.name)
        return imported

    @_command
    def architecture(self, model: str, *, output: PathLike | None = None) -> pd.DataFrame:
        """List the layers of a model with their shapes and parameters.

        Parameters
        ----------
        model:
            Name of a model.
        output:
            Also draw it to this `.png`, `.svg` or `.pdf` file.

        Returns
        -------
        DataFrame
            A row per layer: `layer`, `kind`, `detail`, `output` (its shape), `parameters`,
            `learned` (whether this training changed them; empty where that is not known). Its
            `attrs["words"]` say what training took and what is published of its backbone.

        Raises
        ------
        UnknownName, ModelError
            There is no such model, or its folder is damaged.
        ParameterError
            The file has another ending.
        """
        from mediacorpus.learning.architecture import (
            architecture_words,
            layer_table,
            layers_of,
        )

        layers = layers_of(self._store, model)
        if output is not None:
            from mediacorpus.report.architecture_figure import draw_architecture

            draw_architecture(layers, Path(output), title=model)
        table = layer_table(layers)
        table.attrs["words"] = architecture_words(self._store, model, layers)
        return table

    @_command
    def card(self, model: str, *, output: PathLike | None = None) -> ModelCard:
        """Gather all that is known of a model; see `mediacorpus.report.model_card.model_card`.

        `output` is an `.html` page to write, or a `.md` or `.json` file.
        """
        from mediacorpus.report.model_card import model_card

        found = model_card(self._store, model)
        if output is not None:
            found.save(Path(output))
        return found

    @_command
    def apply(
        self,
        name: str,
        *,
        on: Chosen = None,
        retry: bool = False,
        progress: bool | None = None,
    ) -> Measured:
        """Predict the whole corpus with a model; see `mediacorpus.learning.apply.apply`.

        `on` is a `Selection`, or items or file names: only these are predicted.
        """
        from mediacorpus.learning.apply import apply

        return apply(self._store, name, only=self._chosen(on), retry=retry, show=progress)

    @_command
    def validate(
        self,
        subject: str,
        *,
        against: str,
        on: Chosen = None,
        positive: str | None = None,
        part: str | None = None,
        level: float = 0.95,
        seed: int = 1,
        threshold: float | str | None = None,
        cluster: str | None = None,
        inclusion_probability: str | None = None,
        curves: PathLike | None = None,
        progress: bool | None = None,
    ) -> Validation:
        """Score a model or measure against labels; see `mediacorpus.validation.validate.validate`.

        The options are explained at `mediacorpus.validation.validate.ScoreOptions`. `on` is a
        `Selection`, or items or file names: only these are scored. `curves` is an `.svg`, `.png`
        or `.pdf` file to draw the ROC, precision-recall and calibration curves to, or a folder for
        the figure and its numbers; in Python the result has them too: `found.curves()`.
        """
        from mediacorpus.report import score_figures
        from mediacorpus.validation.validate import ScoreOptions, validate

        if curves is not None:
            score_figures.check_curves(Path(curves))

        options = ScoreOptions(
            positive=positive,
            part=part,
            level=level,
            seed=seed,
            threshold=threshold,
            cluster=cluster,
            inclusion_probability=inclusion_probability,
            only=self._chosen(on),
            show=progress,
        )
        found = validate(self._store, subject, against=against, options=options)
        self._refresh_card(subject)
        found = dataclasses.replace(found, draw=score_figures.curves_figure)
        if curves is not None:
            score_figures.write_curves(found.curves(), Path(curves))
        return found

    @_command
    def compare(
        self,
        variable: str,
        *,
        models: Sequence[str] | None = None,
        positive: str | None = None,
        cluster: str | None = None,
        level: float = 0.95,
        seed: int = 1,
        progress: bool | None = None,
    ) -> Comparison:
        """Score models on the same items; see `mediacorpus.validation.compare.compare_models`."""
        from mediacorpus.validation.compare import compare_models

        return compare_models(
            self._store,
            variable,
            models=models,
            positive=positive,
            cluster=cluster,
            level=level,
            seed=seed,
            show=progress,
        )

    @_command
    def audit(
        self,
        model: str,
        *,
        against: str,
        by: Sequence[str] | str,
        positive: str | None = None,
        level: float = 0.95,
        progress: bool | None = None,
    ) -> GroupAudit:
        """Score a model for each group; see `mediacorpus.validation.subgroups.audit`."""
        from mediacorpus.validation.subgroups import audit

        columns = by.split(",") if isinstance(by, str) else by
        found = audit(
            self._store,
            model,
            against=against,
            by=columns,
            positive=positive,
            level=level,
            show=progress,
        )
        self._refresh_card(model)
        return found

    @_command
    def robustness(
        self,
        model: str,
        *,
        against: str,
        images: int = 100,
        output: PathLike | None = None,
        seed: int = 1,
        progress: bool | None = None,
    ) -> RobustnessAudit:
        """Perturb held-out images in ten ways; see `mediacorpus.validation.robustness.robustness`.

        `output` is an `.svg` file to draw to.
        """
        from mediacorpus.report import score_figures
        from mediacorpus.report.drawing import drawn
        from mediacorpus.validation.robustness import robustness

        find = functools.partial(
            robustness,
            self._store,
            model,
            against=against,
            images=images,
            seed=seed,
            show=progress,
        )
        found = drawn(
            find,
            lambda audit: score_figures.robustness(audit, model),
            Path(output) if output else None,
        )
        self._refresh_card(model)
        return found

    @_command
    def explain(
        self,
        model: str,
        *items: str,
        on: Chosen = None,
        method: str = "auto",
        output: PathLike | None = None,
        progress: bool | None = None,
    ) -> Explained:
        """Show where a model looks; see `mediacorpus.validation.explain.explain`.

        `items` are items or file names, `on` is a `Selection`; by default held-out items. `output`
        is an `.html` page to write, or a `.png`, `.jpg` or `.webp` sheet; of many images there are
        several sheets (`-2`, `-3` in their names), and one more shows the mean map of each class.
        """
        from mediacorpus.report.explain_sheet import sheets
        from mediacorpus.validation.explain import explain

        chosen = [*items, *(self._chosen(on) or [])]
        found = explain(self._store, model, chosen, method=method, show=progress)
        return sheets(self._store, found, Path(output), name=model) if output else found

    @_command
    def learning_curve(
        self,
        variable: str,
        *,
        output: PathLike | None = None,
        repeats: int = 5,
        seed: int = 1,
        progress: bool | None = None,
    ) -> LearningCurve:
        """Tell what more labels bring; see `mediacorpus.validation.learning_curve.learning_curve`.

        `output` is an `.svg` file to draw to.
        """
        from mediacorpus.report import score_figures
        from mediacorpus.report.drawing import drawn
        from mediacorpus.validation.learning_curve import learning_curve

        find = functools.partial(
            learning_curve, self._store, variable, repeats=repeats, seed=seed, show=progress
        )
        return drawn(
            find,
            lambda curve: score_figures.learning_curve(curve, variable),
            Path(output) if output else None,
        )

    @_command
    def results(self, subject: str | None = None, *, command: str | None = None) -> pd.DataFrame:
        """Return every estimate that commands came to, the oldest first.

        Parameters
        ----------
        subject:
            Only those of this model, rule or variable, and comparisons with this model.
        command:
            Only those of `"validate"`, `"audit"`, `"robustness"`, `"compare"`,
            `"learning_curve"` or `"grid"`.

        Returns
        -------
        DataFrame
            The table `results`. `current` is false in rows of a model that was replaced, of a
            measure that shows another version now, or of an earlier split.

        Raises
        ------
        UnknownName
            There is no such subject or command.
        """
        from mediacorpus.store.results import results

        return results(self._store, subject, command)

    @_command
    def update(self, *, progress: bool | None = None) -> Updated:
        """Repeat, for what is new, all that was asked; see `mediacorpus.updating.update`."""
        from mediacorpus.updating import update

        def perform(command: str, positional: list[Any], options: dict[str, Any]) -> Any:
            own = {} if command in {"import_labels", "report"} else {"progress": progress}
            return getattr(self, command)(*positional, **options, **own)

        return update(self._store, perform)

    @_command
    def report(
        self,
        *,
        title: str | None = None,
        output: PathLike | None = None,
        images: bool = True,
    ) -> Path:
        """Write the report as one HTML file; see `mediacorpus.report.report.report`."""
        from mediacorpus.report.report import report

        file = Path(output) if output else None
        return report(self._store, title=title, output=file, images=images)
