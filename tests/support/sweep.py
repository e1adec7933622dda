"""A sweep on a bad day: several models, targets and precisions, with every kind of ending among them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from support.rows import Row, make_failed, make_row

from bench.contract.flags import Flag
from bench.store import write_run

HOSTILE = "<script>alert('x')</script>&\"$q$"

LATENCY_NS = {"magika": 2_100_000, "silero-vad": 310_000, "ppocr-v6-rec": 14_800_000}
SPEED = {
    "cpu": 1.0,
    "openvino": 1.42,
    "openvino-native": 1.5,
    "openvino-native-default": 1.95,
    "torch": 0.62,
    "litert": 1.003,
}
GAIN = {"fp32": 1.0, "fp16": 1.01, "int8-dynamic": 1.35, "int8-static": 1.9, "int4": 1.2}
SQNR_DB = {"fp32": 118.0, "fp16": 62.0, "int8-dynamic": 33.0, "int8-static": 27.0, "int4": 21.0}
TARGETS: dict[str, dict[str, Any]] = {
    "cpu": {"label": "ORT CPU", "runtime": "onnxruntime", "provider": "CPUExecutionProvider"},
    "openvino": {"label": "ORT OpenVINO", "runtime": "onnxruntime-openvino", "provider": "OpenVINOExecutionProvider"},
    "openvino-native": {"label": "OpenVINO native, f32", "runtime": "openvino", "provider": None},
    "openvino-native-default": {"label": "OpenVINO native, its own default", "runtime": "openvino", "provider": None},
    "torch": {"label": "PyTorch eager", "runtime": "torch", "provider": None},
    "litert": {"label": "LiteRT", "runtime": "litert", "provider": None},
}
PRECISIONS = {
    "fp32": "FP32",
    "fp16": "FP16",
    "int8-dynamic": "INT8 dynamic",
    "int8-static": "INT8 static",
    "int4": "INT4 weights",
}
REASONS = {
    "litert": "LiteRT has no twin of {model} at {precision}; it takes .tflite files.",
    "torch": "PyTorch runs {model} from its factory, which gives FP32 only.",
    "fp16": "Session creation ended on signal SIGSEGV (exit code -11); its log ends: Exception during initialization",
    "int8-dynamic": "nothing_quantised: the model has no operator this recipe quantises",
    "int4": "MatMulNBits left every MatMul as it was: the last dimension, 257, is no multiple of the block size 32.",
}


def sweep(
    models: int = 3, rounds: int = 6, batches: tuple[int, ...] = (1, 8), samples: int = 360, seed: int = 1
) -> list[Row]:
    """Trials of `models` models x 6 targets x 5 precisions x `batches`, those that failed or never started included."""
    random = np.random.default_rng(seed)
    names = [*LATENCY_NS, *(f"model-{number:02d}" for number in range(3, models))][:models]
    rows: list[Row] = []
    for model in names:
        for batch in batches:
            machine = random.normal(0, 0.03, rounds)
            for target in TARGETS:
                for precision in PRECISIONS:
                    rows += _cell(model, batch, target, precision, machine, samples, random)
    return rows


def _cell(
    model: str, batch: int, target: str, precision: str, machine: np.ndarray, samples: int, random: np.random.Generator
) -> list[Row]:
    what: dict[str, Any] = {"model": model, "batch": batch, "target": target, "precision": precision}
    ended = _ending(model, target, precision)
    if ended:
        return [_labelled(make_failed(*ended, **what), target)]
    factor = SPEED[target] * GAIN[precision] ** (0.4 if model == "silero-vad" else 1.0) * random.uniform(0.93, 1.07)
    factor = 1.0 if (target, precision) == ("cpu", "fp32") else factor
    middle = LATENCY_NS.get(model, 900_000) * batch**0.86 / factor
    flags = _flags(model, batch, target, precision)
    rows = []
    for number, drift in enumerate(machine):
        own = middle * np.exp(drift + random.normal(0, 0.012))
        row = make_row(round=number, latency_ns=own, flags=flags, **what)
        row |= {"samples_ns": np.round(own * np.exp(random.gamma(1.5, 0.03, samples))).astype(int).tolist()}
        row |= {"sample_burst": np.repeat(np.arange(samples // 24 + 1), 24)[:samples].tolist()}
        row |= {"window_completed": [max(1, round(0.2e9 / own * 1.08))] * 4}
        row |= _costs(target, precision, model, random) | _truth(model, target, precision, flags, random)
        rows.append(_labelled(row, target))
    if (model, target, precision) == ("magika", "openvino", "fp32"):
        lost = make_failed(
            "timeout", "The first inference took longer than its limit of 120 s.", round=len(machine) - 1, **what
        )
        rows[-1] = _labelled(lost, target)
    return rows


def _labelled(row: Row, target: str) -> Row:
    about = TARGETS[target]
    return row | {"target_label": about["label"], "runtime": about["runtime"], "provider": about["provider"]}


def _ending(model: str, target: str, precision: str) -> tuple[str, str, int | None] | None:
    """How a cell ends that gives no result: status, reason, round."""
    words = {"model": model, "precision": PRECISIONS[precision]}
    if target == "torch" and precision != "fp32":
        return "skipped", REASONS["torch"].format(**words), None
    if target == "litert" and (precision != "fp32" or model != "magika"):
        return "skipped", REASONS["litert"].format(**words), None
    if model == "silero-vad" and precision == "int8-dynamic":
        return "unsupported", REASONS["int8-dynamic"], None
    if model == "ppocr-v6-rec" and precision == "int4":
        return "conversion_failed", REASONS["int4"], None
    if model == "silero-vad" and precision == "fp16" and target == "cpu":
        return "crashed", REASONS["fp16"], 0
    return None


def _flags(model: str, batch: int, target: str, precision: str) -> list[str]:
    found = {Flag.SYNTHETIC_INPUTS}
    if (model, target, precision) == ("ppocr-v6-rec", "openvino", "int8-static"):
        found.add(Flag.PARTIAL_FALLBACK)
    if (model, target, precision, batch) == ("magika", "openvino-native", "int4", 8):
        found |= {Flag.WRONG_OUTPUT}
    if (target, precision) in (("cpu", "fp16"), ("openvino-native-default", "fp32")):
        found.add(Flag.PRECISION_DIFFERS)
    if (model, target, batch) == ("magika", "torch", 8):
        found |= {Flag.CONTENDED, Flag.NOT_STEADY}
    return sorted(found)


def _costs(target: str, precision: str, model: str, random: np.random.Generator) -> Row:
    size = {"magika": 3.2e6, "silero-vad": 2.3e6}.get(model, 21e6) * {"fp32": 1, "fp16": 0.5}.get(precision, 0.27)
    imported = {"torch": 2.3e9, "openvino-native": 0.4e9, "openvino-native-default": 0.4e9}.get(target, 0.22e9)
    base = {"torch": 210e6, "openvino-native": 80e6, "openvino-native-default": 80e6}.get(target, 52e6)
    create = random.uniform(20e6, 90e6) * (3 if "openvino" in target else 1)
    first = base + size * random.uniform(1.8, 3.5)
    return {
        "spawn_ns": int(random.uniform(35e6, 60e6)), "import_ns": int(imported * random.uniform(0.95, 1.1)),
        "create_ns": int(create), "first_ns": int(random.uniform(3e6, 30e6)), "rss_import_bytes": int(base),
        "rss_create_bytes": int(first), "rss_first_bytes": int(first * 1.06), "peak_rss_bytes": int(first * 1.2),
        "model_bytes": int(size),
    }  # fmt: skip


def _truth(model: str, target: str, precision: str, flags: list[str], random: np.random.Generator) -> Row:
    wrong = Flag.WRONG_OUTPUT in flags
    exact = (target, precision) == ("cpu", "fp32")
    sqnr = 6.0 if wrong else float(SQNR_DB[precision] + random.normal(0, 0.6))
    row: Row = {"output_ok": not wrong, "sqnr_db": sqnr, "max_abs_error": float(10 ** (-sqnr / 20)), "cosine": 0.9999}
    row["top1_agreement"] = 1.0 if model == "magika" else None
    bf16 = target == "openvino-native-default" and precision == "fp32"  # its own default
    row["precision_effective"] = (
        "bf16" if bf16 else "fp32" if Flag.PRECISION_DIFFERS in flags else precision.split("-")[0]
    )
    provider = TARGETS[target]["provider"]
    if provider is None:
        return row | dict.fromkeys(("nodes_total", "nodes_on_provider", "time_on_provider", "placement"))
    away = 14 if Flag.PARTIAL_FALLBACK in flags else 0
    placement = {provider: 412 - away} | ({"CPUExecutionProvider": away} if away else {})
    row |= {"nodes_total": 412, "nodes_on_provider": 412 - away, "placement": json.dumps(placement)}
    return row | {"time_on_provider": 0.87 if away else 1.0, "max_abs_error": 0.0 if exact else row["max_abs_error"]}


def meta(rows: list[Row], **overrides: Any) -> dict[str, Any]:
    """What a run knows beside its trials."""
    models = dict.fromkeys(row["model"] for row in rows)
    convert = {"fp16": {"status": "ok", "reason": "", "seconds": 1.4, "bytes": 1_600_000}}
    convert["int4"] = {"status": "unsupported", "reason": "nothing_quantised", "seconds": 0.9, "bytes": None}
    about = {"task": "file-type classification of bytes", "sha256": "fe2d" * 16, "bytes": 3_163_737, "stored": "fp32"}
    about |= {"licence": "Apache-2.0", "source": "magika==1.0.3", "convert": convert}
    found: dict[str, Any] = {
        "run_id": "2026-11-23-quickstart", "suite": {"suite": "vision"}, "baseline": "cpu", "interrupted": False,
        "suite_text": "suite: vision\nmatrix:\n  model: [magika, silero-vad]\n  target: all\n", "plan_hash": "0" * 64,
        "command": "ortbench run vision.yaml --preset standard", "started_at": "2026-11-23T12:00:00+00:00",
        "ended_at": "2026-11-23T12:41:07+00:00", "targets": TARGETS, "models": dict.fromkeys(models, about),
        "precisions": {name: {"label": label, "effective": name.split("-")[0]} for name, label in PRECISIONS.items()},
        "protocol": {"preset": "standard", "rounds": 6, "bursts": 16, "burst_ms": 20.0, "concurrency": 1},
        "machine": {
            "machine_id": "5eed5eed5eed5eed", "name": "AMD EPYC 9B14, 2 cores", "platform": "linux-x86_64",
            "os": "Debian 12",
            "cpu": {"model": "AMD EPYC 9B14", "physical_cores": 2, "flags": ["avx2", "avx512f", "avx512_vnni"] * 20,
                    "caches_bytes": {"L1d": 32768, "L2": 1048576, "L3": 33554432}, "turbo": None},
            "memory_bytes": 8 * 2**30, "hypervisor": "kvm", "versions": {"ortbench": "0.1.0", "numpy": "2.3.1"},
        },
        "machine_after": {"load_1min": 0.62, "busy_share": 0.04, "steal_share": 0.01},
        "environments": {name: {"key": "k", "freeze": [f"{name}==1.32.0", "numpy==2.3.1"], "python": "3.11.2",
                                "built_s": 8.2} for name in ("onnxruntime", "openvino", "torch", "litert")},
        "seconds": {"download": 9.1, "environments": 44.0, "prepare": 31.5, "measure": 2210.0, "in_workers": 1989.0},
    }  # fmt: skip
    return found | overrides


def written(path: Path, rows: list[Row] | None = None, **overrides: Any) -> Path:
    """A run file with this sweep in it."""
    rows = sweep() if rows is None else rows
    return write_run(path, rows, meta(rows, **overrides))
