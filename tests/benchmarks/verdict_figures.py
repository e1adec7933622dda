"""What the rounds of verdict_study.py show: `python tests/benchmarks/verdict_figures.py ROUNDS.json FOLDER`.

Prints the tables of docs/study.md as Markdown and writes its figures into FOLDER. Batches are drawn with replacement
from the real rounds (Efron 1979): rounds are independent, so this is what other nights on this machine would bring.
"""

import json
import sys
from collections import Counter
from math import sqrt
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from bench.analysis.comparison.duel import batch_interval, is_contended
from bench.analysis.intervals import median_interval, rank_and_level
from bench.analysis.verdicts import FASTER, INCONCLUSIVE, SLOWER, WITHIN_NOISE, verdict

DRAWS = 3000
ROUNDS = (6, 8, 10, 12, 15, 20)
COLOURS = {"matmul": "#0072B2", "conv": "#D55E00", "large": "#009E73", "thin": "#CC79A7", "conv-slow": "#56B4E9"}
MARKS = {"matmul": "o", "conv": "s", "large": "^", "thin": "D", "conv-slow": "v"}

Duel = dict[str, Any]


def said(duel: Duel, rounds: int, rng: np.random.Generator, draws: int = DRAWS) -> list[str]:
    """What one batch says, in every draw; by every round's agreement where the trials were contended, as duels are."""
    contended = is_contended(pd.DataFrame({"flags": duel["flags"]}))
    r = np.array(duel["r"])
    return [verdict(batch_interval(rng.choice(r, rounds), contended))[0] for _ in range(draws)]


