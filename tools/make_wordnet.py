"""Write the part of WordNet 3.0 that the 1,000 classes of ImageNet-1k hang on.

    python tools/make_wordnet.py /usr/share/wordnet/data.noun

`data.noun` is in Debian's package `wordnet-base`. The ids of ImageNet are its offsets.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "mediacorpus" / "measures" / "wordnet.tsv"
HEAD = """\
# WordNet 3.0: the 1,000 classes of ImageNet-1k (with their number) and all that is above them.
# Columns: WordNet id, number of the class, names, ids of the synsets above (is a kind of).
# Made by tools/make_wordnet.py.
#
"""
UP = {"@", "@i"}


def main(arguments: list[str]) -> int:
    """Write the table."""
    import timm.data

    nouns = Path(arguments[0])
    classes = timm.data.ImageNetInfo("imagenet-1k").label_names()
    known: dict[str, tuple[str, list[str]]] = {}
    notice = []
    for line in nouns.read_text("ascii").splitlines():
        if line.startswith("  "):
            notice.append(f"# {line[2:].partition(' ')[2].rstrip()}".rstrip())
            continue
        fields = line.partition(" | ")[0].split()
        words = int(fields[3], 16)
        names = [fields[4 + 2 * n].replace("_", " ") for n in range(words)]
        pointers = fields[5 + 2 * words :]
        above = [f"n{pointers[n + 1]}" for n in range(0, len(pointers) - 3, 4) if pointers[n] in UP]
        known[f"n{fields[0]}"] = ("|".join(names), above)
    numbers = {wnid: str(n) for n, wnid in enumerate(classes)}
    wanted, waiting = dict.fromkeys(classes), list(classes)
    while waiting:
        for one in known[waiting.pop()][1]:
            if one not in wanted:
                wanted[one] = None
                waiting.append(one)
    rows = [
        f"{wnid}\t{numbers.get(wnid, '')}\t{known[wnid][0]}\t{' '.join(known[wnid][1])}".rstrip()
        for wnid in wanted
    ]
    text = HEAD + "\n".join(notice) + "\n" + "\n".join(rows) + "\n"
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    print(f"{TARGET}: {len(classes)} classes, {len(rows) - len(classes)} synsets above them")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
