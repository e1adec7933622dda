"""Operators as a row has them, read with what they computed in."""

from support.variants import explained, names, text


def test_openvinos_own_layers_are_read_with_what_they_ran_in() -> None:
    was = {"CPU/Convolution fp32": (13, 500)}
    now = {"CPU/Convolution int8": (4, 100), "CPU/Convolution fp32": (9, 900), "CPU/Reorder int8": (9, 400)}
    found = explained(now, was, target="openvino-native")
    assert {"low_kernels", "layout_changes"} == set(names(found))
    assert "4 Convolution int8 took 100 µs" in text(found, "low_kernels")


def test_a_layer_whose_weights_are_int4_is_told_by_its_weights() -> None:
    was = {"CPU/FullyConnected fp32": (2, 300)}
    found = explained({"CPU/FullyConnected int4": (2, 2300)}, was, target="openvino-native", precision="int4")
    assert names(found) == ["weight_only"] and "weights of few bits are unpacked" in text(found, "weight_only")
    floats = {"CPU/FullyConnected fp32": (2, 2300)}
    about = {"target": "openvino-native", "precision": "int4", "precision_effective": "fp32"}
    assert "of 2 FullyConnected fp32 none has weights in INT4" in text(explained(floats, was, **about), "emulated")