def false_alarms(duel: Duel, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Of a model against itself: how often a gate, and how often one batch says that something changed."""
    r = np.array(duel["r"])
    centred = r - np.median(r)
    rows = []
    for rounds in (6, 12, 15):
        found = rank_and_level(rounds)
        assert found is not None
        level = found[1]
        first, second = said(duel, rounds, rng), said(duel, rounds, rng)
        intervals = [median_interval(rng.choice(centred, rounds)) for _ in range(DRAWS)]
        rows.append(
            {
                "rounds": rounds,
                "alarms": sum(pair == (SLOWER, SLOWER) for pair in zip(first, second, strict=True)),
                "changes": sum(word in (SLOWER, FASTER) for word in first) / DRAWS,
                "level": level,
                "covered": sum(each.low <= 0 <= each.high for each in intervals) / DRAWS,
                "error": sqrt(level * (1 - level) / DRAWS),
            }
        )
    return rows


def power(duel: Duel, rng: np.random.Generator) -> dict[int, float]:
    return {n: said(duel, n, rng, 2000).count(SLOWER) / 2000 for n in ROUNDS}


def main(source: Path, folder: Path) -> None:
    study = json.loads(source.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    mpl.rcParams |= {"svg.hashsalt": "ortbench", "svg.fonttype": "none", "font.size": 9}
    rng = np.random.default_rng(0)
    duels = {(row["model"], row["change"], row["neighbour"]): row for row in study["duels"]}
    models = list(dict.fromkeys(row["model"] for row in study["duels"]))
    _tables(study, duels, models, rng)
    _power_figure(duels, models, folder, rng)
    _spread_figure(study, duels, models, folder)


def _tables(study: dict[str, Any], duels: dict[Any, Duel], models: list[str], rng: np.random.Generator) -> None:
    print(
        "\n| Model | Latency | Real rounds | Rounds drawn | Gate alarms of 3,000 | Any change | Covered | Exact level |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        duel = duels[model, 0.0, False]
        for row in false_alarms(duel, rng):
            print(
                f"| {model} | {duel['latency_ns'] / 1e6:.3g} ms | {len(duel['r'])} | {row['rounds']} | {row['alarms']} "
                f"| {row['changes']:.2%} | {row['covered']:.1%} ± {row['error']:.1%} | {row['level']:.1%} |"
            )
    print("\n| Model | Planted | Found | " + " | ".join(f"{n} rounds" for n in ROUNDS) + " |")
    print("|---|---|---|" + "---|" * len(ROUNDS))
    for model in models:
        for change in (0.02, 0.03):
            duel = duels[model, change, False]
            cells = " | ".join(f"{share:.1%}" for share in power(duel, rng).values())
            print(f"| {model} | {change:.0%} | {np.expm1(np.median(duel['r'])):.2%} | {cells} |")
    print("\n| Model | Planted | Rounds | Side A took | Spread of r | Median of r |\n|---|---|---|---|---|---|")
    for (model, change, neighbour), duel in duels.items():
        if not neighbour:
            _regimes(model, change, duel)
    print("\n| Model | Spread of r, lockstep | Adjacent fresh processes | Ratio |\n|---|---|---|---|")
    for model in models:
        lock, apart = np.std(duels[model, 0.0, False]["r"], ddof=1), np.std(study["adjacent"][model], ddof=1)
        print(f"| {model} | {lock:.2%} | {apart:.2%} | {lock / apart:.2f} |")
    print(
        "\n| Model | Planted | Contended | " + " | ".join((SLOWER, FASTER, WITHIN_NOISE, INCONCLUSIVE)) + " | Alarms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (model, change, neighbour), duel in duels.items():
        if neighbour:
            _busy_row(model, change, duel, rng)


def _regimes(model: str, change: float, duel: Duel) -> None:
    """The host moves a guest's processors between cores: rounds in which side A took over 10% longer stand apart."""
    took, r = np.array(duel["trial_medians_ns"]), np.array(duel["r"])
    if took.size != r.size:
        return
    slow = took > 1.1 * took.min()
    for part in (~slow, slow):
        if part.sum() > 2:
            spread, middle, ms = np.std(r[part], ddof=1), np.median(r[part]), np.median(took[part]) / 1e6
            print(f"| {model} | {change:.0%} | {part.sum()} | {ms:.3g} ms | {spread:.2%} | {middle:.2%} |")


def _busy_row(model: str, change: float, duel: Duel, rng: np.random.Generator) -> None:
    contended = sum("contended" in flags for flags in duel["flags"]) / len(duel["flags"])
    first, second = (said(duel, 12, rng) for _ in range(2))
    told = Counter(first)
    shares = " | ".join(f"{told[word] / DRAWS:.1%}" for word in (SLOWER, FASTER, WITHIN_NOISE, INCONCLUSIVE))
    alarms = sum(pair == (SLOWER, SLOWER) for pair in zip(first, second, strict=True))
    print(f"| {model} | {change:.0%} | {contended:.0%} of {len(duel['flags'])} trials | {shares} | {alarms} of 3,000 |")


def _power_figure(duels: dict[Any, Duel], models: list[str], folder: Path, rng: np.random.Generator) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
    for axis, change in zip(axes, (0.02, 0.03), strict=True):
        for model in models:
            found = power(duels[model, change, False], rng)
            axis.plot(list(found), [100 * share for share in found.values()], MARKS[model] + "-", ms=4,
                      color=COLOURS[model], label=model)  # fmt: skip
        axis.axhline(99 if change == 0.03 else 95, color="0.6", lw=0.8, ls="--")
        axis.set(title=f"{change:.0%} more layers", xlabel="rounds of one batch", ylim=(-3, 103))
    axes[0].set_ylabel("found slower, % of draws")
    axes[1].legend(frameon=False)
    figure.savefig(folder / "power.svg", metadata={"Date": None})


def _spread_figure(study: dict[str, Any], duels: dict[Any, Duel], models: list[str], folder: Path) -> None:
    figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for place, model in enumerate(models):
        parts = (
            ("lockstep", duels[model, 0.0, False]["r"], 0.22),
            ("adjacent processes", study["adjacent"][model], 0.0),
            ("lockstep, busy neighbour", duels[model, 0.0, True]["r"], -0.22),
        )
        for (label, r, offset), colour, mark in zip(parts, ("#0072B2", "#D55E00", "#009E73"), "os^", strict=True):
            y = np.full(len(r), place + offset)
            axis.plot(100 * np.array(r), y, mark, color=colour, ms=4, alpha=0.5, label=label if place == 0 else None)
    axis.set(
        yticks=range(len(models)), yticklabels=models, xlabel="log ratio of a model to itself, % (one dot a round)"
    )
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xticks([-50, -10, -3, -1, 0, 1, 3, 10, 50], ["-50", "-10", "-3", "-1", "0", "1", "3", "10", "50"])
    axis.axvline(0, color="0.6", lw=0.8)
    axis.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(folder / "spread.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
