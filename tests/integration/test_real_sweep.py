"""Real models on real runtimes, end to end: what must be true of the rows, whatever the machine."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from support.native import write_model

import bench
from bench.analysis import summarize
from bench.environments.machine import fingerprint, platform_name, usable_cores
from bench.store import Run, read_run
from bench.store.columns import COLUMNS
from bench.suite import Facts, load_text

pytestmark = pytest.mark.runtimes

SUITE = """
suite: real
measure: {rounds: 2, bursts: 6, windows: 1, trial_s: 1}
preset: quick
targets:
  cpu-1.20: {target: cpu, requirements: ["onnxruntime==1.20.1"]}
  cpu-basic: {target: cpu, session: {graph_optimization_level: basic}}
  openvino-native-f16: {target: openvino-native, options: {INFERENCE_PRECISION_HINT: f16}}
models: {bfloat: {path: bfloat.onnx}}
include:
  - {model: bfloat, target: [cpu, openvino-native-default]}
  - {model: magika, target: [cpu, openvino, openvino-native, openvino-native-default]}
  - {model: magika, target: [cpu, openvino-native-f16, cpu-1.20, cpu-basic]}
  - {model: magika, target: [cpu, openvino, openvino-native], precision: [fp16, int8-static-products, int4]}
  - {model: magika, target: [cpu, cpu-ort-format], precision: [fp32, int8-static-products]}
  - {model: silero-vad, target: [cpu, openvino-native]}
  - {model: silero-vad, target: cpu, precision: int8-dynamic}
  - {model: nsnet2, target: cpu, precision: [fp32, fp16, int8-dynamic], batch: [1, 2]}
  - {model: basic-pitch, target: [cpu, litert, torch]}
  - {model: magika, target: litert}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("real")
    write_model("bfloat", folder)
    (folder / "real.yaml").write_text(SUITE, "utf-8")
    return read_run(bench.run(folder / "real.yaml", folder / "results"))


def rows(run: Run, model: str, precision: str, target: str, batch: int = 1) -> pd.DataFrame:
    t = run.trials
    found = t[(t.model == model) & (t.precision == precision) & (t.target == target) & (t.batch == batch)]
    assert len(found), f"{model} {precision} {target} has no row"
    return found


def first(run: Run, *cell: Any) -> pd.Series:
    return rows(run, *cell).iloc[0]


def test_every_planned_cell_has_a_row_and_every_row_every_column(run: Run):
    assert list(run.trials.columns) == list(COLUMNS)
    planned = bench.plan(load_text(SUITE), Facts(platform_name(), usable_cores()))
    assert set(run.trials.cell_id) == {cell.id for cell in planned.cells}
    assert not list(run.path.parent.glob("*.journal*")), "the journal is gone once the run is written"


def test_no_process_is_left(run: Run):
    assert not [p.pid for p in psutil.Process().children(recursive=True) if "bench.worker" in " ".join(p.cmdline())]


def test_a_good_cell_has_its_latency_and_its_validity_in_one_row(run: Run):
    ok = run.trials[(run.trials.status == "ok") & (run.trials.model != "bfloat")]  # that one has no reference
    for name in ("spawn_ns", "import_ns", "create_ns", "first_ns", "peak_rss_bytes", "rss_first_bytes", "model_bytes"):
        assert (ok[name] > 0).all(), name
    assert ok.output_ok.notna().all() and ok.max_abs_error.notna().all()
    assert (ok.rss_first_bytes >= ok.rss_import_bytes).all()
    assert (ok.samples_ns.map(len) == ok.sample_burst.map(len)).all()
    assert (ok.samples_ns.map(min) > 0).all()
    assert (ok.window_completed.map(sum) > 0).all()
    ort = ok[ok.provider.notna()]
    assert (ort.nodes_total > 0).all() and (ort.nodes_on_provider <= ort.nodes_total).all()
    assert (ok.threads_effective.dropna() == ok.threads[ok.threads_effective.notna()]).all()


def test_fp32_is_right_on_every_target_that_computes_in_it(run: Run):
    ok = run.trials[(run.trials.status == "ok") & (run.trials.precision == "fp32")]
    exact = ok[~ok.target.isin(["openvino-native-default", "openvino-native-f16"])]  # BF16, where there is any
    assert exact.output_ok.all(), exact[~exact.output_ok.astype(bool)][["cell_id", "max_rel_error"]].to_string()


def test_a_segfault_is_a_typed_row_and_the_sweep_goes_on(run: Run):
    crashed = rows(run, "nsnet2", "fp16", "cpu")
    assert set(crashed.status) == {"crashed"}
    assert "SIGSEGV" in crashed.iloc[0].reason and "load" in crashed.iloc[0].reason
    assert (rows(run, "nsnet2", "fp32", "cpu").status == "ok").all()
    assert (rows(run, "nsnet2", "int8-dynamic", "cpu", 2).status == "ok").all()


