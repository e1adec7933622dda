"""Rounds of scripted lanes in this interpreter, with a warm-up that ends at once."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from support.scripted import BRIEF, TINY

from bench.contract.purpose import Purpose
from bench.runner.events import Event
from bench.runner.lane import Lane
from bench.runner.lanes import Group
from bench.runner.measure import BIMODAL, measure
from bench.runner.prepare import Prepared
from bench.runner.rounds import Rounds
from bench.runner.trial import Clock
from bench.suite.cells import Block, Plan

Row = dict[str, Any]


@dataclass
class Bench:
    """What a test drives, and what it got: every row as it was handed over, every event."""

    code: Path
    scratch: Path
    rows: list[Row] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    on_event: Callable[[Event], None] = lambda event: None

    def _watch(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def round(self, lanes: list[Lane], number: int = 0, seed: int = 0, **limits_s: float) -> list[Lane]:
        """Run one round; returns the lanes that were put off."""
        rounds = Rounds(self.code, self.scratch, TINY, limits_s, random.Random(seed), self.clock, self._watch)
        return rounds.run(lanes, number, Purpose.PLANNED, self.rows.append)

    def measure(self, lanes: list[Lane], finished: Sequence[Row] = (), burst_s: float = 60, **protocol: Any) -> None:
        """Run all rounds of one group of these lanes, those apart that `finished` holds."""
        cells = tuple(lane.cell for lane in lanes)
        block = Block("tiny/b2/t1/latency", "tiny", 2, (), 1, "latency", cells[0].id, (cells,))
        targets = {lane.cell.target: lane.target for lane in lanes}
        plan = Plan("test", "steady", 0, replace(TINY, **protocol), cells, (block,), targets, {})
        prepared = Prepared(plan, [Group(block, 0, lanes)], [], self.code, {}, {}, {})
        measure(
            prepared, list(finished), self.rows.append, self.scratch, {"burst": burst_s}, "steady", random.Random(0),
            self.clock, self._watch,
        )  # fmt: skip

    def of(self, name: str) -> list[Row]:
        return [row for row in self.rows if row["target"] == name]


@pytest.fixture
def bench(worker_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("bench.runner.trial.WARM", BRIEF)
    monkeypatch.setattr("bench.runner.measure.BIMODAL", 1e9)  # a busy machine adds no rounds; see `moods`
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Bench(worker_code, scratch)


@pytest.fixture
def moods(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """Let bimodal trials be noticed, as they are in earnest."""
    monkeypatch.setattr("bench.runner.measure.BIMODAL", BIMODAL)
