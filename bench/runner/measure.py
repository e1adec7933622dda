"""All rounds of all groups, with what earlier trials teach: cells that leave, extra rounds, when to stop."""

import random
from collections import defaultdict
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

from bench.contract.purpose import Purpose
from bench.contract.status import Status
from bench.runner.events import CellDone, RoundEnded, RoundStarted, Watch
from bench.runner.lane import Lane, Row
from bench.runner.lanes import Group
from bench.runner.prepare import Prepared
from bench.runner.rounds import Rounds
from bench.runner.trial import Clock
from bench.suite.protocol import protocol_in

BIMODAL = 0.10  # a trial's cost this far off its cell's is answered by one extra round


def measure(
    prepared: Prepared,
    finished: list[Row],
    keep: Callable[[Row], None],
    scratch: Path,
    limits_s: dict[str, float],
    baseline: str,
    rng: random.Random,
    clock: Clock,
    watch: Watch,
) -> None:
    """Run what `finished` (the journal's rows so far) does not hold yet; hand every new row to `keep`."""
    groups = list(prepared.groups)
    total = sum(len(group.lanes) for group in groups)
    told: set[str] = set()
    for position, group in enumerate(groups):  # a group that is too large for memory appends one
        protocol = protocol_in(prepared.plan.protocol, group.lanes[0].scenario)
        rounds = Rounds(prepared.folder, scratch, protocol, limits_s, rng, clock, watch)
        runner = GroupRun(group, [row for row in finished if _of(row, group)], rounds, keep, baseline, watch)
        put_off = runner.run(position, lambda: len(groups))
        if put_off:
            base = [lane for lane in group.lanes[:1] if lane not in put_off]
            number = 1 + max(each.number for each in groups if each.block.id == group.block.id)
            lanes = [*base, *put_off]
            groups.append(Group(group.block, number, [_moved(lane, number) for lane in lanes]))
        for lane in group.lanes:
            if lane not in put_off and lane.cell.id not in told:
                told.add(lane.cell.id)
                watch(_done(lane, runner.rows, len(told), total))


def _of(row: Row, group: Group) -> bool:
    return row.get("round") is not None and row["block_id"] == group.block.id and row["group"] == group.number


def _moved(lane: Lane, number: int) -> Lane:
    lane.columns = {**lane.columns, "group": number}
    return lane


