"""Threads that outlive a task that hangs, and end cleanly when asked."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.engine.pool import Crew, Interrupt, _Worker, gentle_interrupt


def run(function, tasks, *, workers=2, timeout=5.0, interrupt=None):
    with Crew(workers, timeout=timeout) as crew:
        return list(crew.outcomes(function, tasks, interrupt=interrupt))


@given(st.lists(st.integers(-5, 5)), st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_every_task_has_one_outcome(tasks, workers):
    def invert(task):
        return 1 / task

    found = run(invert, iter(tasks), workers=workers)
    assert sorted(o.task for o in found) == sorted(tasks)
    for outcome in found:
        if outcome.task == 0:
            assert isinstance(outcome.error, ZeroDivisionError)
        else:
            assert outcome.value == 1 / outcome.task
            assert outcome.error is None


def test_tasks_are_read_only_a_little_ahead():
    taken, done = [], []

    def source():
        for n in range(100):
            taken.append(n)
            yield n

    with Crew(2, timeout=5) as crew:
        for outcome in crew.outcomes(lambda n: n, source()):
            done.append(outcome.value)
            assert len(taken) - len(done) <= 4
    assert sorted(done) == list(range(100))


def test_several_threads_work_at_once():
    together = threading.Barrier(3, timeout=10)
    found = run(lambda _: together.wait(), range(3), workers=3)
    assert [o.error for o in found] == [None] * 3


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), SystemExit(3), GeneratorExit()])
def test_whatever_a_task_raises_is_reported_and_the_rest_goes_on(error):
    def work(n):
        if n == 1:
            raise error
        return n

    found = {o.task: o for o in run(work, range(4), workers=1)}
    assert found[1].error is error
    assert [found[n].value for n in (0, 2, 3)] == [0, 2, 3]


def test_a_task_that_hangs_costs_only_itself():
    free = threading.Event()

    def work(n):
        if n in {1, 2}:
            free.wait(30)
        return n

    started = time.monotonic()
    found = {o.task: o for o in run(work, range(20), workers=2, timeout=0.3)}
    free.set()
    assert time.monotonic() - started < 5
    assert len(found) == 20
    for n in (1, 2):
        assert isinstance(found.pop(n).error, TimeoutError)
    assert {n: o.value for n, o in found.items()} == {n: n for n in found}


def test_an_answer_that_comes_too_late_is_not_a_second_outcome():
    def work(n):
        time.sleep(0.5 if n == 0 else 0.02)
        return n

    found = run(work, range(40), workers=2, timeout=0.2)
    assert sorted(o.task for o in found) == list(range(40))
    assert isinstance(next(o for o in found if o.task == 0).error, TimeoutError)


def test_a_thread_is_given_up_only_while_it_is_at_a_task():
    worker = _Worker(None, None)
    assert worker.give_up(0.0) is None
    assert not worker.given_up
    worker.since, worker.current = time.monotonic() - 1, (7, "task")
    assert worker.give_up(5.0) is None
    assert worker.give_up(0.5) == (7, "task")
    assert worker.given_up


def test_an_interrupt_lets_what_is_under_way_finish_and_begins_no_more():
    flag, begun = Interrupt(), []

    def work(n):
        begun.append(n)
        if n == 3:
            flag.asked = True
        time.sleep(0.02)
        return n

    found = [o.task for o in run(work, range(1000), interrupt=flag)]
    assert 3 in found
    assert sorted(found) == sorted(begun)
    assert len(found) <= 8


def test_an_interrupt_before_the_start_begins_nothing():
    flag = Interrupt()
    flag.asked = True
    assert run(print, range(10), interrupt=flag) == []


def test_a_consumer_that_leaves_takes_the_threads_along():
    before = set(threading.enumerate())
    begun = []

    def work(n):
        begun.append(n)
        time.sleep(0.05)

    with Crew(2, timeout=5) as crew:
        for _ in crew.outcomes(work, range(1000)):
            break
        own = set(threading.enumerate()) - before
    assert len(own) == 2
    for thread in own:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert len(begun) <= 4


def test_an_error_in_the_tasks_themselves_comes_out():
    def source():
        yield 1
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        run(lambda n: n, source())


def test_one_crew_serves_one_list_of_tasks_after_another():
    """Answers that come too late for the first list are not taken for those of the second."""
    slow = threading.Event()
    with Crew(2, timeout=0.2) as crew:
        first = list(crew.outcomes(lambda n: slow.wait(0.4) if n == 0 else n, range(6)))
        second = list(crew.outcomes(lambda n: time.sleep(0.05) or n * 10, range(12)))
    assert sorted(o.task for o in first) == list(range(6))
    assert sum(isinstance(o.error, TimeoutError) for o in first) == 1
    assert sorted(o.value for o in second) == [n * 10 for n in range(12)]


def test_a_list_that_was_left_half_way_does_not_disturb_the_next():
    with Crew(1, timeout=5) as crew:
        for _ in crew.outcomes(lambda n: -1, range(100)):
            break
        assert sorted(o.value for o in crew.outcomes(lambda n: n, range(5))) == list(range(5))


# -- Ctrl-C ----------------------------------------------------------------------------------


def press():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def ctrl_c():
    if sys.platform == "win32":
        pytest.skip("not on this machine: Windows has no SIGINT of this kind")
    before = signal.getsignal(signal.SIGINT)
    yield press
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_ctrl_c_asks_and_is_raised_at_the_end(ctrl_c):
    steps = []

    def block():
        with gentle_interrupt() as flag:
            assert not flag
            ctrl_c()
            steps.append(bool(flag))

    with pytest.raises(KeyboardInterrupt):
        block()
    assert steps == [True]


def test_the_second_ctrl_c_stops_at_once(ctrl_c):
    steps = []

    def block():
        with gentle_interrupt():
            ctrl_c()
            steps.append("still there")
            ctrl_c()
            steps.append("never reached")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert steps == ["still there"]


def test_without_ctrl_c_nothing_is_raised_and_an_error_is_not_hidden(ctrl_c):
    with gentle_interrupt() as flag:
        pass
    assert not flag

    def block():
        with gentle_interrupt():
            ctrl_c()
            raise ValueError("more important")

    with pytest.raises(ValueError, match="more important"):
        block()


def test_other_threads_and_ignored_signals_are_left_alone(ctrl_c):
    found = []

    def elsewhere():
        with gentle_interrupt() as flag:
            found.append(bool(flag))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [False]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with gentle_interrupt() as flag:
            ctrl_c()
            assert not flag
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_program_ends_although_a_task_hangs_for_ever():
    code = (
        "import threading\n"
        "from mediacorpus.engine.pool import Crew\n"
        "hang = threading.Event().wait\n"
        "work = lambda n: hang() if n == 1 else n\n"
        "with Crew(2, timeout=0.2) as crew:\n"
        "    print(len(list(crew.outcomes(work, range(4)))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("4\n", "")
