"""`ortbench explain`: one cell with all that is known of why, or every slower one in short."""

import json
from pathlib import Path

import pytest
from support.command import flat, ortbench
from support.rows import Row, make_failed, make_meta, make_rounds

from bench.store import write_run

CPU = "CPUExecutionProvider"
FP32 = {f"{CPU}/Conv": [13, 500_000], f"{CPU}/Add": [9, 300_000]}
SLOW = {f"{CPU}/ConvInteger": [13, 4_100_000], f"{CPU}/Add": [9, 300_000], f"{CPU}/Shape": [2, None]}
CONVERSION = {
    "quantised": {"Conv": 13},
    "left": {"MatMul": {"its weight is no constant": 2}},
    "casts": 40,
    "bytes_before": 4 << 20,
    "bytes_after": 1 << 20,
    "problem": "",
}


def rows(rounds: int = 6) -> list[Row]:
    found = make_rounds(rounds, operators=json.dumps(FP32))
    slow = {"precision": "int8-static", "operators": json.dumps(SLOW), "flags": ["synthetic_inputs"]}
    found += make_rounds(rounds, 0.25, seed=1, **slow)
    found += make_rounds(rounds, 1.3, seed=2, target="openvino") + make_rounds(
        rounds, 2.6, seed=3, target="openvino", **slow
    )
    found.append(make_failed("crashed", "SIGSEGV in a kernel", precision="fp16"))
    return found


def written(folder: Path, found: list[Row]) -> Path:
    meta = make_meta(found)
    meta["models"]["magika"]["convert"] = {"int8-static": {"status": "ok", "conversion": CONVERSION}}
    return write_run(folder / "run.parquet", found, meta)


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    return written(tmp_path, rows())


def test_a_cell_is_told_with_verdict_precision_conversion_operators_and_reasons(run_file: Path) -> None:
    result = ortbench("explain", run_file, "magika/int8-static/cpu")
    found = flat(result.output)
    assert result.exit_code == 0
    parts = [
        "ORT CPU INT8 static is 4.0",
        "Asked for INT8, most of the heavy work computed in INT8, as asked.",
        "Output SQNR: 120 dB",
        "Placement: all 40 nodes",
        "Quantised: 13 Conv",
        "Left as they were: 2 MatMul: its weight is no constant",
        "Put in between: 40 casts",
        "File: 4.00 MiB to 1.00 MiB",
        "Operators by time",
        "- 13 ConvInteger took 4.1 ms where FP32's 13 Conv took 500 µs",
        "Operators are timed in a session of their own",
    ]
    places = [found.index(part) for part in parts]
    assert places == sorted(places)
    assert "96.9% interval, 6 rounds" in found


def test_the_table_has_both_sides_the_longest_operator_first(run_file: Path) -> None:
    lines = ortbench("explain", run_file, "magika/int8-static/cpu").output.replace("\u00a0", " ").splitlines()
    table = [line.split() for line in lines[next(n for n, line in enumerate(lines) if line.startswith("operator ")) :]][
        :5
    ]
    assert table[1] == ["ConvInteger", "13", "4.10", "ms", "–", "–"]
    assert table[2] == ["Conv", "–", "–", "13", "500", "µs"]
    assert table[3] == ["Add", "9", "300", "µs", "9", "300", "µs"]
    assert table[4] == ["Shape", "2", "–", "–", "–"], "not timed, which is not no time"


def test_without_a_cell_every_variant_slower_than_its_own_fp32(run_file: Path) -> None:
    found = flat(ortbench("explain", run_file).output)
    assert "13 ConvInteger took 4.1 ms" in found and "Operators by time" not in found
    assert "OpenVINO INT8" not in found, "faster than its own FP32"
    assert "1 of 2 measured variants ran slower than FP32 on the same target" in found


def test_few_rounds_ran_slower_and_are_said_to_give_no_interval(tmp_path: Path) -> None:
    found = flat(ortbench("explain", written(tmp_path, rows(rounds=3))).output)
    assert "ran 0.2" in found and "of 3 rounds, no interval" in found and "ConvInteger" in found


