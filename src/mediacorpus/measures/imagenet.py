"""The 1,000 classes of ImageNet-1k and the names by which we tag them."""

from __future__ import annotations

from mediacorpus.extras import need

QUALIFIED = {
    "n02012849": "crane (bird)",
    "n02113186": "cardigan (dog)",
    "n02963159": "cardigan (garment)",
    "n03126707": "crane (machine)",
    "n03710721": "maillot (tank suit)",
}
"""Classes whose first WordNet name is shared with another class."""


def class_names() -> dict[str, str]:
    """Give the name of each class by its WordNet id, in the order of the network's outputs.

    The name is the first WordNet lemma in lower case, with a qualifier where two classes
    would share it (crane, cardigan, maillot).

    Returns
    -------
    dict
        1,000 entries such as `"n07920052": "espresso"`; all names differ.

    Raises
    ------
    MissingExtra
        timm, which brings the lists, is not installed.

    References
    ----------
    Russakovsky et al. (2015). ImageNet Large Scale Visual Recognition Challenge.
    International Journal of Computer Vision 115.

    Examples
    --------
    >>> names = class_names()
    >>> names["n07920052"], names["n02012849"], len(set(names.values()))
    ('espresso', 'crane (bird)', 1000)
    """
    lemmas = need("timm.data").ImageNetInfo("imagenet-1k").label_descriptions(as_dict=True)
    return {
        wnid: QUALIFIED.get(wnid, lemma.partition(",")[0].strip().lower())
        for wnid, lemma in lemmas.items()
    }
