"""The verb `measures group`: tags summed up to groups, as a measure of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mediacorpus.errors import ParameterError, SourceError, unknown
from mediacorpus.measures.imagenet import classes_of, words
from mediacorpus.measures.known_tags import NETWORK, known_tags, near, plain
from mediacorpus.measures.outside import import_measure
from mediacorpus.measures.outside_table import TAGS, TableColumns
from mediacorpus.records import Shape
from mediacorpus.result import Result, counted
from mediacorpus.store import people, progress
from mediacorpus.store.finding import known_as
from mediacorpus.store.parts import read_parts
from mediacorpus.store.read import read_table
from mediacorpus.store.store import Store

GROUPS = ("group", "category", "kind")
"""Names by which the column of groups is known."""

Groups = Mapping[str, Sequence[str]] | Sequence[str] | str | os.PathLike[str]


@dataclass(frozen=True, slots=True, repr=False)
class Grouped(Result):
    """What a grouping of tags did.

    Parameters
    ----------
    name, of:
        The new measure, and the one whose tags were summed up.
    file, sha256:
        Where the groups are from, and the hash of the scores.
    groups:
        Group -> number of its tags.
    items:
        Items that have a score of each group.
    summed:
        Whether scores were added, up to 1; else the best counts.
    """

    name: str
    of: str
    file: str
    sha256: str
    groups: dict[str, int]
    items: int
    summed: bool

    def __str__(self) -> str:
        sizes = ", ".join(f"{group} ({counted(n, 'tag')})" for group, n in self.groups.items())
        how = "the sum of its tags' scores, at most 1" if self.summed else "that of its best tag"
        return (
            f"Grouped {self.of} into {self.name} by {self.file}, for "
            f"{counted(self.items, 'item')}: {sizes}. The score of a group is {how}, as far as "
            "tags were kept of an image."
        )


def group_tags(
    store: Store, name: str, groups: Groups, *, of: str = NETWORK, show: bool | None = None
) -> Grouped:
    """Sum the tags of a measure up to groups, which become a measure of tags.

    The classes of a network exclude one another: the score of a group is the sum of the scores of
    its tags, at most 1. Tags that were imported need not exclude one another: there it is the best
    of them. Only the tags that were kept of an image count.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of the new measure.
    groups:
        Words of WordNet, such as `["animal", "vehicle"]` or `"animal,vehicle"`, for the built-in
        network; or own lists: a mapping from groups to tags, or a table with the columns `group`
        and `tag`. In a list a word of WordNet stands for its kinds.
    of:
        The measure of tags, or model, that is summed up.
    show:
        Whether to show progress; None decides by the terminal.

    Returns
    -------
    Grouped
        What was written: for each image that `of` was measured of, the score of every group.

    Raises
    ------
    UnknownName
        There is no such measure.
    ParameterError
        It has no tags, or a group or tag is not known.
    SourceError
        The table of groups cannot be read.
    """
    setup, info = progress.current_setups(store).get(of, (None, None))
    if setup is None or info is None:
        raise unknown("measure that has been run here", of, progress.current_setups(store))
    if info.shape is not Shape.TAG:
        raise ParameterError(f"{of!r} gives no tags, so there is nothing to group.")
    file, lists = _lists(groups)
    models = {str(model["model"]) for model in people.models(store)}
    exclusive = of == NETWORK or of in models
    rows = read_parts(progress.files_of(store, setup), info, columns=["item", "tag", "score"])
    frame = rows.to_table().to_pandas()
    known = known_tags(store, of) or sorted(frame["tag"].astype(str).unique())
    members = {
        group: _members(own, group=group, of=of, known=known) for group, own in lists.items()
    }
    done = store.rows(
        "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL "
        "ORDER BY n",
        (setup,),
    )
    summed = _summed(frame, members, [item for (item,) in done], exclusive=exclusive)
    found = import_measure(
        store,
        name,
        summed,
        columns=TableColumns("tag", item="item", tag="tag", score="score", scale=1.0),
        about={"file": file, "of": of, "groups": members},
        show=show,
    )
    sizes = {group: len(own) for group, own in members.items()}
    return Grouped(name, of, file, found.sha256, sizes, found.items, exclusive)


def _lists(groups: Groups) -> tuple[str, dict[str, list[str]]]:
    """Read groups: where they are from, and group -> words or tags."""
    if isinstance(groups, Mapping):
        lists = {str(group): [str(tag) for tag in own] for group, own in groups.items()}
        if not lists:
            raise ParameterError("Name at least one group.")
        return "own lists", lists
    if isinstance(groups, (str, os.PathLike)):
        path = Path(groups)
        if path.suffix or path.is_file():
            return path.name, _table(path)
        groups = str(groups).split(",")
    named = [word.strip() for word in groups if word.strip()]
    if not named:
        raise ParameterError("Name at least one group, such as animal, or a table of groups.")
    return "WordNet", {word: [word] for word in dict.fromkeys(named)}


def _table(path: Path) -> dict[str, list[str]]:
    table = read_table(path)
    columns = [known_as(table.columns, GROUPS), known_as(table.columns, TAGS)]
    if None in columns or columns[0] == columns[1]:
        raise SourceError(
            f"{path.name} needs the columns 'group' and 'tag'; found: {', '.join(table.columns)}."
        )
    lists: dict[str, list[str]] = {}
    for group, tag in table[columns].itertuples(index=False, name=None):
        own, one = people.cell_text(group), people.cell_text(tag)
        if own and one:
            lists.setdefault(own, []).append(one)
    if not lists:
        raise SourceError(f"{path.name} holds no row with a group and a tag.")
    return lists


def _members(listed: Sequence[str], *, group: str, of: str, known: Sequence[str]) -> list[str]:
    """Give the tags of a group: those that are listed, and the kinds of words that are."""
    own = {plain(tag): tag for tag in known}
    found: dict[str, None] = {}
    for word in listed:
        if plain(word) in own and not (of == NETWORK and [word] == list(listed) == [group]):
            found[own[plain(word)]] = None
            continue
        kinds = classes_of(word) if of == NETWORK else []
        if not kinds:
            every = [*known, *words()] if of == NETWORK else known
            like = " or ".join(map(repr, near(word, every)))
            raise ParameterError(
                f"{of!r} has no tag {word!r} (in the group {group!r})"
                f"{f'; did you mean {like}?' if like else '.'} "
                f"mediacorpus measures --labels {of} --corpus DIR lists them."
            )
        found.update(dict.fromkeys(kinds))
    return list(found)


def _summed(
    frame: pd.DataFrame,
    members: Mapping[str, Sequence[str]],
    items: Sequence[str],
    *,
    exclusive: bool,
) -> pd.DataFrame:
    """Give the score of each group for each item: a row each, also where it is 0."""
    tags = frame["tag"].astype(str)
    parts: list[Any] = []
    for group, own in members.items():
        by_item = frame[tags.isin(set(own))].groupby("item")["score"]
        scores = (by_item.sum().clip(upper=1.0) if exclusive else by_item.max()).reindex(
            pd.Index(items, name="item"), fill_value=0.0
        )
        parts.append(scores.rename("score").reset_index().assign(tag=group))
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)[["item", "tag", "score"]]
    return rows
