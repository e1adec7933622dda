"""What every scenario is told: how long, in which order, and whom to tell of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from bench.catalog import Scenario
from bench.runner.trial import Trial
from bench.suite.cells import Protocol


@dataclass(frozen=True)
class How:
    protocol: Protocol
    scenario: Scenario
    rng: random.Random
    step: Callable[[Trial, str], None]  # one worker enters a phase
    turns: Callable[[list[Trial], str], None]  # all of them do, in turn

    def warm(self, trials: list[Trial]) -> None:
        """Warm every worker up, one after another."""
        for trial in trials:
            self.step(trial, "warm")
            trial.warm()
