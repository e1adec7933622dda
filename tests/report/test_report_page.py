"""The page as a file: alone, escaped, and complete without scripts."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.rows import make_meta, make_rounds
from support.sweep import HOSTILE, sweep, written

from bench.cli import group
from bench.errors import UsageError
from bench.report import write_report
from bench.report.scope import Scope
from bench.store import write_run

VOID = {"meta", "link", "br", "input", "img", "hr"}


class Document(HTMLParser):
    """Every element with its attributes and the text under it, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[dict[str, Any]] = []
        self._open: list[dict[str, Any]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"tag": tag, "text": "", **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()["tag"] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [element for element in self.elements if element["tag"] == tag]


@pytest.fixture(scope="module")
def document(folder: Path) -> Document:
    return Document((folder / "index.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page about a run in which every name and reason is an attack."""
    place = tmp_path_factory.mktemp("hostile")
    rows = [row | {"model": HOSTILE, "reason": HOSTILE, "target_label": HOSTILE} for row in sweep(1, 6, (1,), 48)]
    target = {"label": HOSTILE, "runtime": HOSTILE, "provider": None}
    meta = {"suite_text": HOSTILE, "command": HOSTILE, "targets": {"cpu": target}, "suite": {"suite": HOSTILE}}
    page = write_report([written(place / "run.parquet", rows, **meta)], place / "out")
    return page.read_text("utf-8")


def test_the_page_loads_nothing(document: Document, folder: Path):
    assert not [one for one in document.elements if one["tag"] in ("img", "iframe", "object", "embed", "base")]
    assert all(one["href"].startswith("data:") for one in document.all("link"))
    assert all("src" not in one for one in document.all("script"))
    for element in document.elements:
        for name in ("href", "src", "action", "poster", "xlink:href"):
            value = element.get(name) or "#"
            assert value.startswith(("#", "data:")) or (folder / value).is_file(), f"{element['tag']} {name}={value}"
    styles = "".join(one["text"] for one in document.all("style"))
    assert "@import" not in styles
    assert "url(" not in styles
    assert "://" not in (folder / "index.html").read_text("utf-8")


def test_ids_are_unique_and_every_reference_has_one(document: Document):
    ids = [one["id"] for one in document.elements if one.get("id")]
    assert len(ids) == len(set(ids))
    wanted = {one["href"][1:] for one in document.elements if (one.get("href") or "").startswith("#")}
    wanted |= {one["aria-labelledby"] for one in document.elements if one.get("aria-labelledby")}
    attributes = " ".join(str(value) for one in document.elements for value in one.values())
    wanted |= set(re.findall(r"url\(#([^)]+)\)", attributes))
    assert wanted <= set(ids)


def test_headings_go_down_one_level_at_a_time(document: Document):
    levels = [int(one["tag"][1]) for one in document.elements if re.fullmatch(r"h[1-6]", one["tag"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_failed_and_skipped_cell_is_there_with_its_reason(document: Document, sweep_scope: Scope):
    rows = {one["id"]: one["text"] for one in document.all("tr") if one.get("id")}
    assert len(rows) == len(sweep_scope.rows)
    ended = [row for row in sweep_scope.rows if row["status"] != "ok"]
    assert len(ended) == 70
    for row in ended:
        anchor = "cell-" + re.sub("[^A-Za-z0-9._-]+", "-", row["cell_id"])
        assert row["reason"] in rows[anchor]


def test_caveats_stand_above_the_verdict_and_the_verdict_above_the_table(document: Document):
    order = [one.get("class") or one["tag"] for one in document.elements]
    assert order.index("caveats") < order.index("verdict") < order.index("tally") < order.index("results")


def test_figures_have_a_caption_a_title_and_their_data(document: Document):
    figures = document.all("figure")
    assert len(figures) >= 12
    assert len(document.all("figcaption")) == len(figures)
    assert all(one["role"] == "group" and one["aria-labelledby"] for one in figures)
    assert all(one.get("aria-label") for one in document.all("svg") if one.get("role") == "img")
    assert all(one.get("scope") in ("col", "row") for one in document.all("th"))


def test_hostile_names_are_text(hostile: str):
    document = Document(hostile)
    assert [one["text"].strip()[:2] for one in document.all("script")] == ["//"]
    assert "<script>alert" not in hostile
    assert hostile.count("&lt;script&gt;alert") > 20
    assert not [name for one in document.elements for name in one if name.startswith("on")]


def test_the_data_lie_beside_the_page(folder: Path, run: Any):
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.csv", "cells.json", "index.html", "run.parquet", "suite.yaml",
    ]  # fmt: skip
    assert (folder / "run.parquet").read_bytes() == run.path.read_bytes()
    assert (folder / "cells.csv").read_text("utf-8").count("\n") == 181
    assert (folder / "suite.yaml").read_text("utf-8") == run.meta["suite_text"]


def test_the_same_run_gives_the_same_bytes(run: Any, folder: Path, tmp_path: Path):
    again = write_report([run.path], tmp_path / "again")
    assert again.read_bytes() == (folder / "index.html").read_bytes()


def test_several_runs_have_a_section_each_and_are_not_compared(run: Any, tmp_path: Path):
    other = written(tmp_path / "other.parquet", sweep(1, 3, (1,), 48), machine={"name": "another machine"})
    page = write_report([run.path, other], tmp_path / "out")
    document = Document(page.read_text("utf-8"))
    assert len(document.all("article")) == 2
    assert [one["text"] for one in document.all("h1")] == ["2 runs of ortbench"]
    assert "These runs come from 2 machines." in page.read_text("utf-8")
    ids = [one["id"] for one in document.elements if one.get("id")]
    assert len(ids) == len(set(ids))
    assert {"run1-run.parquet", "run2-cells.csv"} <= {path.name for path in page.parent.iterdir()}


def test_a_report_that_cannot_be_made_leaves_the_old_one(run: Any, tmp_path: Path):
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="no run at"):
        write_report([run.path, tmp_path / "missing.parquet"], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "notes.txt"]
    assert (tmp_path / "index.html").read_text() == "old"


def test_the_command_prints_the_page_it_wrote(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(group, ["report", str(run.path)])
    assert result.exit_code == 0, result.output
    assert Path(result.output.strip()) == Path("reports/sweep/index.html")
    assert (tmp_path / result.output.strip()).is_file()


def _contrast(one: str, other: str) -> float:
    """Contrast as WCAG 2 defines it."""

    def luminance(text: str) -> float:
        text = text if len(text) == 6 else "".join(part * 2 for part in text)
        parts = [int(text[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_marks_can_be_told_from_their_ground(document: Document, dark: bool):
    blocks = re.findall(r":root \{(.*?)\}", document.all("style")[0]["text"], re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]+)", blocks[1 if dark else 0]))
    for text in ("ink", "muted", "link", "good", "warn", "bad", "odd"):
        for ground in ("paper", "surface"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"
    assert _contrast(colours["ink"], colours["notice"]) >= 4.5
    for mark in ("ink", "blue", "orange", "green", "purple", "sky", "vermilion", "yellow"):
        assert _contrast(colours[mark], colours["paper"]) >= 3, mark


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """A run of ten precisions of one model, two of them slower than FP32, on two targets."""
    place = tmp_path_factory.mktemp("many")
    rows = make_rounds(6) + make_rounds(6, 1.1, seed=1, target="openvino")
    for number in range(1, 10):
        rows += make_rounds(6, 0.5 + number / 5, seed=number + 1, precision=f"int8-{number}")
    meta = make_meta(rows)
    meta["precisions"] |= {f"int8-{number}": {"label": f"INT8 no {number}"} for number in range(1, 10)}
    write_report([write_run(place / "run.parquet", rows, meta)], place / "report")
    return Document((place / "report" / "index.html").read_text("utf-8"))


def test_of_many_precisions_the_first_charts_show_and_the_others_are_folded_under_their_names(many: Document):
    (more,) = [one for one in many.all("details") if one.get("class") == "more"]
    shown = [one["text"] for one in many.all("p") if one.get("class") == "panel-title"]
    folded = more["text"].strip().splitlines()[0].partition(": ")[2].split("; ")
    assert len(folded) > 2 and shown[-len(folded) :] == folded


def test_of_many_precisions_means_have_a_row_a_precision(many: Document):
    (matrix,) = [one for one in many.all("table") if one.get("class") == "matrix"]
    lines = [line for line in matrix["text"].splitlines() if line.strip()]
    assert lines[0].startswith("PrecisionORT CPU") and lines[1].startswith("FP32")
    assert [line.startswith(f"INT8 no {number}1 model") for number, line in enumerate(lines[2:], 1)] == [True] * 9


def test_why_is_folded_under_what_is_slower_and_open_where_it_is_one(many: Document):
    folded = [one for one in many.all("details") if one.get("class") == "why"]
    assert len(folded) == 2 and not any("open" in one for one in folded)
    assert all("slower than ORT CPU FP32" in one["text"].strip().splitlines()[0] for one in folded)
