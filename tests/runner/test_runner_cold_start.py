"""Cold starts of scripted workers: caches brought into a state, and rows that say what became of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.scripted import events, make_lane

from bench.catalog import Scenario, Target, scenarios, targets
from bench.contract.status import Failure
from bench.runner.lane import Lane
from bench.runner.scenarios import cold_start, page_cache
from bench.runner.trial import REPEATS

MS = 1_000_000
linux = pytest.mark.skipif(not page_cache.CAN_DROP, reason="the page cache can be dropped, and looked at, on Linux")


def kind(name: str, **settings: Any) -> Scenario:
    return replace(scenarios()[name], **settings)


def cold_lane(folder: Path, name: str = "steady", model: bytes = b"", **settings: Any) -> Lane:
    """A lane of a cold start; `keeps` says what its runtime does with a cache."""
    keeps = settings.pop("keeps", "once")
    lane = make_lane(folder, name, scenario=kind("cold_start", processes=1, **settings), keeps=keeps)
    cache = folder / name / "cache"
    cache.mkdir()
    if model:
        (folder / name / "model.onnx").write_bytes(model)
        lane.workload = replace(lane.workload, model=str(folder / name / "model.onnx"))
    if settings.get("cache", "none") != "none":
        lane.workload = replace(lane.workload, cache="blob", cache_dir=str(cache))
        lane.columns["cache"] = settings["cache"]
    return lane


def test_a_cold_start_ends_with_the_first_inference_and_is_verified(bench, tmp_path):
    bench.round([cold_lane(tmp_path, page_cache="dropped" if page_cache.CAN_DROP else "warm")])
    (row,) = bench.rows
    assert all(row[name] > 0 for name in ("spawn_ns", "import_ns", "create_ns", "first_ns"))
    assert [row.get(name) for name in ("warmup_ns", "samples_ns", "window_ns")] == [None] * 3
    assert (row["cache"], row.get("page_cache"), row["output_ok"]) == ("none", None, True)
    assert ("made from code" in row["reason"]) == page_cache.CAN_DROP  # a scripted model has no file to be dropped
    assert len(events(tmp_path / "steady" / "log", "run")) == 1 + 2 + REPEATS  # two sets verified, the first again


@pytest.mark.parametrize(
    ("cache", "keeps", "told"),
    [
        ("empty", "once", "empty"), ("empty", "anew", "empty"), ("empty", "nothing", "none"),
        ("warm", "once", "warm"), ("warm", "anew", "refilled"), ("warm", "nothing", "none"), ("none", "once", "none"),
    ],
)  # fmt: skip
def test_a_row_says_what_became_of_the_cache(bench, tmp_path, cache, keeps, told):
    lane = cold_lane(tmp_path, model=b"x" * 10_000, cache=cache, keeps=keeps)
    folder = tmp_path / "steady" / "cache"
    for number in range(2):
        if cache == "warm" and keeps != "nothing":
            (folder / "compiled").write_bytes(b"y" * 4096)  # as filled before the rounds
        bench.round([lane], number)
        assert bench.rows[number]["cache"] == told
        said = "" if told == cache else {"none": "left nothing in its cache folder", "refilled": "was not used"}[told]
        assert (said in bench.rows[number]["reason"]) and bool(bench.rows[number]["reason"]) == bool(said)
    assert bool(list(folder.iterdir())) == (cache != "none" and keeps != "nothing")
    assert str(folder) not in bench.rows[0]["options"]


def test_an_empty_cache_is_empty_for_every_process(bench, tmp_path):
    lane = cold_lane(tmp_path, model=b"x" * 10_000, cache="empty")
    kept = []
    for number in range(3):
        bench.round([lane], number)
        kept.append((tmp_path / "steady" / "cache" / "compiled").read_bytes())
    assert len(set(kept)) == 3  # each process found nothing, and filled it
    assert {row["cache"] for row in bench.rows} == {"empty"}


@linux
def test_files_that_are_read_are_resident_and_dropped_ones_are_not(tmp_path):
    model, data = tmp_path / "model.onnx", tmp_path / "model.onnx.data"
    model.write_bytes(b"...model.onnx.data..." + b"m" * 3_000_000)
    data.write_bytes(b"d" * 5_000_000)
    files = page_cache.files_of(str(model))
    assert files == (model, data)
    page_cache.read_in(files)
    assert page_cache.resident(files) == 1
    left = page_cache.drop(files)
    assert left == page_cache.resident(files)
    if left:  # files in memory (tmpfs) have nowhere to go
        pytest.skip(f"{left:.0%} stayed: {tmp_path} is not on a disk")
    model.read_bytes()
    assert 0 < page_cache.resident(files) < 0.6


def test_external_data_is_found_by_any_name_and_other_files_are_not(tmp_path):
    model = tmp_path / "net.onnx"
    model.write_bytes(b"\x00location\x12net.onnx_data\x00location\x12weights.bin\x00")
    for name in ("net.onnx_data", "weights.bin", "notes.txt", "other.onnx"):
        (tmp_path / name).write_bytes(b"1234")
    assert [file.name for file in page_cache.files_of(str(model))] == ["net.onnx", "net.onnx_data", "weights.bin"]
    assert len(page_cache.files_of(str(tmp_path))) == 5  # a checkpoint is a folder
    assert page_cache.files_of("") == ()


@linux
def test_a_model_is_dropped_for_every_worker_of_a_round(bench, tmp_path):
    lanes = [cold_lane(tmp_path, each, model=b"m" * 3_000_000, page_cache="dropped") for each in ("steady", "second")]
    bench.round(lanes)
    for row in bench.rows:
        assert row["page_cache"] == ("warm" if "stayed in the page cache" in row["reason"] else "dropped")
    if page_cache.drop([Path(lanes[0].workload.model)]) == 0:
        assert {row["page_cache"] for row in bench.rows} == {"dropped"}


@linux
def test_what_somebody_has_mapped_is_read_from_a_copy(bench, tmp_path):
    import mmap

    lane = cold_lane(tmp_path, model=b"model.onnx.data" + b"m" * 3_000_000, page_cache="dropped")
    beside = tmp_path / "steady" / "model.onnx.data"
    beside.write_bytes(b"d" * 2_000_000)
    with Path(lane.workload.model).open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        assert sum(held[::4096]) > 0
        bench.round([lane])
    copies = sorted(file.name for file in (bench.scratch / "dropped").rglob("*") if file.is_file())
    assert copies == ["model.onnx", "model.onnx.data"]
    assert bench.rows[0]["status"] == "ok"
    if page_cache.drop([beside]) == 0:
        assert (bench.rows[0]["page_cache"], bench.rows[0]["reason"]) == ("dropped", "")


@linux
def test_what_will_not_go_is_warm_and_says_so(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "resident", lambda files: 0.75)
    bench.round([cold_lane(tmp_path, model=b"m" * 100_000, page_cache="dropped")])
    (row,) = bench.rows
    assert (row["status"], row["page_cache"]) == ("ok", "warm")
    assert row["reason"] == "75% of the model's files stayed in the page cache: they were not read from the disk"


def test_a_state_that_cannot_be_had_is_unsupported_with_what_to_do(monkeypatch):
    litert, cpu = targets()["litert"], targets()["cpu"]
    with pytest.raises(Failure, match=r"LiteRT keeps nothing of compiling.* use cache: none"):
        cold_start.refuse(kind("cold_start", cache="warm"), litert, cold_start.cache_of(litert))
    cold_start.refuse(kind("cold_start"), litert, "")
    cold_start.refuse(kind("cold_start", cache="empty"), cpu, cold_start.cache_of(cpu))
    monkeypatch.setattr(page_cache, "CAN_DROP", False)
    with pytest.raises(Failure, match="use page_cache: warm"):
        cold_start.refuse(kind("cold_start", page_cache="dropped"), cpu, "optimised_model")


@pytest.mark.parametrize(("value", "cache"), [(1, "ep_context"), ("1", "ep_context"), (0, "blob"), (None, "blob")])
def test_a_session_setting_chooses_the_ep_context_file(value, cache):
    session = {} if value is None else {"ep.context_enable": value}
    target: Target = replace(targets()["openvino"], session=session)
    assert cold_start.cache_of(target) == cache


def test_a_cache_of_options_has_a_place_for_its_folder():
    for target in targets().values():
        assert bool(target.cache) >= bool(target.cache_options)
        assert not target.cache_options or "{folder}" in target.cache_options.values()
