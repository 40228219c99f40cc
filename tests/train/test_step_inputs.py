"""Inputs made ahead: in order, one at a time, and errors where they belong."""

from __future__ import annotations

import threading

import pytest

from train.step_inputs import StepInputs


def test_each_step_gets_its_own_and_no_step_is_made_too_many():
    made, threads = [], set()

    def make(number: int) -> int:
        made.append(number)
        threads.add(threading.current_thread())
        return number * number

    with StepInputs(make, 3, 7) as inputs:
        assert [inputs.take(number)[0] for number in range(3, 7)] == [9, 16, 25, 36]
    assert made == [3, 4, 5, 6] and len(threads) == 1 and threading.current_thread() not in threads


def test_the_next_one_is_made_while_a_step_is_at_work():
    begun = threading.Event()
    with StepInputs(lambda number: begun.set() if number == 1 else None, 0, 2) as inputs:
        inputs.take(0)
        assert begun.wait(60)


def test_an_error_is_raised_at_its_step():
    with StepInputs(lambda number: 1 // (1 - number), 0, 3) as inputs:
        inputs.take(0)
        with pytest.raises(ZeroDivisionError):
            inputs.take(1)


def test_nothing_to_do():
    with StepInputs(lambda number: 1 / 0, 4, 4):
        pass