def test_a_wrong_one_is_said_to_give_no_verdict_in_explain_and_in_show(tmp_path: Path) -> None:
    found = make_rounds(6, operators=json.dumps(FP32))
    wrong = {"output_ok": False, "cosine": 0.5, "sqnr_db": 1.0, "flags": ["wrong_output"]}
    found += make_rounds(6, 0.25, seed=1, precision="int8-static", operators=json.dumps(SLOW), **wrong)
    run = written(tmp_path, found)
    for told in (ortbench("explain", run), ortbench("show", run)):
        said = flat(told.output)
        assert "ORT CPU INT8 static ran 0.25" in said and "is 4.0" not in said
        assert "No verdict: it is not valid: the output differs from the reference" in said


def test_a_cell_whose_samples_were_not_kept_ends_in_words(tmp_path: Path) -> None:
    empty = {"precision": "int8-static", "operators": json.dumps(SLOW), "samples_ns": None, "sample_burst": None}
    found = make_rounds(6, operators=json.dumps(FP32)) + make_rounds(6, **empty)
    run = written(tmp_path, found)
    for told in (ortbench("explain", run, "int8-static"), ortbench("show", run), ortbench("show", run, "--all")):
        assert told.exit_code == 0, told.exception
        assert "no samples were kept" in flat(told.output)


def test_nothing_slower_is_said(tmp_path: Path) -> None:
    fast = make_rounds(6) + make_rounds(6, 2.0, seed=1, precision="int8-static")
    assert "None of 1 measured variant is slower" in ortbench("explain", written(tmp_path, fast)).output
    assert "no variant besides FP32" in ortbench("explain", written(tmp_path, make_rounds(6))).output


def test_a_failed_cell_says_how_it_ended(run_file: Path) -> None:
    found = flat(ortbench("explain", run_file, "magika/fp16").output)
    assert "SIGSEGV in a kernel" in found and "It has no ratio: it has no result." in found


def test_the_baseline_is_the_baseline(run_file: Path) -> None:
    assert "It is the baseline." in ortbench("explain", run_file, "magika/fp32/cpu").output


def test_an_older_run_says_what_is_missing(tmp_path: Path) -> None:
    old = make_rounds(6) + make_rounds(6, 0.5, seed=1, precision="int8-static")
    result = ortbench("explain", written(tmp_path, old), "int8-static")
    assert result.exit_code == 0 and "run the suite again to learn why" in flat(result.output)


def test_a_part_of_many_names_lists_them(run_file: Path) -> None:
    result = ortbench("explain", run_file, "magika/int8")
    message = str(result.exception.message)  # type: ignore[union-attr]
    assert message.startswith("2 cells have `magika/int8`") and "magika/int8-static/openvino/b1/t2/latency" in message


def test_a_name_of_none_gets_the_nearest(run_file: Path) -> None:
    result = ortbench("explain", run_file, "magika/int8-statik/cpu")
    assert "did you mean `magika/int8-static/cpu`?" in str(result.exception.message)  # type: ignore[union-attr]


def test_parts_of_a_name_need_not_be_neighbours(run_file: Path) -> None:
    assert "ORT OpenVINO INT8 static is 2.0" in flat(ortbench("explain", run_file, "int8-static/openvino/t2").output)


def test_as_json_it_holds_every_operator_and_reason(run_file: Path) -> None:
    found = json.loads(ortbench("explain", run_file, "magika/int8-static/cpu", "--json").output)
    assert found["cell_id"] == "magika/int8-static/cpu/b1/t2/latency" and found["verdict"] == "slower"
    assert found["compared_with"] == "magika/fp32/cpu/b1/t2/latency"
    assert found["low"] <= found["ratio"] <= found["high"] < 1
    assert found["operators"][0] == {
        "provider": CPU, "kind": "ConvInteger", "precision": "", "nodes": 13, "ns": 4_100_000
    }  # fmt: skip
    assert found["reasons"][0]["name"] == "unfused_integers" and found["reasons"][0]["share"] == 1
    (slow,) = json.loads(ortbench("explain", run_file, "--json").output)
    assert slow == found
