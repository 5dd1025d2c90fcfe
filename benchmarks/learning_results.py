"""What `RESULTS.md` says of training."""

from __future__ import annotations

from typing import Any

from marks import met

GRID_SECONDS = 60

COST, TAUGHT = 20, 50
"""How many times as long the taught recipe must take to its best score."""

NETWORKS = (
    ("mlp", (("test after 5", 0.84), ("test after 25", 0.88))),
    ("minivggnet_bn_gray", (("test after 25", 0.93), ("test of the best epoch", None))),
)


def training(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Ants and bees (245 + 153 photographs)",
        "",
        "From added images to the model; the first time also measures the embeddings.",
        "",
        "| method | seed | train, s | to the epoch kept, s | to validated scores, s | "
        "validation accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for method in ("linear", "finetune"):
        lines += [
            f"| {method} | {row['seed']} | {row['train seconds']} | "
            f"{row.get('seconds to the epoch kept', '')} | {row['train to validated seconds']} | "
            f"{row['validation accuracy']:.3f} |"
            for row in found[method]
        ]
    recipe = found["taught recipe"]
    worst = {
        m: (
            min(r["validation accuracy"] for r in found[m]),
            max(r["train to validated seconds"] for r in found[m]),
        )
        for m in ("linear", "finetune")
    }
    slowest = max(row["seconds to the epoch kept"] for row in found["finetune"])
    whole, to_best = recipe["seconds"], recipe["seconds to the best epoch"]
    taught = "The taught recipe (all layers, batch 4, eager PyTorch, validated after each epoch) "
    if recipe["epochs"] == TAUGHT:
        taught += (
            f"took {whole:.0f} s for {TAUGHT} epochs. Its best validation accuracy, "
            f"{recipe['best accuracy']:.3f}, came after epoch {recipe['best epoch']}, "
            f"{to_best:.0f} s."
        )
    else:
        taught += (
            f"was timed for {recipe['epochs']} epochs; {TAUGHT} take {whole:.0f} s at that pace. "
            "When its best score would have come was not measured."
        )
    return [
        *lines,
        "",
        taught,
        "",
        f"- linear at least .93 in under 20 s: "
        f"{met(worst['linear'][0] >= 0.93 and worst['linear'][1] < 20)}.",
        f"- finetune at least .93 in under 4 minutes: "
        f"{met(worst['finetune'][0] >= 0.93 and worst['finetune'][1] < 240)}.",
        f"- finetune to the epoch kept in at most 1/{COST} of the recipe's 50 epochs: "
        f"{met(slowest * COST <= whole)} (1/{whole / slowest:.0f}).",
    ]


def published(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Published results",
        "",
        "Three seeds; mean and standard deviation of the accuracy on images that were not learned "
        "from. Smiles: 80 % to learn from, 10 % to choose the epoch, scored on 10 %, a split for "
        "each seed; how to fine-tune was chosen among six ways on 1,000 faces that were held out "
        "in another division. World leaders and digits: five folds. Ants and bees: the validation "
        "part, which also chose the epoch, as in the published numbers.",
        "",
        "| task | published | ours | sd | seeds | at least | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found.values():
        ours = row["accuracy"]
        seeds = ", ".join(f"{value:.3f}" for value in ours["seeds"])
        least = row["at least"]
        mark = "for comparison" if least is None else met(ours["mean"] >= least)
        lines.append(
            f"| {row['task']} | {row['published']} | {ours['mean']:.3f} | {ours['sd']:.3f} | "
            f"{seeds} | {'' if least is None else least} | {mark} |"
        )
    insects = found.get("hymenoptera", {}).get("best epoch's validation accuracy")
    if insects:
        lines += [
            "",
            "Ants and bees, highest validation accuracy of any epoch, which is what the published "
            f"numbers are: {insects['mean']:.3f} (sd {insects['sd']:.3f}).",
        ]
    return lines


def scratch(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Fashion-MNIST, from scratch",
        "",
        "55,000 images to learn from, 5,000 to choose the epoch, scored on the 10,000 of the test "
        "part. SGD, batches of 32, 25 epochs. Three seeds. The published numbers are of the weights "
        "after so many epochs; the best epoch is the one with the lowest validation loss, which "
        "`train` keeps.",
        "",
        "| network | score | ours | sd | at least, as published | |",
        "|---|---|---|---|---|---|",
    ]
    for name, marks in NETWORKS:
        if name in found:
            scores = found[name]["mean and spread"]
            lines += [
                f"| {name} | {score} | {scores[score][0]:.4f} | {scores[score][1]:.4f} | "
                + (f"{least} | {met(scores[score][0] >= least)} |" if least else " | |")
                for score, least in marks
            ]
    return lines


def shallow(found: dict[str, Any]) -> list[str]:
    tried = found["grid"]
    lines = [
        "## Classic models, and a grid of settings",
        "",
        "The models on scikit-learn's digits (8 x 8 pixels): accuracy over five folds, mean and "
        "standard deviation over three seeds.",
        "",
        "| model | accuracy | sd | one fit, s |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {model} | {row['accuracy']:.3f} | {row['sd over seeds']:.3f} | "
        f"{row['seconds per fit']} |"
        for model, row in found["digits"].items()
    ]
    return [
        *lines,
        "",
        "The grid tries 12 settings (3 learning rates, 2 momenta, 2 batch sizes) on the frozen "
        "features of the training photographs of ants and bees, in five folds within five folds:",
        "",
        f"> {tried['words']}",
        "",
        f"- 12 settings in under {GRID_SECONDS} s: {met(tried['seconds'] < GRID_SECONDS)} "
        f"({tried['seconds']} s).",
    ]
