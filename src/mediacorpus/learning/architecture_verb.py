"""The verb `architecture`: the layers of a trained model."""

from __future__ import annotations

from pathlib import Path

from mediacorpus.catalogue import people
from mediacorpus.catalogue.store import Store
from mediacorpus.learning.architecture import Layer
from mediacorpus.learning.architecture_figure import draw_architecture
from mediacorpus.learning.architecture_onnx import describe_onnx
from mediacorpus.learning.folder import model_of


def layers_of(store: Store, name: str, *, output: Path | None = None) -> list[Layer]:
    """List the layers of a model, and draw them if a file is named.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model.
    output:
        `.png`, `.svg` or `.pdf` file to draw to.

    Raises
    ------
    UnknownName, ModelError
        There is no such model, or its folder is damaged.
    ParameterError
        The file has another ending.
    """
    people.model(store, name)
    layers = describe_onnx(model_of(store, name).network())
    if output is not None:
        draw_architecture(layers, output, title=name)
    return layers
