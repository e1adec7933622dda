"""Why a variant is slower: each reason from its own evidence, and none without it."""

import json
from typing import Any

import pytest
from support.rows import Row, make_meta, make_rounds, make_scenario, scenarios_meta

from bench.analysis import summarize
from bench.analysis.why import Explanation, asked_of, explain, slower_variants
from bench.report.scope import scope
from bench.store import to_frame

CPU, VINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
VNNI = ["sse2", "avx2", "avx512_vnni"]
NO_VNNI = ["sse2", "avx2"]

FP32 = {"Conv": (13, 500), "MatMul": (2, 300), "Add": (9, 100), "Softmax": (1, 100)}


def operators(found: dict[str, tuple[int, int | None]], provider: str = CPU) -> str:
    """Operators as a row has them, of nodes and µs."""
    return json.dumps(
        {
            name if "/" in name else f"{provider}/{name}": [nodes, None if us is None else us * 1000]
            for name, (nodes, us) in found.items()
        }
    )


def explained(
    now: dict[str, Any],
    was: dict[str, Any] | None = None,
    speedup: float = 0.25,
    rounds: int = 6,
    target: str = "cpu",
    flags: list[str] | None = None,
    report: Row | None = None,
    options: Row | None = None,
    precision: str = "int8-static",
    **columns: Any,
) -> Explanation:
    """One variant at a fraction of the speed of FP32, of which both ran these operators."""
    about = {"target": target}
    rows = make_rounds(rounds, operators=operators(was or FP32), **about)
    rows += make_rounds(rounds, speedup, seed=1, precision=precision, operators=operators(now), **about, **columns)
    meta = make_meta(rows, baseline=target)
    meta["machine"] = {"cpu": {"flags": flags}}
    meta["models"]["magika"]["convert"] = {precision: {"status": "ok", "conversion": report}}
    meta["precisions"][precision] = {"effective": precision.split("-")[0], "options": options or {}}
    return explain(*one_and_all(rows, meta), meta)


def one_and_all(rows: list[Row], meta: Row) -> tuple[Row, tuple[Row, ...]]:
    """The cell that is no FP32, or else the last, and all of them."""
    trials = to_frame(rows)
    found = scope(meta, trials, summarize(trials, meta), "").rows
    return next((row for row in found if row["precision"] != "fp32"), found[-1]), found


def names(found: Explanation) -> list[str]:
    return [reason.name for reason in found.reasons]


def text(found: Explanation, name: str) -> str:
    return next(reason.text for reason in found.reasons if reason.name == name)


def share(found: Explanation, name: str) -> float | None:
    return next(reason.share for reason in found.reasons if reason.name == name)


def test_conv_integer_is_told_beside_the_convolutions_it_replaced() -> None:
    found = explained({"ConvInteger": (13, 4100), "MatMul": (2, 300), "Add": (9, 100), "Softmax": (1, 100)})
    assert names(found) == ["unfused_integers"]
    assert "13 ConvInteger took 4.1 ms where FP32's 13 Conv took 500 µs" in text(found, "unfused_integers")
    assert share(found, "unfused_integers") == 1
    assert "(100% of the difference)." in text(found, "unfused_integers")


def test_what_scales_its_integers_is_a_reason_of_its_own_and_nothing_counts_twice() -> None:
    now = {"ConvInteger": (13, 2500), "Mul": (26, 900), "Cast": (13, 600), "MatMul": (2, 300), "Softmax": (1, 100)}
    found = explained(now | {"Add": (9, 100)})
    assert names(found) == ["unfused_integers", "scaling"], "a Cast is told once"
    assert "26 Mul (900 µs, none in FP32), 13 Cast (600 µs, none in FP32)" in text(found, "scaling")
    assert sum(reason.share or 0 for reason in found.reasons) == pytest.approx(1)


def test_a_conv_integer_that_takes_no_longer_is_no_reason() -> None:
    now = {"ConvInteger": (13, 400), "MatMul": (2, 2300), "Add": (9, 100), "Softmax": (1, 100)}
    assert names(explained(now)) == ["operators"]


def test_a_provider_with_kernels_of_its_own_is_not_told_the_cpu_providers() -> None:
    now = {f"{VINO}/ConvInteger": (13, 4100)}
    assert "unfused_integers" not in names(explained(now, {f"{VINO}/Conv": (13, 500)}, target="openvino"))