def test_a_conversion_that_changes_nothing_says_so(run: Run):
    row = first(run, "silero-vad", "int8-dynamic", "cpu")
    assert row.status == "unsupported" and row.reason.startswith("nothing_quantised")
    assert pd.isna(row["round"])


def test_a_model_a_runtime_cannot_convert_is_unsupported_with_what_stopped_it(run: Run):
    row = first(run, "silero-vad", "fp32", "openvino-native")
    assert row.status == "unsupported" and "OpenVINO cannot convert" in row.reason


@pytest.mark.parametrize("precision", ["fp32", "int8-static-products"])
def test_a_file_in_ort_format_is_made_beforehand_and_gives_the_same_outputs(run: Run, precision: str):
    own, onnx = first(run, "magika", precision, "cpu-ort-format"), first(run, "magika", precision, "cpu")
    assert own.status == "ok" and own.translate_ns > 0 and pd.isna(onnx.translate_ns)
    assert own.output_ok == onnx.output_ok and own.max_abs_error == pytest.approx(onnx.max_abs_error, rel=0.5)
    assert own.nodes_on_provider == own.nodes_total


def test_native_openvinos_default_and_its_f32_are_told_apart(run: Run):
    assert set(rows(run, "magika", "fp32", "openvino-native").precision_effective) == {"fp32"}
    default = rows(run, "magika", "fp32", "openvino-native-default")
    if "avx512_bf16" in (fingerprint()["cpu"]["flags"] or []) or "amx_bf16" in (fingerprint()["cpu"]["flags"] or []):
        assert set(default.precision_effective) == {"bf16"}
        assert all("precision_differs" in flags for flags in default["flags"])
    else:
        assert set(default.precision_effective) == {"fp32"}


def test_native_openvinos_f16_is_called_what_it_is(run: Run):
    row, flags = first(run, "magika", "fp32", "openvino-native-f16"), set(fingerprint()["cpu"]["flags"] or [])
    fp16, bf16 = (flags & set(names) for names in (("avx512_fp16", "amx_fp16"), ("avx512_bf16", "amx_bf16")))
    can = {"fp16"} if fp16 else {"bf16"} if bf16 else {"fp16", "fp32"}  # with BF16 alone it takes that, in silence
    assert row.precision_effective in can
    assert ("precision_differs" in row["flags"]) == (row.precision_effective != "fp32")


def test_a_file_in_bf16_is_no_measurement_on_the_cpu_provider_and_runs_on_openvino(run: Run):
    row = first(run, "bfloat", "fp32", "cpu")
    assert row.status == "unsupported" and "NOT_IMPLEMENTED" in row.reason and "MatMul" in row.reason
    runs = first(run, "bfloat", "fp32", "openvino-native-default")
    assert runs.status == "ok" and "no_reference" in runs["flags"]  # it is ONNX Runtime's


def test_fp16_on_the_cpu_provider_is_called_emulated(run: Run):
    row = first(run, "magika", "fp16", "cpu")
    assert row.precision_effective == "fp32" and "emulated" in row["flags"]


def test_int8_is_computed_in_int8_and_smaller_on_disk(run: Run):
    row, stored = first(run, "magika", "int8-static-products", "cpu"), first(run, "magika", "fp32", "cpu")
    assert row.precision_effective == "int8" and row.output_ok
    assert row.model_bytes < 0.5 * stored.model_bytes


def test_two_versions_of_onnx_runtime_run_in_one_sweep(run: Run):
    versions = {t: first(run, "magika", "fp32", t).runtime_version for t in ("cpu", "cpu-1.20")}
    assert versions["cpu-1.20"] == "1.20.1" and versions["cpu"] != "1.20.1"


def test_a_model_that_exists_only_as_onnx_says_so(run: Run):
    row = first(run, "basic-pitch", "fp32", "torch")
    assert row.status == "skipped" and "only as ONNX" in row.reason
    assert "twin" in first(run, "magika", "fp32", "litert").reason


def test_the_metadata_tells_how_to_repeat_it(run: Run):
    meta = run.meta
    assert meta["suite"]["suite"] == "real" and "model: magika" in meta["suite_text"]
    assert any("onnxruntime==1.20.1" in each["freeze"] for each in meta["environments"].values())
    assert meta["machine"]["cpu"] and meta["machine_after"] and meta["plan_hash"]
    assert meta["models"]["magika"]["convert"]["int8-static-products"]["status"] == "ok"


def test_the_reader_gets_a_summary_and_a_page_of_it(run: Run, tmp_path: Path):
    frame = summarize(run.trials, run.meta).set_index("cell_id")
    assert frame.loc[first(run, "magika", "fp32", "cpu").cell_id, "is_baseline"]
    assert not frame[frame.status == "crashed"].valid.any()
    page = bench.write_report([run.path], tmp_path / "report").read_text("utf-8")
    assert "SIGSEGV" in page and "nothing_quantised" in page
    assert json.loads((tmp_path / "report" / "cells.json").read_text("utf-8"))
