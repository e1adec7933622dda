"""`ortbench compare`: in a terminal, a pipe, as Markdown and JSON; what it refuses, in sentences."""

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from support.command import flat, ortbench
from support.duels import duel, frozen, on_side, pair, stored
from support.rows import Row, make_failed, make_rounds

from bench.store import Run, write_run
from bench.store.parquet import META_KEY

REASON = "segmentation fault in libonnxruntime.so while it loaded the model: [bold]no markup[/bold] \x1b[31mred"


def rows(speed: float = 1.0, seed: int = 0) -> list[Row]:
    found = []
    for batch in (1, 8):
        found += make_rounds(6, seed=seed, batch=batch)
        found += make_rounds(6, 1.4 * speed, seed=seed + 1, target="openvino", batch=batch)
        found.append(make_failed("crashed", REASON, target="openvino-native", batch=batch))
    return found


def written(folder: Path, run: Run, trials: list[Row]) -> Path:
    return write_run(folder / run.path, trials, run.meta)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    after = [row | {"run_id": "b"} for row in rows(0.8, 5)]
    b = stored(after, "b", environments=frozen(onnxruntime_openvino="1.25.0"))
    return written(tmp_path, stored(rows()), rows()), written(tmp_path, b, after)


def test_it_says_what_it_cannot_show_then_the_verdict_then_the_cells(two: tuple[Path, Path]) -> None:
    result = ortbench("compare", *two)
    found = flat(result.output)
    assert result.exit_code == 0, "something slower is a finding, not an error"
    order = [
        "not that something changed",
        "What decides: ortbench duel suite.yaml",
        "read slower on side B",
        "B against A",
    ]
    places = [found.index(part) for part in order]
    assert places == sorted(places) and "1.25× slower" in found
    assert "--a onnxruntime-openvino==1.24.1 --b onnxruntime-openvino==1.25.0" in found


def test_failed_cells_are_there_and_their_reasons_are_whole_and_harmless(two: tuple[Path, Path]) -> None:
    output = ortbench("compare", *two).output
    assert "\x1b" not in output and set(REASON.replace("\x1b", "").split()) <= set(output.split())
    assert "OpenVINO" in output and "…" not in output


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_a_terminal_of_any_usual_width_cuts_nothing(
    two: tuple[Path, Path], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, color_system=None, width=columns, highlight=False)
    monkeypatch.setattr("bench.cli.compare.out", lambda: terminal)
    assert ortbench("compare", *two).exit_code == 0
    assert max(len(line) for line in file.getvalue().splitlines()) <= columns
    assert "…" not in file.getvalue() and "libonnxruntime.so" in file.getvalue()


def test_json_holds_the_warning_and_every_cell(two: tuple[Path, Path]) -> None:
    found = json.loads(ortbench("compare", *two, "--json").stdout)
    assert found["basis"] == "stored" and "where to look" in found["warning"]
    assert len(found["cells"]) == 6 and found["counts"]["slower"] == 2 and found["counts"]["none"] == 2
    assert found["cells"][0]["rests_on"] == "its ratio to the baseline"


def test_markdown_goes_to_a_file_or_to_standard_output(two: tuple[Path, Path], tmp_path: Path) -> None:
    printed = ortbench("compare", *two, "--markdown").stdout
    assert printed.startswith("## Stored runs: b against a\n\n**2 of 6 cells read slower")
    beside = ortbench("compare", *two, "--markdown", tmp_path / "summary.md")
    assert (tmp_path / "summary.md").read_text("utf-8") == printed and "B against A" in beside.stdout


def test_the_page_is_written_and_named_beside_whatever_is_printed(two: tuple[Path, Path], tmp_path: Path) -> None:
    result = ortbench("compare", *two, "--json", "-o", tmp_path / "page")
    assert json.loads(result.stdout) and "index.html" in result.stderr
    assert {"a.parquet", "b.parquet", "index.html"} <= {path.name for path in (tmp_path / "page").iterdir()}


def test_other_machines_are_not_compared_unless_forced(tmp_path: Path) -> None:
    trials = [row | {"machine_id": "other"} for row in rows()]
    paths = written(tmp_path, stored(rows()), rows()), written(tmp_path, stored(trials, "b"), trials)
    assert "≠ 4 not comparable" in ortbench("compare", *paths).output
    forced = flat(ortbench("compare", *paths, "--force").output)
    assert "≠ 0 not comparable" in forced and "! 4 cells forced" in forced and "forced: machine" in forced


@pytest.mark.parametrize(("threshold", "slower"), [("1%", 2), ("0.01", 2), ("50%", 0)])
def test_the_threshold_is_a_share_or_a_per_cent(two: tuple[Path, Path], threshold: str, slower: int) -> None:
    assert (
        json.loads(ortbench("compare", *two, "--json", "--threshold", threshold).stdout)["counts"]["slower"] == slower
    )


@pytest.mark.parametrize("threshold", ["0", "much", "-1%", "100%", "nan"])
def test_a_threshold_that_is_none_is_a_sentence(two: tuple[Path, Path], threshold: str) -> None:
    result = ortbench("compare", *two, "--threshold", threshold)
    assert result.exit_code == 2 and "Write 1% or 0.01" in flat(result.output.replace("│", " "))


def test_a_run_of_an_older_schema_version_is_compared_and_a_newer_one_refused(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    table = pq.read_table(two[0])
    meta = json.loads(table.schema.metadata[META_KEY])

    def version(number: int, without: list[str]) -> Path:
        text = json.dumps(meta | {"schema_version": number}).encode()
        path = tmp_path / f"v{number}.parquet"
        pq.write_table(table.drop_columns(without).replace_schema_metadata({META_KEY: text}), path)
        return path

    old = version(1, ["side", "purpose", "scenario_kind", "sessions", "page_cache", "rate_per_s", "cycle_ns"])
    found = json.loads(ortbench("compare", old, two[0], "--json").stdout)
    assert found["counts"]["within noise"] + found["counts"]["inconclusive"] == 4
    result = ortbench("compare", two[0], version(99, []))
    assert result.exception is not None and "schema version 99" in str(result.exception)


def test_runs_that_cannot_be_read_and_folders_are_sentences(two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    empty = written(tmp_path, stored([], "empty"), [])
    for path, why in (
        (tmp_path / "missing.parquet", "There is no run at"),
        (tmp_path / "broken.parquet", "is damaged or cut off"),
        (tmp_path, "is a folder"),
        (empty, "holds no trial"),
    ):
        result = ortbench("compare", two[0], path)
        assert result.exception is not None and why in str(result.exception)
        assert getattr(result.exception, "exit_code", None) == 2


def test_runs_without_a_cell_in_common_say_so_and_list_every_cell(two: tuple[Path, Path], tmp_path: Path) -> None:
    trials = make_rounds(6, model="other")
    found = json.loads(ortbench("compare", two[0], written(tmp_path, stored(trials, "o"), trials), "--json").stdout)
    assert any("no cell in common" in note for note in found["notes"]) and len(found["cells"]) == 7


def test_show_of_a_duel_shows_its_comparison(tmp_path: Path) -> None:
    trials = pair(1.1, 1.1) + on_side([make_failed("crashed", REASON, model="x")], "a")
    path = written(tmp_path, duel(trials), trials)
    assert "1 regression confirmed by a second batch" in flat(ortbench("show", path).output)
    found = json.loads(ortbench("show", path, "--json").stdout)
    assert found["regressions"] == ["magika/fp32/cpu/b1/t2/latency"]
    assert any(cell["reason"] == "only on side A; side B has no such cell" for cell in found["cells"])
    assert "side A" in ortbench("show", path, "--all").output
