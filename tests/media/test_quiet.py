from __future__ import annotations

import threading
import warnings

import pytest

from mediacorpus.media._quiet import quiet


def test_warnings_inside_are_dropped_and_those_after_are_not():
    with quiet():
        warnings.warn("dropped", UserWarning, stacklevel=1)
        with quiet():
            pass
        warnings.warn("dropped after an inner block", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="kept"):
        warnings.warn("kept", UserWarning, stacklevel=1)


def test_an_error_inside_ends_the_quiet():
    with pytest.raises(KeyError), quiet():
        raise KeyError
    with pytest.warns(UserWarning, match="kept"):
        warnings.warn("kept", UserWarning, stacklevel=1)


def test_other_threads_keep_their_warnings():
    inside, done = threading.Event(), threading.Event()

    def hold():
        with quiet():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    with pytest.warns(UserWarning, match="mine"):
        warnings.warn("mine", UserWarning, stacklevel=1)
    done.set()
    thread.join()


def test_others_may_read_the_filters():
    """scikit-learn copies the filters for its own threads, by their patterns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    with quiet():
        pass
    x = [[float(n)] for n in range(20)]
    y = [int(n >= 10) for n in range(20)]
    assert cross_val_score(LogisticRegression(), x, y, cv=2).mean() > 0.5