QDQ = {"QLinearConv": (4, 100), "Conv": (9, 700), "DequantizeLinear": (30, 900), "QuantizeLinear": (20, 800)}


def test_a_quantised_graph_that_runs_in_floats_says_how_many_of_how_many() -> None:
    found = explained(QDQ | {"MatMul": (2, 300)}, flags=VNNI)
    told = text(found, "in_floats")
    assert told.startswith("Only 4 of 13 convolutions run in INT8 (4 QLinearConv); 9 run in FP32 (9 Conv) between")
    assert "Changing types takes 61% of its time (30 DequantizeLinear 900 µs, 20 QuantizeLinear 800 µs)" in text(
        found, "type_changes"
    )
    assert names(found)[0] == "type_changes", "the one that explains most comes first"


def test_convolutions_that_the_recipe_left_alone_are_not_missed() -> None:
    report = {"quantised": {"Conv": 4}, "left": {"Conv": {"excluded by name": 9}}}
    assert "in_floats" not in names(explained(QDQ | {"MatMul": (2, 300)}, report=report))


def test_floats_without_quantisation_around_them_are_no_lost_fusion() -> None:
    """A recipe for matrix products alone leaves the convolutions in FP32, as it should."""
    now = {"Conv": (13, 500), "DynamicQuantizeMatMul": (2, 1900), "Add": (9, 100)}
    assert "in_floats" not in names(explained(now, precision="int8-static"))


@pytest.mark.parametrize(
    ("flags", "activations", "told"),
    [(VNNI, "QInt8", True), (VNNI, "QUInt8", False), (["asimd"], "QInt8", False), (None, "QInt8", False)],
)
def test_signed_activations_name_the_option_where_they_are_the_cause(
    flags: list[str] | None, activations: str, told: bool
) -> None:
    found = explained(QDQ, flags=flags, options={"activation_type": activations})
    assert ("session.qdqisint8allowed" in text(found, "in_floats")) is told
    fused = explained(
        FP32 | {"QLinearConv": (13, 2500), "Conv": (0, 0)}, flags=flags, options={"activation_type": activations}
    )
    assert ("Its activations are signed (QInt8)" in fused.reasons[0].text) is (
        told and fused.reasons[0].name == "low_kernels"
    )


@pytest.mark.parametrize(
    ("flags", "reason", "words"),
    [
        (NO_VNNI, "no_dot_products", "no instructions for products of bytes (VNNI, AMX)"),
        (["asimd"], "no_dot_products", "(dotprod, i8mm)"),
        (VNNI, "low_kernels", "although this processor has instructions"),
        (None, "low_kernels", "where FP32's 13 Conv took 500 µs (100% of the difference)."),
    ],
)
def test_slow_kernels_are_told_with_what_is_known_of_the_processor(
    flags: list[str] | None, reason: str, words: str
) -> None:
    found = explained(FP32 | {"QLinearConv": (13, 2500), "Conv": (0, 0)}, flags=flags)
    assert names(found) == [reason] and words in text(found, reason)


def test_a_processor_without_dot_products_is_no_reason_where_the_kernels_were_fast() -> None:
    now = FP32 | {"QLinearConv": (13, 300), "Conv": (0, 0), "QuantizeLinear": (2, 2000)}
    assert names(explained(now, flags=NO_VNNI)) == ["type_changes"]


def test_weights_of_few_bits_are_unpacked() -> None:
    now = {"Conv": (13, 500), "MatMulNBits": (2, 2300), "Add": (9, 100), "Softmax": (1, 100)}
    found = explained(now, precision="int4")
    assert names(found)[0] == "weight_only"
    assert "2 MatMulNBits took 2.3 ms where FP32's 2 MatMul took 300 µs" in text(found, "weight_only")


@pytest.mark.parametrize(("effective", "told"), [("fp32", True), ("fp16", False), (None, False)])
def test_emulated_fp16_tells_its_casts(effective: str | None, told: bool) -> None:
    found = explained(FP32 | {"Cast": (28, 900)}, precision="fp16", precision_effective=effective, speedup=0.5)
    assert ("emulated" in names(found)) is told
    if told:
        assert "not in FP16, which is emulated: 28 Cast, none of which FP32 has, took 900 µs" in text(found, "emulated")


