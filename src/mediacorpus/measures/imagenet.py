"""The 1,000 classes of ImageNet-1k, the names by which we tag them, and their kinds by WordNet."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files

QUALIFIED = {
    "n02012849": "crane (bird)",
    "n02113186": "cardigan (dog)",
    "n02963159": "cardigan (garment)",
    "n03126707": "crane (machine)",
    "n03710721": "maillot (tank suit)",
}
"""Classes whose first WordNet name is shared with another class."""


GENERAL = {
    *("entity", "physical entity", "object", "whole", "living thing", "organism", "matter"),
    *("abstraction", "causal agent", "unit"),
}
"""Words of WordNet that say next to nothing of what is seen."""


BRANCHES = ("n00004258", "n00021939", "n00020827")
"""Living things, artifacts and matter: meanings of a word in different ones are kept apart."""


@dataclass(frozen=True, slots=True)
class Synset:
    """A class, or what is above classes in WordNet.

    Parameters
    ----------
    wnid:
        Its WordNet id, such as `"n02084071"`.
    names:
        Its names, the usual one first.
    above:
        Ids of what it is a kind of.
    is_class:
        Whether it is one of the 1,000 classes.
    """

    wnid: str
    names: tuple[str, ...]
    above: tuple[str, ...]
    is_class: bool


@functools.cache
def synsets() -> dict[str, Synset]:
    """Give the classes, in the order of the network's outputs, and all that is above them.

    >>> len(synsets()), synsets()["n02084071"].names[0]
    (1860, 'dog')
    """
    text = files("mediacorpus.measures").joinpath("wordnet.tsv").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            wnid, number, names, above = [*line.split("\t"), ""][:4]
            known = tuple(names.split("|")), tuple(above.split())
            found[wnid] = Synset(wnid, *known, bool(number))
    return found


def class_names() -> dict[str, str]:
    """Give the name of each class by its WordNet id, in the order of the network's outputs.

    The name is the first WordNet lemma in lower case, with a qualifier where two classes
    would share it (crane, cardigan, maillot).

    Returns
    -------
    dict
        1,000 entries such as `"n07920052": "espresso"`; all names differ.

    References
    ----------
    Russakovsky et al. (2015). ImageNet Large Scale Visual Recognition Challenge.
    International Journal of Computer Vision 115.

    Examples
    --------
    >>> names = class_names()
    >>> names["n07920052"], names["n02012849"], len(set(names.values()))
    ('espresso', 'crane (bird)', 1000)
    """
    return {
        one.wnid: QUALIFIED.get(one.wnid, one.names[0].lower())
        for one in synsets().values()
        if one.is_class
    }


def _above(wnid: str) -> dict[str, int]:
    """Give a synset and all that is above it, the nearest first, with its number of steps."""
    found = {wnid: 0}
    waiting = [wnid]
    for one in waiting:
        for up in synsets()[one].above:
            if up not in found:
                found[up] = found[one] + 1
                waiting.append(up)
    return found


@functools.cache
def _kinds() -> dict[str, frozenset[str]]:
    """Give the ids of the classes below each word of WordNet, by the word in lower case."""
    below: dict[str, set[str]] = {}
    for one in synsets().values():
        if one.is_class:
            for wnid in _above(one.wnid):
                below.setdefault(wnid, set()).add(one.wnid)
    meanings: dict[str, list[str]] = {}
    for wnid in below:
        for name in synsets()[wnid].names:
            meanings.setdefault(name.lower(), []).append(wnid)
    return {word: _of_one_branch(own, below) for word, own in meanings.items()}


def _of_one_branch(meanings: list[str], below: dict[str, set[str]]) -> frozenset[str]:
    """Join the classes of the meanings of a word that lie in one branch: that with the most."""
    branches: dict[str, set[str]] = {}
    for wnid in meanings:
        above = _above(wnid)
        branch = next((root for root in BRANCHES if root in above), "")
        branches.setdefault(branch, set()).update(below[wnid])
    most = max(len(own) for own in branches.values())
    return frozenset(next(own for own in branches.values() if len(own) == most))


def words() -> list[str]:
    """List the words of WordNet that classes are kinds of, or are called by."""
    return sorted(_kinds())


def classes_of(word: str) -> list[str]:
    """Give the names of the classes that are, by WordNet, a kind of what a word means.

    Of a word with several meanings the one with the most classes counts, and those in the same
    branch of WordNet (living things, artifacts, matter, others): *plant* is not a factory. Another
    name of a class, such as *tabby cat*, gives the class.

    Parameters
    ----------
    word:
        An English noun, such as `"animal"`, in any case.

    Returns
    -------
    list of str
        In the order of the network's outputs; none where no class is of this kind.

    References
    ----------
    Miller, G. A. (1995). WordNet: a lexical database for English. *Communications of the ACM*,
    38(11), 39-41. Version 3.0, Princeton University.

    Examples
    --------
    >>> len(classes_of("animal")), len(classes_of("dog")), classes_of("tabby cat")
    (398, 118, ['tabby'])
    """
    below = _kinds().get(" ".join(word.lower().replace("_", " ").split()), frozenset())
    return [name for wnid, name in class_names().items() if wnid in below]


def kinds_of(wnid: str) -> list[str]:
    """Name what a class is a kind of, from the nearest on, without the most general words.

    >>> kinds_of("n02123045")[:2]
    ['domestic cat', 'cat']
    """
    names = [synsets()[one].names[0] for one in _above(wnid) if one != wnid]
    return [name for name in dict.fromkeys(names) if name not in GENERAL]
