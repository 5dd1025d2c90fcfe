"""The error tree: what is drawn is what there is, and each wording helps."""

import errno
import inspect
import re
from pathlib import Path

import pytest

from mediacorpus import errors
from mediacorpus.errors import (
    CorpusBusy,
    CorpusReadOnly,
    MediacorpusError,
    StorageFull,
    TooLarge,
    unknown,
    writing,
)

CLASSES = [
    c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, MediacorpusError)
]


def test_the_tree_at_the_top_is_the_tree():
    drawn = dict(re.findall(r"[├└]── (\w+) +(?:\((\w+)\))?", errors.__doc__))
    assert set(drawn) == {c.__name__ for c in CLASSES} - {"MediacorpusError"}
    assert len(CLASSES) <= 20
    for found in CLASSES:
        builtin = drawn.get(found.__name__)
        if builtin:
            assert builtin in {base.__name__ for base in found.__bases__}


@pytest.mark.parametrize("found", CLASSES)
def test_each_is_ours_and_a_builtin_that_users_expect(found):
    assert issubclass(found, MediacorpusError)
    if found is not MediacorpusError:
        theirs = [b for b in found.__mro__ if b.__module__ == "builtins"]
        assert theirs[0] is not Exception
    assert str(found("One sentence.")) == "One sentence."
    assert found.__doc__


def test_too_large_is_a_kind_of_media_error():
    assert issubclass(TooLarge, errors.MediaError)


def test_unknown_lists_near_names_and_all_names():
    text = str(unknown("measure", "embeding", ["tags", "embedding", "facts"]))
    assert "no measure 'embeding'" in text
    assert "Did you mean 'embedding'?" in text
    assert text.endswith("Known: embedding, facts, tags.")


def test_unknown_finds_near_names_whatever_their_case():
    assert "Did you mean 'MyModel'?" in str(unknown("model", "mymodl", ["MyModel", "other"]))


def test_unknown_without_a_near_name_or_any_name():
    assert "Did you mean" not in str(unknown("measure", "xyzzy", ["tags"]))
    assert str(unknown("model", "m", [])) == "There is no model 'm'. This corpus has no model yet."


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EROFS, CorpusReadOnly),
        (errno.EACCES, CorpusReadOnly),
        (errno.EPERM, CorpusReadOnly),
    ],
)
def test_refusals_of_the_system_become_ours(number, wanted):
    cause = OSError(number, "words of the system")
    with pytest.raises(wanted, match="corpus") as caught, writing(Path("corpus")):
        raise cause
    assert caught.value.__cause__ is cause


def test_other_errors_pass_as_they_are():
    ours = CorpusBusy("busy")
    with pytest.raises(CorpusBusy) as caught, writing(Path("corpus")):
        raise ours
    assert caught.value is ours
    with pytest.raises(OSError, match="broken") as raw, writing(Path("corpus")):
        raise OSError(errno.EIO, "broken")
    assert not isinstance(raw.value, MediacorpusError)
    with pytest.raises(KeyError), writing(Path("corpus")):
        raise KeyError("k")