def test_a_quantised_graph_of_which_nothing_runs_on_integers_computed_in_floats() -> None:
    was = {"CPU/Convolution fp32": (13, 500)}
    now = {"CPU/Convolution fp32": (13, 600), "CPU/Convert i32": (13, 900)}
    about = {"target": "openvino-native", "precision": "int8-static", "speedup": 0.3}
    found = explained(now, was, precision_effective="fp32", **about)
    assert "of 13 Convolution fp32 none runs on integers" in text(found, "emulated")
    assert text(found, "type_changes").startswith("Changing types takes 60% of its time (13 Convert i32 900 µs)")
    assert "emulated" not in names(explained(now, was, precision_effective="int8", **about))


def test_emulation_is_told_also_where_its_casts_cost_nothing() -> None:
    slow = FP32 | {"Cast": (2, 1), "Conv": (13, 1500)}
    found = explained(slow, precision="fp16", precision_effective="fp32", speedup=0.5)
    assert {"operators", "emulated"} == set(names(found)) and share(found, "emulated") is None


def test_a_fusion_that_fp32_has_and_the_variant_lost() -> None:
    was = {"Conv": (13, 500), "QuickGelu": (13, 100)}
    found = explained({"Conv": (13, 500), "Mul": (13, 400), "Sigmoid": (13, 300)}, was)
    assert names(found) == ["lost_fusion"]
    assert "13 of FP32's 13 QuickGelu" in text(found, "lost_fusion")
    assert "13 Mul (400 µs, none in FP32), 13 Sigmoid (300 µs, none in FP32)" in text(found, "lost_fusion")


def test_a_blocked_layout_that_the_variant_lost() -> None:
    was = {"Conv": (13, 500), "ReorderInput": (1, 10), "ReorderOutput": (1, 10)}
    found = explained({"Conv": (13, 1500)}, was)
    assert names(found) == ["lost_layout"] and "13 Conv run in ONNX Runtime's blocked layout" in text(
        found, "lost_layout"
    )
    assert "lost_layout" not in names(explained({"Conv": (13, 1500), "ReorderInput": (9, 10)}, was))


def test_a_recipe_that_takes_little_can_save_little() -> None:
    was = {"Conv": (13, 900), "MatMul": (2, 100)}
    now = {"Conv": (13, 1900), "DynamicQuantizeMatMul": (2, 50)}
    report = {"quantised": {"MatMul": 2}, "left": {"Conv": {"the recipe names no Conv": 13}}}
    told = text(explained(now, was, report=report), "little_to_gain")
    assert told.startswith("Matrix products, which the recipe takes, are 10% of FP32's time")
    assert "It left 13 Conv (the recipe names no Conv)" in told
    assert "little_to_gain" in names(explained(now, was)), "seen in what ran, where there is no report"
    assert "little_to_gain" not in names(explained(now, {"Conv": (13, 300), "MatMul": (2, 700)}, report=report))


def test_nodes_that_a_provider_leaves_to_another() -> None:
    was = {f"{VINO}/OpenVINO-EP-subgraph": (1, 900)}
    now = {f"{VINO}/OpenVINO-EP-subgraph": (14, 800), f"{CPU}/ConvInteger": (13, 3000)}
    found = explained(now, was, target="openvino", precision="int8-static")
    assert names(found)[
        0
    ] == "fallback" and "leaves 13 nodes (13 ConvInteger) to others, where they take 3 ms; in FP32 none" in text(
        found, "fallback"
    )
    assert "hidden" in names(found), "of 40 nodes, 14 pieces say nothing"


def test_openvinos_own_layers_are_read_with_what_they_ran_in() -> None:
    was = {"CPU/Convolution fp32": (13, 500)}
    now = {"CPU/Convolution int8": (4, 100), "CPU/Convolution fp32": (9, 900), "CPU/Reorder int8": (9, 400)}
    found = explained(now, was, target="openvino-native")
    assert {"low_kernels", "layout_changes"} == set(names(found))
    assert "4 Convolution int8 took 100 µs" in text(found, "low_kernels")


def test_a_profile_that_shows_no_difference_says_so() -> None:
    found = explained(FP32)
    assert names(found) == ["not_told"] and "took 1 ms, FP32's 1 ms: it does not show where" in text(found, "not_told")
    assert names(explained(FP32 | {"Add": (9, 140)})) == ["not_told"], "two profiles of one session differ by as much"


