"""Every sentence and term of the report. A verdict has one wording, which feeds the headline and the table."""

import re
from dataclasses import dataclass

from bench.analysis.verdicts import Judged
from bench.contract.flags import Flag
from bench.report.kinds import KINDS
from bench.report.numbers import counted, factor, factor_range, percent

LEAVES_OUT = "pre- and post-processing, model download, conversion; one inference starts and ends in host memory"


def printable(text: str) -> str:
    """Text without control characters and halves of pairs, which neither XML nor UTF-8 has a place for."""
    return re.sub(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


@dataclass(frozen=True)
class State:
    """A shape and a word, so that no colour is needed to read it."""

    name: str
    shape: str
    meaning: str


OK = State("ok", "●", "measured, and its output and placement were checked")
UNSTABLE = State("unstable", "▲", "measured, but something disturbed the timing")
INVALID = State("not valid", "◆", "measured, but what ran is not what was asked for; it cannot win")
FAILED = State("failed", "×", "ended without a result")
SKIPPED = State("skipped", "○", "cannot run here, or does not apply")
STATES = (OK, UNSTABLE, INVALID, FAILED, SKIPPED)

UNSTABLE_FLAGS = {
    Flag.CONTENDED, Flag.BIMODAL, Flag.DRIFT, Flag.NOT_STEADY, Flag.THROTTLED, Flag.UNPAIRED, Flag.TIMER_TOO_COARSE,
}  # fmt: skip

STATUS_WORDS = {
    "ok": "ok",
    "skipped": "skipped",
    "unsupported": "unsupported",
    "conversion_failed": "conversion failed",
    "crashed": "crashed",
    "timeout": "timed out",
    "out_of_memory": "out of memory",
    "error": "error",
}


def state_of(status: str, valid: bool, flags: list[str]) -> State:
    """The state of a cell. Raises KeyError for a status the contract does not have."""
    if status in ("skipped", "unsupported"):
        return SKIPPED
    if status != "ok":
        STATUS_WORDS[status]
        return FAILED
    if not valid:
        return INVALID
    return UNSTABLE if UNSTABLE_FLAGS.intersection(flags) else OK


def flag_word(flag: str) -> str:
    return flag.replace("_", " ")


def outcome(found: Judged) -> str:
    """`1.42× faster`, `1.30× slower`, `within noise`, `inconclusive`, `baseline`, or the bare ratio without verdict.

    In the words of the scenario's kind: `1.42× the rate`, `starts 1.30× slower`.
    """
    if found.ratio is None or found.verdict == "baseline":
        return "baseline" if found.verdict == "baseline" else "no ratio"
    kind = KINDS[found.kind]
    if found.verdict == "faster":
        return kind.faster.format(x=factor(found.ratio))
    if found.verdict == "slower":
        return kind.slower.format(x=factor(1 / found.ratio))
    if found.verdict == "none":
        return kind.even.format(x=factor(found.ratio))
    return found.verdict


def bounds(found: Judged) -> str:
    """`1.36–1.49`, or `range 1.36–1.49` where no interval stands behind it; of the slow-down where it is `slower`."""
    if found.ratio is None or found.low is None or found.high is None or found.verdict == "baseline":
        return ""
    if found.verdict == "slower":
        told = factor_range(1 / found.ratio, 1 / found.high, 1 / found.low)
    else:
        told = factor_range(found.ratio, found.low, found.high)
    return told if found.level is not None else f"range {told}"


def basis(found: Judged) -> str:
    """What the bounds rest on. Fewer than six rounds give a range, which is not an interval."""
    rounds = counted(found.rounds, "round")
    return f"range of {rounds}, no interval" if found.level is None else f"{percent(found.level)} interval, {rounds}"


def evidence(found: Judged) -> str:
    """`1.36–1.49, 96.9% interval, 6 rounds`, or `range 1.36–1.49 of 3 rounds, no interval`."""
    rest = basis(found)
    return f"{bounds(found)}, {rest}" if found.level is not None else f"{bounds(found)} {rest.removeprefix('range ')}"


def headline(found: Judged, subject: str, baseline: str, over: str) -> str:
    """The verdict in one sentence: subject, direction, baseline, interval, rounds, and what it is over."""
    kind, x = KINDS[found.kind], factor(found.ratio or 0.0)
    by = f" {kind.by}" if kind.by else ""
    if found.verdict == "faster":
        start = kind.is_faster.format(a=subject, b=baseline, x=x)
    elif found.verdict == "slower":
        start = kind.is_slower.format(a=subject, b=baseline, x=factor(1 / (found.ratio or 1.0)))
    elif found.verdict == "within noise":
        start = f"{subject} is within noise of {baseline}{by}"
    elif found.verdict == "inconclusive":
        start = f"{subject} against {baseline} is inconclusive{by}"
    else:
        start = kind.is_even.format(a=subject, b=baseline, x=x)
    return f"{start} ({evidence(found)}){f', {over}' if over else ''}"


NO_HEADLINE = {
    "no baseline": "No speedup can be given: the baseline {baseline} has no valid result in this run.",
    "nothing compared": "Only the baseline {baseline} gave valid results, so there is nothing to compare it with.",
    "no mean": "No target is valid beside {baseline} in half of the cases, so none has a mean; each case has ratios.",
}

GLOSSARY = (
    (
        "target",
        "A runtime and its version, its execution provider or native mode, and its options.",
    ),
    (
        "precision",
        "A recipe that makes a variant of a model. What it was computed in stands beside it.",
    ),
    (
        "cell",
        "A model at a precision, on a target, at one batch size, number of threads and scenario.",
    ),
    (
        "baseline",
        "The target every speedup is against, always at FP32 and in the same block. A failed baseline gives no ratio.",
    ),
    (
        "block",
        "The cells that share model, inputs, batch size, threads and scenario. Only inside a block are cells compared.",
    ),
    (
        "round",
        "One fresh process for each cell of a group, measured side by side, taking turns in bursts while the "
        "others are suspended. Rounds, not samples, are what an interval counts.",
    ),
    (
        "sample",
        "One timed inference, or several timed at once where one is too short for the timer.",
    ),
    (
        "latency",
        "The median over rounds of the median sample of each, with its interval. Never a mean.",
    ),
    (
        "scenario",
        "How inferences are offered, and so what is measured: one after another (latency), several in flight "
        "(throughput), at random times as to a server, from a fresh process (cold start), in sessions that come and go "
        "(churn), or after a pause (idle). No mean and no axis goes over two kinds.",
    ),
    (
        "rate held",
        "Of a server: the highest rate of queries, arriving at random times, at which the declared percentile of their "
        "latencies, waiting included, kept to the declared limit.",
    ),
    (
        "growth",
        "Of sessions that come and go: the median slope of resident memory over cycles, the first third left out.",
    ),
    (
        "speedup",
        "Latency of the baseline over latency of the cell, taken burst by burst inside each round; the median"
        " over rounds. Over 1 is faster. Of another scenario, the ratio of what it measures, turned so that over 1 is "
        "better.",
    ),
    (
        "interval",
        "From order statistics, without assuming a distribution. Its exact level follows from the number of "
        "rounds: 96.9% for six. Fewer than six give a range, no interval, and no verdict.",
    ),
    (
        "verdict",
        "Faster or slower where the whole interval lies on one side and the estimate is 1% or more; within "
        "noise where the whole interval lies within 1%; inconclusive otherwise.",
    ),
    (
        "geometric mean",
        "Over the models valid for every target compared at that precision, taken round by round, so that "
        "its interval is exact too. A model counts once, however many batch sizes it has.",
    ),
    (
        "valid",
        "Measured, with an output inside its tolerance of the reference and on the provider asked for. Only a"
        " valid cell is drawn as a result or counted in a mean.",
    ),
    (
        "throughput",
        "Items completed a second of wall clock, with the declared number of requests in flight. Never one "
        "over latency.",
    ),
    (
        "output error",
        "Distance from the model as stored, run in ONNX Runtime on the CPU without optimisations. SQNR is the"
        " ratio of signal to error in decibel: higher is closer.",
    ),
    (
        "placement",
        "How many nodes of the graph, and what share of operator time, each execution provider took.",
    ),
    (
        "start-up",
        "A fresh process until its first result: process start, runtime import, session creation, first "
        "inference. Compile caches are warm unless a cell says otherwise.",
    ),
)
