"""Which tags a measure or model can give: `measures --labels`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, unknown
from mediacorpus.measures.imagenet import class_names, kinds_of, synsets
from mediacorpus.records import Shape
from mediacorpus.store import people, progress
from mediacorpus.store.parts import read_parts

if TYPE_CHECKING:
    from mediacorpus.store.store import Store

NETWORK = "tags"
"""The measure whose tags are the classes of ImageNet-1k."""

_TAGGED = {Shape.TAG, Shape.REGION}


def plain(name: str) -> str:
    """Write a tag as it is compared: without case, underscores and doubled blanks.

    >>> plain("Ice_Cream ")
    'ice cream'
    """
    return " ".join(name.casefold().replace("_", " ").split())


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Give the tags nearest to a name: those that share a word with it, then similar spellings.

    >>> near("coffee cup", ["cup", "coffeepot", "dog"])
    ['cup', 'coffeepot']
    """
    plains = {plain(one): one for one in known}
    asked = plain(name)
    ends = [one for one in plains if set(one.split()) & set(asked.split())]
    alike = difflib.get_close_matches(asked, list(plains), n=most, cutoff=0.6)
    return [plains[one] for one in dict.fromkeys([*ends, *alike])][:most]


def known_tags(store: Store | None, name: str) -> list[str] | None:
    """List the tags that a measure or model can give.

    Returns
    -------
    list of str or None
        None where only those are known that were given.
    """
    if name == NETWORK:
        return list(class_names().values())
    for model in people.models(store) if store is not None else ():
        if model["model"] == name:
            return [str(one) for one in model["card"].get("classes", [])]
    return None


def tags_table(store: Store | None, name: str, search: str | None = None) -> pd.DataFrame:
    """List the tags that a measure or model knows, with how many images have each.

    Parameters
    ----------
    store:
        The catalogue; None where only built-in measures are asked about.
    name:
        A measure of tags or regions, or a model of classes.
    search:
        Only tags with this in their name, in another name, or in what they are a kind of.

    Returns
    -------
    DataFrame
        `tag`; `images`, where a corpus is given; of the built-in network also `names` (other
        names) and `kinds` (what it is a kind of by WordNet, the nearest first).

    Raises
    ------
    UnknownName
        There is no such measure.
    ParameterError
        It gives no tags, or none is found.
    """
    counts = None if store is None else _counts(store, name)
    tags = known_tags(store, name)
    if counts is None and tags is None:
        if name in MEASURES:
            raise ParameterError(f"The measure {name!r} gives no tags, but {_gives(name)}.")
        raise unknown("measure with tags", name, _with_tags(store))
    found = pd.DataFrame({"tag": tags if tags is not None else list(counts or {})})
    if name == NETWORK:
        found["names"] = [", ".join(synsets()[one].names) for one in class_names()]
        found["kinds"] = [", ".join(kinds_of(one)) for one in class_names()]
    if counts is not None:
        found.insert(1, "images", [counts.get(tag, 0) for tag in found["tag"]])
        found = found.sort_values("images", ascending=False, kind="stable", ignore_index=True)
    if search is None:
        return found
    asked = plain(search)
    text = found.drop(columns="images", errors="ignore").agg(" ".join, axis=1).map(plain)
    # A whole word finds cats among the cats; only without one do parts of words count.
    whole = text.str.contains(rf"(?<!\w){re.escape(asked)}(?!\w)")
    chosen = found[whole if whole.any() else text.str.contains(asked, regex=False)]
    chosen = chosen.reset_index(drop=True)
    if chosen.empty:
        like = ", ".join(map(repr, near(search, found["tag"])))
        raise ParameterError(
            f"None of the {len(found):,} tags of {name!r} has {search!r} in its names or kinds."
            + (f" The nearest are {like}." if like else "")
        )
    return chosen


def measures_of(
    store: Store | None, *, labels: str | None = None, search: str | None = None
) -> pd.DataFrame:
    """List what can be measured, or the tags that one measure knows.

    Parameters
    ----------
    store:
        The catalogue, for what was imported there; None for built-in measures only.
    labels:
        List the tags of this measure or model: see `tags_table`.
    search:
        Only tags with this word.

    Returns
    -------
    DataFrame
        A row for each measure: `name`, `summary`, `licence`, `extra`, `shape`, `version`,
        `citation`, and with a catalogue `items`, the number that have it. Or a row for each tag.

    Raises
    ------
    UnknownName, ParameterError
        There is no such measure, it gives no tags, or a word is searched for without `labels`.
    """
    if labels is not None:
        return tags_table(store, labels, search)
    if search is not None:
        raise ParameterError("--search looks among the tags of a measure; name it with --labels.")
    here = {} if store is None else progress.current_setups(store)
    models = () if store is None else people.models(store)
    here = {name: own for name, own in here.items() if name not in {m["model"] for m in models}}
    infos = {info.name: info for info in MEASURES}
    infos |= {name: info for name, (_, info) in here.items() if name not in infos}
    columns = ["name", "summary", "licence", "extra", "shape", "version", "citation"]
    found = pd.DataFrame(
        [[getattr(i, c) for c in columns] for i in infos.values()], columns=columns
    )
    found["shape"] = [str(shape) for shape in found["shape"]]
    if store is not None:
        items = "SELECT count(*) FROM measured WHERE setup = ? AND part IS NOT NULL"
        done = {name: store.value(items, (setup,)) for name, (setup, _) in here.items()}
        found.insert(1, "items", [int(done.get(name, 0)) for name in found["name"]])
    return found


def _counts(store: Store, name: str) -> dict[str, int] | None:
    """Count the items that have each tag; None where the measure has no rows of tags here."""
    setup, info = progress.current_setups(store).get(name, (None, None))
    if setup is None or info is None or info.shape not in _TAGGED:
        return None
    rows = read_parts(progress.files_of(store, setup), info, columns=["item", "tag"]).to_table()
    pairs = rows.group_by(["item", "tag"]).aggregate([]).to_pandas()
    return {str(tag): int(n) for tag, n in pairs["tag"].value_counts().items()}


def _with_tags(store: Store | None) -> set[str]:
    names = {info.name for info in MEASURES if info.shape in _TAGGED}
    if store is not None:
        setups = progress.current_setups(store)
        names |= {name for name, (_, info) in setups.items() if info.shape in _TAGGED}
    return names


def _gives(name: str) -> str:
    shape = MEASURES.info(name).shape
    return {Shape.SCALAR: "columns of values", Shape.VECTOR: "vectors"}.get(shape, "texts")