def test_a_difference_that_is_spread_over_everything_is_not_explained() -> None:
    many = {f"Op{n}": (1, 10) for n in range(40)}
    found = explained(dict.fromkeys(many, (1, 20)), many)
    assert names(found) == ["not_told"] and text(found, "not_told") == "The profile does not tell why."


def test_times_in_the_profile_stand_beside_what_was_measured() -> None:
    found = explained(FP32 | {"Add": (9, 3000)}, speedup=0.25)
    assert "add up to 3.9 ms (98% of what was measured" in found.basis and "FP32's to 1 ms (101%" in found.basis


@pytest.mark.parametrize(("us", "doubted"), [(3000, False), (9000, True), (500, True)])
def test_a_profile_far_from_what_was_measured_is_doubted(us: int, doubted: bool) -> None:
    found = explained(FP32 | {"Add": (9, us)}, speedup=0.25)
    assert ("They lie far apart" in found.basis) is doubted


def test_a_faster_variant_says_in_one_sentence_what_got_faster() -> None:
    found = explained({"QLinearConv": (13, 100), "MatMul": (2, 300), "Add": (9, 100)}, speedup=2.0)
    assert found.verdict == "faster" and not found.slower
    assert [reason.text for reason in found.reasons] == [
        "What got faster: 13 QLinearConv took 100 µs where FP32's 13 Conv took 500 µs."
    ]


def test_few_rounds_give_reasons_and_no_verdict() -> None:
    found = explained({"ConvInteger": (13, 4100)}, rounds=3)
    assert found.verdict == "none" and found.slower and "3 rounds" in found.why_none
    assert "unfused_integers" in names(found)


@pytest.mark.parametrize(("speedup", "slower"), [(0.5, True), (0.98, True), (0.996, False), (1.5, False)])
def test_in_few_rounds_slower_is_what_ran_slower_in_every_one_and_by_enough_to_matter(speedup: float, slower: bool):
    assert explained({"QLinearConv": (13, 400)}, speedup=speedup, rounds=3).slower == slower


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "run the suite again"),
        ({"placement": None}, "does not tell which operators it ran"),
        ({"operators": "{}"}, "does not tell which operators it ran"),
    ],
)
def test_without_operators_it_says_what_is_missing(columns: Row, words: str) -> None:
    rows = make_rounds(6, **columns) + make_rounds(6, 0.5, seed=1, precision="int8-static", **columns)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.verdict == "slower" and names(found) == ["not_told"] and words in found.reasons[0].text


def test_a_variant_is_compared_with_fp32_on_its_own_target() -> None:
    """Faster than the baseline, and slower than the same target's FP32."""
    rows = make_rounds(6) + make_rounds(6, 3.0, seed=1, target="openvino")
    rows += make_rounds(6, 2.0, seed=2, target="openvino", precision="int8-static")
    meta = make_meta(rows)
    (found,) = slower_variants(one_and_all(rows, meta)[1], meta)
    assert found.base is not None and found.base["cell_id"].startswith("magika/fp32/openvino/")
    assert found.ratio == pytest.approx(2 / 3, rel=0.01) and found.verdict == "slower"


def test_an_fp32_cell_is_compared_with_the_baseline() -> None:
    rows = make_rounds(6, operators=operators(FP32))
    rows += make_rounds(
        6, 2.0, seed=1, target="openvino-native", operators=operators({"CPU/Convolution fp32": (13, 200)})
    )
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert "where ORT CPU's 13 Conv took 500 µs" in found.reasons[0].text


@pytest.mark.parametrize("which", ["fp32", "int8-static"])
def test_without_a_result_of_both_there_is_nothing_to_explain(which: str) -> None:
    failed = {"status": "crashed", "reason": "SIGSEGV"}
    rows = [
        *make_rounds(6, **(failed if which == "fp32" else {})),
        *make_rounds(6, 0.5, seed=1, precision="int8-static", **(failed if which != "fp32" else {})),
    ]
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert (found.verdict, found.ratio, found.reasons) == ("none", None, ()) and "has no result" in found.why_none
    assert slower_variants(one_and_all(rows, meta)[1], meta) == []


