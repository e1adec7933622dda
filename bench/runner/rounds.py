"""The lockstep round: fresh workers of a group, measured in turn while every other one is suspended."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from bench.contract.flags import Flag
from bench.contract.purpose import Purpose
from bench.environments.machine.conditions import power_source, throttle_count
from bench.environments.machine.nvml import slowed
from bench.runner.events import Stepped, Watch
from bench.runner.lane import Lane, Row
from bench.runner.neighbours import BUSY_SHARE, Neighbours
from bench.runner.scenarios import DRIVES, READY, tool
from bench.runner.scenarios.how import How
from bench.runner.tool_trial import ToolTrial
from bench.runner.trial import Clock, Trial
from bench.suite.cells import Protocol

MEMORY_SHARE = 0.6  # of the machine's, that the workers of a group may hold together


class Rounds:
    """What all rounds of a run share."""

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        protocol: Protocol,
        limits_s: dict[str, float],
        rng: random.Random,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self.folder = folder
        self.scratch = scratch
        self.protocol = protocol
        self.limits_s = limits_s
        self.rng = rng
        self.clock = clock
        self.watch = watch

    def run(self, lanes: list[Lane], number: int, purpose: Purpose, keep: Callable[[Row], None]) -> list[Lane]:
        """Run round `number` of these lanes, all of one scenario; hands each trial's row to `keep` as it ends.

        Returns the lanes that were put off because the workers before them hold 60% of memory already.
        """
        throttled = throttle_count()
        with self._ending_all() as trials:
            put_off = self._start(lanes, number, purpose, trials)
            scenario = lanes[0].scenario
            neighbours = Neighbours(trial.worker.process.pid for trial in trials if trial.worker and not trial.ended)
            self._drive(trials, How(self.protocol, scenario, self.rng, self._step, self._say_all))
            raised = {
                Flag.THROTTLED: throttle_count() != throttled or slowed(),
                Flag.ON_BATTERY: power_source() == "battery",
                Flag.CONTENDED: (neighbours.busy_share() or 0.0) > BUSY_SHARE,
            }
            for trial in trials:
                self._step(trial, "verify")
                trial.flags.update(flag for flag, is_raised in raised.items() if is_raised)
                row = trial.finish()
                trial.lane.note(row)
                keep(row)
        return put_off

    def _drive(self, trials: list[Trial], how: How) -> None:
        """Drive the trials in turn; those of tools, which no burst can be asked of, all before or after the rest."""
        tools = [trial for trial in trials if isinstance(trial, ToolTrial)]
        rest = [trial for trial in trials if not isinstance(trial, ToolTrial)]
        parts = [partial(DRIVES[how.scenario.kind], rest, how)]
        if tools:
            parts.insert(self.rng.randrange(2), partial(tool.drive, tools, how))
        for drive in parts:
            drive()

    def _start(self, lanes: list[Lane], number: int, purpose: Purpose, trials: list[Trial]) -> list[Lane]:
        put_off = []
        for lane in self.rng.sample(lanes, len(lanes)):
            # The first lane is the baseline. What fitted into the first round stays together.
            if number == 0 and lane is not lanes[0] and len(trials) > 1 and self._crowded(trials):
                put_off.append(lane)
                continue
            trial = (ToolTrial if lane.target.tool else Trial)(lane, number, purpose, self.clock)
            trials.append(trial)
            self._step(trial, "start")
            if lane.scenario.kind in READY:
                READY[lane.scenario.kind](trial, self.scratch)
            trial.start(self.folder, self.scratch, self.limits_s)
        return put_off

    def _crowded(self, trials: list[Trial]) -> bool:
        held = [trial.row.get("rss_first_bytes") or 0 for trial in trials]
        return bool(sum(held) + max(held, default=0) > MEMORY_SHARE * psutil.virtual_memory().total)

    def _step(self, trial: Trial, phase: str) -> None:
        if not trial.ended:
            self.watch(Stepped(trial.lane.cell.id, trial.lane.target.label, phase))

    def _say_all(self, trials: list[Trial], phase: str) -> None:
        self.watch(Stepped("", f"{len(trials)} targets in turn", phase))

    @contextmanager
    def _ending_all(self) -> Iterator[list[Trial]]:
        """Whatever happens in a round, Ctrl-C included, none of its workers stays behind."""
        trials: list[Trial] = []
        try:
            yield trials
        finally:
            for trial in trials:
                trial.end()
