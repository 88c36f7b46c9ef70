"""Runs in turn, by a clock that the runs themselves turn on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from archc.measuring import latency
from archc.measuring.latency import Latency, measure_latency
from archc.measuring.quartiles import Quartiles


class Clock:
    """A clock of the wall and one of the processor; the second goes at half the speed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def runs(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            self.now += seconds

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    fake = SimpleNamespace(perf_counter=lambda: made.now, process_time=lambda: made.now / 2)
    monkeypatch.setattr(latency, "time", fake)
    return made


def blocks(calls: list[str]) -> list[str]:
    """The names in the order of their turns, each turn once."""
    return [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]


def test_amounts_are_those_of_one_run(clock: Clock) -> None:
    found = measure_latency({"a": clock.runs("a", 0.004)}, None, rounds=3)["a"]
    assert found.wall == pytest.approx(Quartiles(0.004, 0.004, 0.004))
    assert found.cpu == pytest.approx(Quartiles(0.002, 0.002, 0.002))
    assert (found.wall_ratio, found.cpu_ratio, found.rounds) == (None, None, 3)


def test_ratios_are_those_to_the_one_compared_with(clock: Clock) -> None:
    runs = {"slow": clock.runs("slow", 0.3), "base": clock.runs("base", 0.1)}
    found = measure_latency(runs, "base", rounds=2)
    assert found["slow"].wall_ratio == pytest.approx(Quartiles(3, 3, 3))
    assert found["slow"].cpu_ratio == pytest.approx(Quartiles(3, 3, 3))
    assert found["base"].wall_ratio is None


def test_models_take_turns_and_the_order_is_turned_round(clock: Clock) -> None:
    measure_latency({"a": clock.runs("a", 1.0), "b": clock.runs("b", 1.0)}, "a", rounds=3)
    per_model = latency.WARM_UP + 1
    turns = clock.calls[2 * per_model :]
    assert turns == ["a", "b", "b", "a", "a", "b"]


def test_short_runs_make_a_long_turn(clock: Clock) -> None:
    measure_latency({"a": clock.runs("a", 0.001), "b": clock.runs("b", 1.0)}, None, rounds=1)
    turns = clock.calls[2 * (latency.WARM_UP + 1) :]
    assert blocks(turns) == ["a", "b"]
    assert turns.count("a") >= latency.BLOCK_SECONDS / 0.001


def test_rounds_go_on_until_the_time_is_over_and_are_five_at_least(clock: Clock) -> None:
    def measured(seconds: float) -> Latency:
        return measure_latency({"a": clock.runs("a", 1.0)}, None, seconds=seconds)["a"]

    assert measured(20).rounds == 20
    assert measured(0.1).rounds == latency.FEWEST_ROUNDS