class GroupRun:
    """The rounds of one group."""

    def __init__(
        self,
        group: Group,
        finished: list[Row],
        rounds: Rounds,
        keep: Callable[[Row], None],
        baseline: str,
        watch: Watch,
    ) -> None:
        self.group = group
        self.rows = list(finished)
        self.rounds = rounds
        self.keep = keep
        self.baseline = baseline
        self.watch = watch
        by_cell = {lane.cell.id: lane for lane in group.lanes}
        for row in finished:
            if row["cell_id"] in by_cell:  # one that cannot be started any more has its earlier rows
                by_cell[row["cell_id"]].note(row)

    def run(self, position: int, groups: Callable[[], int]) -> list[Lane]:
        """Returns the lanes that memory had no room for."""
        put_off = self._put_off_before()
        number, wanted, purpose = 0, self.rounds.protocol.rounds, Purpose.PLANNED
        while number < wanted:
            lanes = [lane for lane in self.group.lanes if not lane.dropped and lane not in put_off]
            if not lanes:
                return put_off
            if not self._whole(lanes, number):
                self.watch(RoundStarted(self.group.block.id, number + 1, wanted, len(lanes), position + 1, groups()))
                put_off += self.rounds.run(lanes, number, purpose, self._keep)
            number += 1
            self.watch(RoundEnded(self.group.block.id, number, (position + number / wanted) / groups()))
            if number == wanted:
                more, purpose = self._more(number)
                wanted += more
        return put_off

    def _more(self, number: int) -> tuple[int, Purpose]:
        """Return how many rounds follow the `number` that were wanted so far, and what for."""
        taken = self._before(number)
        purposes = {row["purpose"] for row in taken}
        if Purpose.CONFIRM in purposes:
            return 0, Purpose.CONFIRM
        if Purpose.RETRY not in purposes and bimodal(taken):
            return 1, Purpose.RETRY
        if self._too_wide(taken, number):
            return 1, Purpose.PLANNED
        if self.rounds.protocol.confirm and self._slower(taken):
            return number, Purpose.CONFIRM  # a second, independent batch as large as the first
        return 0, Purpose.PLANNED

    def _keep(self, row: Row) -> None:
        self.keep(row)
        self.rows.append(row)

    def _whole(self, lanes: list[Lane], number: int) -> bool:
        """Tell whether an earlier process has taken this round with all its cells already."""
        taken = {row["cell_id"] for row in self.rows if row["round"] == number}
        return all(lane.cell.id in taken for lane in lanes)

    def _put_off_before(self) -> list[Lane]:
        """Return the lanes that an earlier process put off: without a trial in a group that went on without them."""
        taken = {row["cell_id"] for row in self.rows}
        went_on = any(row["round"] > 0 for row in self.rows)
        return [lane for lane in self.group.lanes if went_on and lane.cell.id not in taken]

    def _before(self, number: int) -> list[Row]:
        """Return the trials of the rounds before `number`, so that a run that was cut off later decides alike."""
        return [row for row in self.rows if row["round"] < number]

    def _slower(self, rows: list[Row]) -> bool:
        """Tell whether side b of a duel reads as slower, so that it takes a second batch to call it a regression."""
        from bench.analysis import reads_slower
        from bench.store import to_frame

        protocol = {"threshold": self.rounds.protocol.threshold}
        return reads_slower(to_frame(rows), {"baseline": self.baseline, "protocol": protocol})

    def _too_wide(self, rows: list[Row], number: int) -> bool:
        """Tell whether the intervals still want rounds (the `precise` preset); never on significance."""
        protocol = self.rounds.protocol
        if protocol.half_width is None or number >= protocol.max_rounds:
            return False
        from bench.analysis import widest_half_width
        from bench.store import to_frame

        widest = widest_half_width(to_frame(rows), {"baseline": self.baseline}, self.group.block.id)
        return widest is None or widest > protocol.half_width  # None: too few rounds yet to tell


def bimodal(rows: list[Row]) -> list[Row]:
    """Return the trials whose cost is more than 10% off the median of their cell's."""
    found = []
    for trials in _costs(rows).values():
        centre = median(cost for _, cost in trials)
        found += [row for row, cost in trials if abs(cost - centre) > BIMODAL * centre]
    return found


def _costs(rows: list[Row]) -> dict[str, list[tuple[Row, float]]]:
    """Return by cell its trials that ended well, each with what it costs (ns), whatever its scenario measures."""
    from bench.analysis.samples import KEPT_FROM, kept_of

    found: dict[str, list[tuple[Row, float]]] = defaultdict(list)
    for row in rows:
        if row["status"] == Status.OK:
            cost = kept_of({name: row.get(name) for name in KEPT_FROM}).median
            if cost > 0:  # not NaN either: nothing was measured
                found[row["cell_id"]].append((row, cost))
    return found


def _growth(rows: list[Row]) -> float | None:
    """Return what a cycle of a churn cell leaves behind, bytes; None for others."""
    told = [row for row in rows if row["status"] == Status.OK and row.get("cycle_rss_bytes")]
    if not told:
        return None
    from bench.analysis.latency import growth
    from bench.store import to_frame

    found = growth(to_frame(told)).estimate
    return found if isfinite(found) else None


def _done(lane: Lane, rows: list[Row], number: int, total: int) -> CellDone:
    own = [row for row in rows if row["cell_id"] == lane.cell.id]
    costs = [cost for _, cost in _costs(own).get(lane.cell.id, [])]
    failed: Any = next((row for row in own if row["status"] != Status.OK), None)
    return CellDone(
        cell=lane.cell.id,
        status=Status.OK if costs else (failed["status"] if failed else Status.ERROR),
        reason=failed["reason"] if failed else "",
        cost_ns=median(costs) if costs else None,
        low_ns=min(costs, default=None),
        high_ns=max(costs, default=None),
        trials=len(costs),
        flags=tuple(sorted({flag for row in own for flag in row["flags"]})),
        number=number,
        total=total,
        kind=lane.scenario.kind,
        batch=lane.cell.batch,
        growth_bytes=_growth(own),
    )
