from mediacorpus.measures.imagenet import class_names


def test_all_names_differ_and_are_lower_case():
    names = list(class_names().values())
    assert len(names) == len(set(names)) == 1000
    assert all(name == name.lower().strip() and name for name in names)


def test_order_is_that_of_the_labelled_photographs(photographs):
    wnids = list(class_names())
    assert [wnids[k] for k in photographs.classes] == photographs.wnids


def test_names_are_those_of_the_labelled_photographs(photographs):
    names = class_names()
    told = [name.lower() for name in photographs.names]
    ours = [names[wnid].partition(" (")[0] for wnid in photographs.wnids]
    assert sum(a == b for a, b in zip(told, ours, strict=True)) >= 190
