"""What the engine hands to a measure, and what it takes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.records import FileFacts, Info, Place, Region, Tag, Text
from mediacorpus.registry import Registry

Pixels: TypeAlias = NDArray[np.uint8]
Value: TypeAlias = (
    Mapping[str, Any]
    | Sequence[Tag]
    | Sequence[Region]
    | Sequence[Text]
    | str
    | NDArray[np.float32]
)


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item as a measure sees it.

    Parameters
    ----------
    item:
        The item's id.
    file:
        What its header says.
    pixels:
        RGB array `(H, W, 3)`, 0 to 255, upright; None where no measure needs pixels.
        Large images come at reduced scale: the short side has at least as many pixels
        as the measures asked for in `Info.min_side`.
    read:
        Runs an importable function on the item's `Place`, for measures that read the file
        themselves; its result is plain data, such as numbers, text, arrays and lists of these.
        Formats whose decoders may crash are read in a process that can be killed. None where
        there is no file.
    """

    item: str
    file: FileFacts
    pixels: Pixels | None = None
    read: Callable[[Callable[[Place], Any]], Any] | None = None


@dataclass(slots=True)
class Batch:
    """Some images that are measured together.

    `shared` is empty at first. Measures that build on the same computation keep its result
    there, so that it is done once for the batch.
    """

    items: Sequence[BatchItem]
    shared: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def pixels(self) -> list[Pixels]:
        """The decoded images, in order."""
        return [one.pixels for one in self.items if one.pixels is not None]


class Measure(Protocol):
    """A function from a batch to one value per image, in the same order.

    The value's form follows the shape: `scalar` a mapping with the declared columns, `tag` a
    sequence of `Tag` (best first), `region` a sequence of `Region`, `text` a string or a
    sequence of `Text`, `vector` a float32 array. Called from several threads at once.
    """

    def __call__(self, batch: Batch) -> Sequence[Value]:
        """Measure each image of the batch."""
        ...


@dataclass(frozen=True, slots=True)
class Configured:
    """A measure whose facts depend on its parameters, such as the length of its vectors.

    Parameters
    ----------
    function:
        The measure.
    info:
        Its facts, in place of those that the registry has of the name.
    """

    function: Measure
    info: Info

    def __call__(self, batch: Batch) -> Sequence[Value]:
        """Measure each image of the batch."""
        return self.function(batch)


MeasureFactory: TypeAlias = Callable[..., Measure]

MEASURES: Registry[MeasureFactory] = Registry(
    "measure", "mediacorpus.measures", builtin=("mediacorpus.measures",)
)
"""All measures. A factory takes keyword-only parameters and returns the measure."""


def measure(info: Info) -> Callable[[Measure], Measure]:
    """Register a plain function as a measure without parameters.

    Examples
    --------
    >>> from mediacorpus.records import Info
    >>> info = Info("brightness", "1", "Mean of all pixels.", "Apache-2.0",
    ...             outputs={"brightness": "float64"})
    >>> @measure(info)
    ... def brightness(batch):
    ...     return [{"brightness": float(p.mean())} for p in batch.pixels]
    >>> "brightness" in MEASURES
    True
    >>> MEASURES.remove("brightness")
    """

    def store(function: Measure) -> Measure:
        def factory() -> Measure:
            return function

        factory.__module__ = getattr(function, "__module__", __name__)
        factory.__qualname__ = getattr(function, "__qualname__", info.name)
        MEASURES.register(info)(factory)
        return function

    return store
