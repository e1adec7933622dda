"""Each reason why a variant is slower from its own evidence, and none without it."""

import pytest
from support.variants import CPU, FP32, NO_VNNI, VINO, VNNI, explained, names, share, text


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


def test_matmul_integer_has_no_worse_kernel_only_its_scaling_stands_apart() -> None:
    now = {"MatMulInteger": (2, 900), "Mul": (4, 900), "Conv": (13, 500), "Add": (9, 100), "Softmax": (1, 100)}
    found = explained(now, precision="int8-dynamic")
    assert {"unfused_integers", "scaling"} < set(names(found))
    assert "2 MatMulInteger took 900 µs where FP32's 2 MatMul took 300 µs (" in text(found, "unfused_integers")
    assert "kernel" not in text(found, "unfused_integers")
    assert "4 Mul (900 µs, none in FP32)" in text(found, "scaling")
    conv = explained({"ConvInteger": (13, 4100)})
    assert "ConvInteger has no blocked or fused kernel" in text(conv, "unfused_integers")