def test_a_file_as_stored_is_asked_for_what_it_is_stored_in() -> None:
    rows = make_rounds(1) + make_rounds(1, precision="fp16")
    meta = make_meta(rows)
    assert [asked_of(meta, row) for row in (rows[0], rows[-1])] == ["fp32", "fp16"]
    meta["models"]["magika"]["stored"] = "int8"
    assert [asked_of(meta, row) for row in (rows[0], rows[-1])] == ["int8", "fp16"]


@pytest.mark.parametrize("wrong", ["fp32", "int8-static"])
@pytest.mark.parametrize("columns", [{"output_ok": False, "flags": ["wrong_output"]}, {"flags": ["partial_fallback"]}])
def test_a_cell_that_is_not_valid_has_its_ratio_and_reasons_and_no_verdict(wrong: str, columns: Row) -> None:
    slow = operators({"ConvInteger": (13, 4100)})
    rows = make_rounds(6)
    rows += make_rounds(6, 3.0, 0.002, 1, target="openvino", **(columns if wrong == "fp32" else {}))
    about = {"precision": "int8-static", "operators": slow, **(columns if wrong != "fp32" else {})}
    rows += make_rounds(6, 1.5, 0.002, 2, target="openvino", **about)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.verdict == "none" and found.ratio == pytest.approx(0.5, rel=0.02)
    assert found.why_none == found.doubt and "not valid" in found.doubt
    assert found.slower and found.reasons, "why it is slow is worth knowing all the same"


def test_cells_of_two_groups_have_a_ratio_and_no_verdict() -> None:
    slow = {"precision": "int8-static", "operators": operators({"ConvInteger": (13, 4100)})}
    rows = make_rounds(6) + make_rounds(6, group=1)
    rows += make_rounds(6, 3.0, seed=1, target="openvino")
    rows += make_rounds(6, 1.5, seed=2, target="openvino", group=1, **slow)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.verdict == "none" and found.ratio == pytest.approx(0.5, rel=0.02)
    assert found.doubt == "compared through the baseline of another group, not side by side"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("latency", "unfused_integers"),
        ("device_resident", "unfused_integers"),
        ("idle", "unfused_integers"),
        ("throughput", "unfused_integers"),
        ("server", "not_told"),
        ("cold_start", "not_told"),
        ("churn", "not_told"),
    ],
)
def test_operators_explain_only_what_measures_inferences(kind: str, reason: str) -> None:
    rows = make_scenario(kind, operators=operators(FP32))
    slow = {"precision": "int8-static", "operators": operators({"ConvInteger": (13, 4100)})}
    rows += make_scenario(kind, speedup=0.25, seed=1, **slow)
    meta = make_meta(rows, scenarios=scenarios_meta(kind))
    found = explain(*one_and_all(rows, meta), meta)
    assert found.verdict == "slower" and names(found)[0] == reason
    assert bool(found.basis) is (reason != "not_told")
    if reason == "not_told":
        assert names(found) == ["not_told"] and kind.replace("_", " ") in text(found, "not_told")


def test_matmul_integer_has_no_worse_kernel_only_its_scaling_stands_apart() -> None:
    now = {"MatMulInteger": (2, 900), "Mul": (4, 900), "Conv": (13, 500), "Add": (9, 100), "Softmax": (1, 100)}
    found = explained(now, precision="int8-dynamic")
    assert {"unfused_integers", "scaling"} < set(names(found))
    assert "2 MatMulInteger took 900 µs where FP32's 2 MatMul took 300 µs (" in text(found, "unfused_integers")
    assert "kernel" not in text(found, "unfused_integers")
    assert "4 Mul (900 µs, none in FP32)" in text(found, "scaling")
    conv = explained({"ConvInteger": (13, 4100)})
    assert "ConvInteger has no blocked or fused kernel" in text(conv, "unfused_integers")


def test_a_layer_whose_weights_are_int4_is_told_by_its_weights() -> None:
    was = {"CPU/FullyConnected fp32": (2, 300)}
    found = explained({"CPU/FullyConnected int4": (2, 2300)}, was, target="openvino-native", precision="int4")
    assert names(found) == ["weight_only"] and "weights of few bits are unpacked" in text(found, "weight_only")
    floats = {"CPU/FullyConnected fp32": (2, 2300)}
    about = {"target": "openvino-native", "precision": "int4", "precision_effective": "fp32"}
    assert "of 2 FullyConnected fp32 none has weights in INT4" in text(explained(floats, was, **about), "emulated")
