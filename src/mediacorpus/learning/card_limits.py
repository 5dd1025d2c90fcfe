"""What a reader of a model's card must beware of, in plain words, from the facts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES = ("priors", "temperature")
"""Notes on scores that limit the use of a model: other shares of the classes in the corpus than in
the test part, and probabilities that are too sure or not sure enough."""

FEW = 30
"""Items under which a class or a group says nearly nothing."""

SMALL = 100
"""Items under which a test part is small."""

LOW_ALPHA = 0.667
"""Krippendorff's alpha under which labels carry no conclusions (Krippendorff, 2004)."""


def limits(facts: Mapping[str, Any]) -> list[str]:
    """Say what limits the use of a model, one sentence each.

    Parameters
    ----------
    facts:
        What `mediacorpus.learning.model_card` gathers: `variable`, `labels`, `agreement`,
        `scores`, `audits`.

    References
    ----------
    Krippendorff, K. (2004). *Content Analysis*, 2nd ed., p. 241 (alpha of .667 and .800).

    Examples
    --------
    >>> facts = {"variable": "face", "labels": {"counts": {"train": {"no": 8, "yes": 40}}},
    ...          "agreement": {"coders": 1, "items": 0}, "scores": [], "audits": []}
    >>> for sentence in limits(facts):
    ...     print(sentence)
    It has not been validated: nothing is known of how well it does.
    It learned from few examples of 'no' (8).
    One coder gave all labels, so agreement cannot be told.
    It has not been audited: whether it does equally well for all groups is not known.
    """
    return [
        *_of_scores(facts),
        *_of_counts(facts["labels"]["counts"].get("train", {}), "It learned from few examples of"),
        *_of_agreement(facts["agreement"]),
        *_of_audits(facts["audits"]),
    ]


def _of_scores(facts: Mapping[str, Any]) -> list[str]:
    own = [s for s in facts["scores"] if s["against"] == facts["variable"]]
    tested = [s for s in own if s["part"] == "test"]
    if not own:
        return ["It has not been validated: nothing is known of how well it does."]
    said = []
    if not tested:
        said.append(
            "It has been scored on the validation part only, which also serves to choose between "
            "models; such scores may be a little too good."
        )
    last = (tested or own)[-1]
    if last["n"] < SMALL:
        said.append(
            f"It was scored on {last['n']:,} items only: read the intervals, not the estimates."
        )
    counts = facts["labels"]["counts"].get(last["part"], {})
    said += _of_counts(counts, "It was scored on few examples of")
    return said + [note["text"] for note in last.get("codes", []) if note["code"] in CODES]


def _of_counts(counts: Mapping[str, int], words: str) -> list[str]:
    few = {name: n for name, n in counts.items() if n < FEW}
    if not few or len(counts) > 2 * FEW:  # so many values are numbers, or sets of labels
        return []
    listed = ", ".join(f"{name!r} ({n:,})" for name, n in few.items())
    return [f"{words} {listed}."]


def _of_agreement(agreement: Mapping[str, Any]) -> list[str]:
    if agreement["coders"] == 1:
        return ["One coder gave all labels, so agreement cannot be told."]
    if not agreement["items"]:
        return ["No item was labelled by two coders, so agreement cannot be told."]
    alpha, items = agreement.get("krippendorff_alpha"), agreement["items"]
    said = []
    if items < FEW:
        said.append(f"Agreement rests on {items:,} items that several coders labelled.")
    if alpha is not None and alpha < LOW_ALPHA:
        said.append(
            f"Coders agree too little (Krippendorff's alpha {alpha:.2f}; under {LOW_ALPHA} labels "
            "carry no conclusions): the model has learned from labels that others would not give."
        )
    return said


def _of_audits(audits: list[Mapping[str, Any]]) -> list[str]:
    grouped = [audit for audit in audits if audit["kind"] == "groups"]
    if not grouped:
        return [
            "It has not been audited: whether it does equally well for all groups is not known."
        ]
    small = [name for audit in grouped for name in audit.get("small", [])]
    if not small:
        return []
    return [f"Groups of fewer than {FEW} items, of which little can be said: {', '.join(small)}."]
