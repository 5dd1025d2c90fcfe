"""Help pages: commands in groups, options in panels, defaults shown, an example in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer.core

from mediacorpus.errors import RENAMED, present_name

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Begin": ("demo", "doctor", "create"),
    "Put in": ("add", "update", "remove"),
    "Look": (*("gallery", "plot", "show", "items", "records", "failures", "runs", "table", "sql"),),
    "Measure": ("measures", "measure"),
    "Label": ("labels", "gold", "split"),
    "Train": (
        *("train", "grid", "apply", "models", "label"),
        *("backbones", "architecture", "learning-curve"),
    ),
    "Check": ("validate", "compare", "audit", "explain", "results"),
    "Share": ("report", "card"),
}
"""What commands are for, in the order of a study."""

EXAMPLES: Mapping[str, str] = {
    "demo": "mediacorpus demo",
    "doctor": "mediacorpus doctor",
    "create": "mediacorpus create protests",
    "add": "mediacorpus add protests photos --variable crowd",
    "update": "mediacorpus update protests",
    "gallery": 'mediacorpus gallery protests --where "year > 1970" --columns caption,year',
    "plot": 'mediacorpus plot protests colorfulness --by "decade(year)" -o colors.png',
    "show": "mediacorpus show protests photo.jpg --as hsv -o sheet.png",
    "items": "mediacorpus items protests --rows 50",
    "records": "mediacorpus records protests -o records.csv",
    "failures": "mediacorpus failures protests",
    "runs": "mediacorpus runs protests --as-script -o study.sh",
    "table": "mediacorpus table protests -o study.dta",
    "sql": 'mediacorpus sql protests "SELECT format, count(*) AS n FROM items GROUP BY format"',
    "measures": "mediacorpus measures",
    "measures group": "mediacorpus measures group protests kinds animal,vehicle,building",
    "measures import": "mediacorpus measures import protests aws answers.csv --shape tag",
    "measure": "mediacorpus measure protests color quality tags",
    "labels import": "mediacorpus labels import protests labels.csv --coder anna",
    "labels set": "mediacorpus labels set protests 543043.jpg crowd yes --coder me",
    "labels map": 'mediacorpus labels map protests crowd "YES=yes,yess=yes"',
    "remove": "mediacorpus remove protests photos",
    "gold": "mediacorpus gold protests crowd --rule majority",
    "split": "mediacorpus split protests crowd --shares 60/20/20 --cluster author",
    "train": "mediacorpus train protests crowd --name quick",
    "grid": "mediacorpus grid protests crowd --lr .001,.01 --momentum .7,.9",
    "apply": "mediacorpus apply protests quick",
    "backbones": "mediacorpus backbones",
    "models list": "mediacorpus models list protests",
    "models import": "mediacorpus models import protests other/models/quick --name theirs",
    "label": "mediacorpus label protests/models/quick photos -o labels.csv",
    "architecture": "mediacorpus architecture protests quick -o layers.png",
    "learning-curve": "mediacorpus learning-curve protests crowd -o curve.svg",
    "validate": "mediacorpus validate protests quick --against crowd",
    "compare": "mediacorpus compare protests crowd",
    "audit": "mediacorpus audit protests quick --against crowd --by region",
    "explain": "mediacorpus explain protests quick -o sheet.png",
    "results": "mediacorpus results protests quick",
    "report": "mediacorpus report protests --title Protests",
    "card": "mediacorpus card protests quick",
}
"""Command -> a line that one may type."""

_CHOOSING = ("item", "where", "split", "sample")
_NETWORK = (
    *("backbone", "weights", "epochs", "lr", "momentum", "batch_size", "step_size", "gamma"),
    *("optimizer", "schedule", "weight_decay", "dropout", "unfreeze", "patience", "augment"),
    *("nesterov", "power", "warmup", "loss", "label_smoothing", "mixup", "layer_decay"),
    *("precision", "size", "tta", "normalize", "rotate", "jitter", "upside_down"),
)
_CLASSIC = (
    *("model", "features", "neighbors", "trees", "C", "kernel", "svm_gamma", "smoothing"),
    *("penalty", "l1_ratio"),
)
_LINKS = ("refresh", "allow_private", "ignore_robots", "parallel", "rate", "contact")
_SHOWN = ("watch", "quiet", "as_json", "rows", "help")
_LEARNING = {
    "For networks (finetune, scratch; some for linear)": _NETWORK,
    "For scratch": ("arch", "init", "gray"),
    "For classic models (shallow)": _CLASSIC,
}

PANELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "train": _LEARNING,
    "grid": _LEARNING,
    "add": {
        "For tables": ("path_column", "id_column", "boxes", "box_unit"),
        "For videos and documents": ("frames", "audio", "pages", "dpi"),
        "For links": _LINKS,
    },
}
"""Command -> heading -> parameters below it; those that are in no panel come first."""


class Group(typer.core.TyperGroup):
    """A group whose help lists its commands by what they are for, with whole sentences."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands below their headings."""
        del ctx
        width = max(len(name) for name in self.commands)
        for title, names in GROUPS.items():
            rows = [
                (name.ljust(width), _first_sentence(self.commands[name].help))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


class Command(typer.core.TyperCommand):
    """A command whose help has its options in panels, and an example at its end."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options; those under a former name are read as what they are called now."""
        former = RENAMED.get(str(self.name), {})
        for place, word in enumerate(args):
            option, equals, value = word.partition("=")
            if word.startswith("--") and option[2:] in former:
                args[place] = f"--{present_name('option', option[2:], former)}{equals}{value}"
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then options panel by panel."""
        arguments, options = [], {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and param.param_type_name == "argument":
                arguments.append(record)
            elif record is not None:
                options[param.name] = _with_default(self.name, param.name, record)
        panels = {**PANELS.get(str(self.name), {}), "To choose images": _CHOOSING}
        panels["To see what is done"] = _SHOWN
        placed = {name for names in panels.values() for name in names}
        first = {"Options": tuple(name for name in options if name not in placed)}
        sections = {"Arguments": arguments} | {
            title: [options[name] for name in names if name in options]
            for title, names in (first | panels).items()
        }
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write an example."""
        _example(ctx, formatter)


class Subgroup(typer.core.TyperGroup):
    """A command that does something by itself and has further commands below it."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write an example."""
        _example(ctx, formatter)


def _example(ctx: Any, formatter: Any) -> None:
    name = ctx.command_path.partition(" ")[2]
    if name in EXAMPLES:
        with formatter.section("Example"):
            formatter.write_text(EXAMPLES[name])


def _with_default(command: str | None, name: str, record: tuple[str, str]) -> tuple[str, str]:
    """Add the default of a setting of training that the command line leaves to the method."""
    option, text = record
    if command != "train" or "[default" in text or "[required]" in text:
        return record
    usual = _usual().get(name)
    return (option, f"{text}  [default: {usual}]") if usual else record


def _usual() -> dict[str, str]:
    """Give the defaults that depend on the method or are set where training begins."""
    from dataclasses import fields

    from mediacorpus.learning.settings import ShallowSettings, TrainSettings, usual_settings

    tuned = usual_settings(TrainSettings(method="finetune"))
    scratch = usual_settings(TrainSettings(method="scratch", arch="lenet"))
    classic = {f.name: f.default for f in fields(ShallowSettings) if f.name != "model"}
    classic["svm_gamma"] = classic.pop("gamma")
    found = {name: _value(classic[name]) for name in _CLASSIC if name in classic}
    for name in _NETWORK:
        one, other = _value(tuned.get(name)), _value(scratch.get(name))
        found[name] = one if one == other or not other else f"{one}; scratch: {other}"
    return {name: text for name, text in found.items() if text}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
