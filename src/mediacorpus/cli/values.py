"""Lists of values on the command line, as the settings of training take them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from mediacorpus.errors import ParameterError

FLAGS = {"yes": True, "no": False}


def values_of(given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Take the values to try out of the arguments of a command, with commas between them.

    Parameters
    ----------
    given:
        Arguments of the command; only those that name a setting of training are read.

    Raises
    ------
    ParameterError
        A number is none, or a flag is neither yes nor no.

    Examples
    --------
    >>> values_of({"lr": ".1,.01", "unfreeze": "head,2", "augment": "yes,no", "folder": "x"})
    {'lr': [0.1, 0.01], 'unfreeze': ['head', 2], 'augment': [True, False]}
    """
    from mediacorpus.learning.settings import TrainSettings

    kinds = typing.get_type_hints(TrainSettings)
    # Of these a grid has one value, for all that it tries.
    single = {"method", "seed"}
    return {
        name: [_value(name, part.strip(), kinds[name]) for part in text.split(",")]
        for name, text in given.items()
        if name in kinds and name not in single and text is not None
    }


def _value(name: str, text: str, kind: Any) -> Any:
    kinds = set(typing.get_args(kind)) if isinstance(kind, types.UnionType) else {kind}
    option = f"--{name.replace('_', '-')}"
    if bool in kinds:
        if text not in FLAGS:
            raise ParameterError(f"{option} is {text!r}; write yes, no or yes,no.")
        return FLAGS[text]
    if not kinds & {int, float}:
        return text
    try:
        value = float(text)
    except ValueError as error:
        if str in kinds:
            return text
        example = "0.1,0.01" if float in kinds else "4,16"
        raise ParameterError(
            f"{option} is {text!r}; write numbers with commas, as in {option} {example}."
        ) from error
    return int(value) if value.is_integer() and "." not in text else value
