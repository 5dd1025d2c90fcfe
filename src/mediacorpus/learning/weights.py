"""Weights of a backbone from a file, without running code that lies in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediacorpus.errors import ParameterError, WeightsNotFound
from mediacorpus.extras import need

ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
SHOWN = 3

# torchvision's published DenseNet files name layers inside dense layers with a dot.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d\.)")
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_weights(path: Path) -> dict[str, Any]:
    """Read the named tensors of a `.safetensors` or `.pth` file.

    Parameters
    ----------
    path:
        The file. A `.pth` file must hold tensors and nothing else; one that holds a mapping
        under `state_dict` or `model` is unwrapped, and the prefix `module.` is taken off.

    Returns
    -------
    dict
        Name → torch tensor.

    Raises
    ------
    WeightsNotFound
        The file is missing.
    ParameterError
        It is no such file, or holds more than tensors.
    MissingExtra
        torch or safetensors is not installed.
    """
    if not path.is_file():
        raise WeightsNotFound(f"There is no file with weights at {path}; check the path.")
    if path.suffix.lower() not in ENDINGS:
        raise ParameterError(f"The weights {path} must be a file {' or '.join(ENDINGS)}.")
    try:
        if path.suffix.lower() == ".safetensors":
            state: Any = need("safetensors.torch").load_file(path)
        else:
            state = need("torch").load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ParameterError(
            f"The weights {path} cannot be read: the file is damaged or holds more than tensors "
            "(code in it is never run). Save the network's state_dict as .safetensors."
        ) from error
    return _plain(path, state)


def load_into(module: Any, state: Mapping[str, Any], *, last: str, source: str) -> None:
    """Put weights into a network, all but the last layer; the names must fit exactly.

    Parameters
    ----------
    module:
        The network.
    state:
        What `read_weights` gave. Auxiliary outputs (Inception's) are left away.
    last:
        Dotted name of the last layer, which may have any number of classes.
    source:
        Name of the file, for the message.

    Raises
    ------
    ParameterError
        A tensor is missing, unknown, or of another shape.
    """
    own = module.state_dict()
    given = {_OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    skipped = (f"{last}.", "AuxLogits.")
    wanted = {name for name in own if not name.startswith(skipped)}
    offered = {name for name in given if not name.startswith(skipped)}
    counters = {name for name in wanted - offered if name.endswith("num_batches_tracked")}
    shapes = [n for n in sorted(wanted & offered) if own[n].shape != given[n].shape]
    faults = [
        _listed("missing", wanted - offered - counters),
        _listed("unknown", offered - wanted),
        _listed("of another shape", shapes),
    ]
    if any(faults):
        raise ParameterError(
            f"The weights {source} do not fit this backbone: "
            + "; ".join(fault for fault in faults if fault)
            + ". Name the backbone that they were trained for."
        )
    module.load_state_dict({name: given[name] for name in wanted & offered}, strict=False)


def _plain(path: Path, state: Any) -> dict[str, Any]:
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    tensor = need("torch").Tensor
    if not isinstance(state, Mapping) or not all(isinstance(v, tensor) for v in state.values()):
        raise ParameterError(
            f"The weights {path} are no mapping of names to tensors; save the network's state_dict."
        )
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _listed(what: str, names: Any) -> str:
    ordered = sorted(names)
    if not ordered:
        return ""
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return f"{what}: {', '.join(ordered[:SHOWN])}{more}"
