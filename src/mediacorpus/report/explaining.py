"""What `robustness`, `learning_curve` and `explain` draw into files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, writing
from mediacorpus.files import atomic_write
from mediacorpus.media.sheet import write_sheet
from mediacorpus.report.explain_sheet import explanation_sheet, mean_map_sheet
from mediacorpus.store.store import Store
from mediacorpus.validation.explain import Explained, Neighbor, maps_by_class
from mediacorpus.validation.saliency import images_of

Found = TypeVar("Found")


def drawn(find: Callable[[], Found], draw: Callable[[Found], str], output: Path | None) -> Found:
    """Give what was found, drawn as an SVG where that is asked for.

    Parameters
    ----------
    find:
        Does the work.
    draw:
        Draws what it gave.
    output:
        `.svg` file to draw to, or None.

    Raises
    ------
    ParameterError
        The file would be of another kind; this is said before the work.
    """
    if output is not None and output.suffix.lower() != ".svg":
        raise ParameterError(f"The figure is written as .svg; {output.name!r} ends otherwise.")
    found = find()
    if output is not None:
        with writing(output.parent):
            output.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(output) as temporary:
                temporary.write_text(draw(found), encoding="utf-8")
    return found


def sheets(store: Store, found: Explained, output: Path, *, name: str) -> Explained:
    """Draw explanations on a sheet, and the mean map of each class on a second one beside it.

    Parameters
    ----------
    store:
        The catalogue.
    found:
        The explanations.
    output:
        `.png`, `.jpg` or `.webp` sheet to write.
    name:
        Name of the model.
    """
    wanted = sorted({near.item for row in found.rows for near in row.neighbors})
    there = dict(images_of(store, wanted))

    def neighbor(one: Neighbor) -> NDArray[np.uint8] | None:
        return there.get(one.item)

    title = f"What {name} looks at"
    write_sheet(output, explanation_sheet(found.rows, neighbor=neighbor, title=title))
    files, maps = [output], maps_by_class(found.rows)
    if maps:
        means = output.with_name(f"{output.stem}-means{output.suffix}")
        write_sheet(means, mean_map_sheet(maps, title="Where it looks, image after image"))
        files.append(means)
    return replace(found, files=files)
