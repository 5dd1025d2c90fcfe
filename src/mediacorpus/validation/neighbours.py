"""The training pictures that lie nearest to a picture, by embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training picture near to another picture.

    Parameters
    ----------
    item:
        Its item id.
    label:
        Its class.
    similarity:
        Cosine of the two embeddings, -1 to 1.
    """

    item: str
    label: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Labelled pictures among which neighbours are looked for.

    Parameters
    ----------
    items:
        Item ids.
    labels:
        Their classes.
    embeddings:
        Array `(N, D)`.

    Raises
    ------
    ParameterError
        The lengths differ.

    Examples
    --------
    >>> reference = Reference(["a", "b"], ["cat", "dog"], np.eye(2))
    >>> reference.nearest(np.array([2.0, 1.0]), 1)
    [Neighbour(item='a', label='cat', similarity=0.8944271909999159)]
    """

    items: Sequence[str]
    labels: Sequence[str]
    embeddings: NDArray[Any]

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.labels) == len(self.embeddings):
            raise ParameterError(
                f"There are {len(self.items)} items, {len(self.labels)} labels and "
                f"{len(self.embeddings)} embeddings; each item needs one of both."
            )

    def nearest(self, query: NDArray[Any], k: int, *, item: str = "") -> list[Neighbour]:
        """Give the `k` nearest pictures, the nearest first; `item` itself is left out."""
        wanted = min(k + list(self.items).count(item), len(self.items))
        if wanted < 1:
            return []
        found, cosine = nearest(self.embeddings, query, wanted)
        near = [
            Neighbour(self.items[i], self.labels[i], float(c))
            for i, c in zip(found, cosine, strict=True)
            if self.items[i] != item
        ]
        return near[:k]


def nearest(
    embeddings: NDArray[Any], query: NDArray[Any], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the embeddings with the highest cosine to a query, by comparing with all.

    Parameters
    ----------
    embeddings:
        Array `(N, D)`.
    query:
        Array `(D,)`.
    k:
        How many, at least 1; at most N come.

    Returns
    -------
    indices : int64 array `(k,)`
        The nearest first; of equal ones the first.
    similarity : float64 array `(k,)`
        Cosines, -1 to 1. An embedding that is all zeros has cosine 0 with everything.

    Raises
    ------
    ParameterError
        The shapes do not fit, or `k` is below 1.

    Examples
    --------
    >>> indices, cosine = nearest(np.array([[1, 0], [1, 1], [-1, 0]]), np.array([2, 0]), 2)
    >>> indices.tolist(), cosine.round(3).tolist()
    ([0, 1], [1.0, 0.707])
    """
    vectors, wanted = np.asarray(embeddings), np.asarray(query, np.float64)
    if vectors.ndim != 2 or wanted.shape != vectors.shape[1:]:  # noqa: PLR2004 - (N, D)
        raise ParameterError(
            f"Embeddings (N, D) and a query (D,) are needed; got {vectors.shape} and "
            f"{wanted.shape}."
        )
    if k < 1:
        raise ParameterError(f"At least one neighbour must be asked for, not {k}.")
    dots = (vectors @ wanted.astype(np.result_type(vectors.dtype, np.float32))).astype(np.float64)
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    lengths = np.sqrt(squares) * np.linalg.norm(wanted)
    cosine = np.divide(dots, lengths, out=np.zeros(len(dots)), where=lengths > 0).clip(-1, 1)
    order = np.argsort(-cosine, kind="stable")[:k]
    return order, cosine[order]
