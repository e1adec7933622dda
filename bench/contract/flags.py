"""Caveats that stand beside every number they touch."""

from enum import StrEnum


class Flag(StrEnum):
    CONTENDED = "contended"
    BIMODAL = "bimodal"
    DRIFT = "drift"
    NOT_STEADY = "not_steady"
    FEW_SAMPLES = "few_samples"
    THROTTLED = "throttled"
    ON_BATTERY = "on_battery"
    PARTIAL_FALLBACK = "partial_fallback"
    WRONG_OUTPUT = "wrong_output"
    LOST_VALUES = "lost_values"
    NO_REFERENCE = "no_reference"
    BATCH_DEPENDENT = "batch_dependent"
    NONDETERMINISTIC = "nondeterministic"
    PRECISION_DIFFERS = "precision_differs"
    SYNTHETIC_INPUTS = "synthetic_inputs"
    TIMER_TOO_COARSE = "timer_too_coarse"
    SIMULATOR = "simulator"
    SOFTWARE_ADAPTER = "software_adapter"
    EMULATED = "emulated"
    INDIRECT = "indirect"
    UNPAIRED = "unpaired"
    OTHER_METHOD = "other_method"


MEANING: dict[Flag, str] = {
    Flag.CONTENDED: "other work took the processor while this was timed",
    Flag.BIMODAL: "one process ran more than 10% off the others",
    Flag.DRIFT: "the ratio moved steadily while it was measured",
    Flag.NOT_STEADY: "latency had not settled when the warm-up limit was reached",
    Flag.FEW_SAMPLES: "the time budget left fewer inferences than usual",
    Flag.THROTTLED: "the processor lowered its clock",
    Flag.ON_BATTERY: "the machine ran on battery",
    Flag.PARTIAL_FALLBACK: "some nodes ran on another execution provider than the one asked for",
    Flag.WRONG_OUTPUT: "the output differs from the reference by more than the tolerance",
    Flag.LOST_VALUES: "the conversion lost or changed a bias or a gain: what ran is another model",
    Flag.NO_REFERENCE: "there is no reference output to trust, so correctness is unknown",
    Flag.BATCH_DEPENDENT: "an item's output depends on what else is in its batch, by more than rounding explains",
    Flag.NONDETERMINISTIC: "the same input gave other outputs when it was run again",
    Flag.PRECISION_DIFFERS: "it computed in a lower precision than the one asked for",
    Flag.SYNTHETIC_INPUTS: "inputs are seeded noise: accuracy and calibration say little about real data",
    Flag.TIMER_TOO_COARSE: "one inference is too short for the timer: several were timed at once",
    Flag.SIMULATOR: "the device is a simulator: its speed means nothing",
    Flag.SOFTWARE_ADAPTER: "the graphics adapter is software: its speed means nothing",
    Flag.EMULATED: "most of it was computed in a higher precision than the one asked for",
    Flag.INDIRECT: "compared through the baseline of another group, not side by side",
    Flag.UNPAIRED: "the round was interrupted, so this trial has no partner",
    Flag.OTHER_METHOD: "taken by the tool's own method, not in bursts beside the others, and its output was not seen",
}

# What a cell computes in, from coarse to fine. Below what was asked, its latency is not that of what was asked for.
FINENESS = {"int4": 0, "int8": 1, "bf16": 2, "fp16": 2, "tf32": 3, "fp32": 4, "fp64": 5}
