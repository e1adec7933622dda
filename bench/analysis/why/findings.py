"""What the evidence shows of why a variant takes the time it takes: one function a kind of reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.analysis.why.evidence import Evidence
from bench.analysis.why.operators import (
    ATTENTION,
    COMPUTING,
    CONVOLUTIONS,
    LAYOUTS,
    LOW,
    PRODUCTS,
    RECURRENCES,
    TYPES,
    Operator,
    named,
    nodes,
    spent,
    time,
)
from bench.contract.flags import FINENESS
from bench.contract.words import counted

CPU = "CPUExecutionProvider"
UNFUSED = {"ConvInteger": CONVOLUTIONS, "MatMulInteger": PRODUCTS}  # give int32, which other nodes have to scale
UNFUSED_KERNEL = {"ConvInteger": ": ConvInteger has no blocked or fused kernel on the CPU provider"}
SCALING = ("Mul", "Add", "Cast")
BLOCKED = ("ReorderInput", "ReorderOutput")  # stand around convolutions in ONNX Runtime's blocked layout, NCHWc
FUSED = {  # what a graph optimiser makes -> what stands there where it could not
    "QuickGelu": ("Mul", "Sigmoid"),
    "Gelu": ("Erf", "Div", "Mul", "Add"),
    "BiasGelu": ("Erf", "Div", "Mul", "Add", "Gelu"),
    "FastGelu": ("Tanh", "Mul", "Add", "Pow"),
    "FusedConv": ("Relu", "Clip", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Add"),
    "FusedGemm": ("Relu", "Sigmoid", "Tanh"),
    "FusedMatMul": ("Transpose", "Mul", "Div"),
    "LayerNormalization": ("ReduceMean", "Sub", "Pow", "Sqrt", "Div", "Mul", "Add"),
    "SkipLayerNormalization": ("LayerNormalization", "Add"),
    "EmbedLayerNormalization": ("Gather", "LayerNormalization", "Add"),
    "Attention": ("Softmax", "Transpose", "Reshape", "MatMul", "Add", "Mul"),
    "MultiHeadAttention": ("Softmax", "Transpose", "Reshape", "MatMul", "Add", "Mul"),
}
LITTLE = 0.5  # of FP32's time in what a recipe takes: below, no kernel can make much of it
WORTH_TELLING = 0.05  # of the difference, or of a cell's time


@dataclass(frozen=True)
class Finding:
    """`text` is a sentence without its end. What it explains is the change of time of the operators it `claims`.

    One that `stands` is told also where those took no longer.
    """

    name: str
    text: str
    claims: tuple[Operator, ...] = field(default=())
    stands: bool = False
    remark: str = ""  # a sentence more


def hidden(e: Evidence) -> Iterator[Finding]:
    """A provider that takes the graph in one piece tells nothing of its parts."""
    own = [one for one in e.now if one.provider == e.row["provider"]]
    taken = e.row["nodes_on_provider"] or 0
    if own and nodes(own) < taken and not any(one.family in COMPUTING for one in own):
        pieces = counted(nodes(own), "piece")
        text = f"{e.row['provider']} runs {taken:.0f} nodes fused into {pieces}, and does not tell what is inside"
        yield Finding("hidden", f"{text}; together they took {time(spent(own))}{_against(e, own)}", stands=True)


def _against(e: Evidence, own: list[Operator]) -> str:
    was = [one for one in e.was if one.provider == own[0].provider]
    return f" where FP32's took {time(spent(was))}" if was else ""


def fallback(e: Evidence) -> Iterator[Finding]:
    """Nodes that the provider takes in FP32 and leaves to another one in the variant."""
    own = e.row["provider"]
    if own in (None, CPU):
        return
    now, was = e.both(lambda one: one.provider != own)
    if nodes(now) > nodes(was):
        text = (
            f"{own} leaves {counted(nodes(now), 'node')} ({named(now)}) to others, where they take {time(spent(now))}"
        )
        text += f"; in FP32 {nodes(was)}, {time(spent(was))}" if was else "; in FP32 none"
        yield Finding("fallback", text, (*now, *was))


def unfused_integers(e: Evidence) -> Iterator[Finding]:
    """ConvInteger and MatMulInteger, which the CPU provider runs with their scaling in nodes of its own.

    MatMulInteger multiplies in the packed kernels that the fused operators use: in ONNX Runtime 1.32 it took 30 µs on
    128x384 by 384x384 where FP32 took 212, and DynamicQuantizeMatMul, which also quantises and scales, 56.
    """
    for kind, family in UNFUSED.items():
        slow = [one for one in e.now if one.kind == kind and one.provider == CPU]
        if not slow:
            continue
        now, was = e.of_family(family)
        text = f"{named(slow)} took {time(spent(slow))} where FP32's {named(was)} took {time(spent(was))}"
        text += UNFUSED_KERNEL.get(kind, "")
        yield Finding("unfused_integers", text, (*now, *was))
        scaling = e.gained(SCALING)
        if scaling:
            text = f"{kind} gives integers, which nodes of their own bring back to floats: {_changes(e, scaling)}"
            yield Finding("scaling", text, _with_old(e, scaling))


def in_floats(e: Evidence) -> Iterator[Finding]:
    """A quantised graph whose nodes were not fused with what stands around them computes in floats in between."""
    around = nodes(one for one in e.now if one.kind == "DequantizeLinear")  # one at least for each node in floats
    taken: dict[str, int] = dict(e.conversion.get("quantised") or {})
    for family in (CONVOLUTIONS, PRODUCTS, RECURRENCES, ATTENTION):
        now, was = e.of_family(family)
        low, floats = [one for one in now if one.low], [one for one in now if not one.low]
        asked = nodes(Operator("", kind, "", count, None) for kind, count in taken.items() if _family(kind) == family)
        left = min(nodes(floats), max(asked - nodes(low), 0)) if taken else nodes(floats)
        if e.asked != "int8" or not left or around < left or spent(floats) < WORTH_TELLING * spent(e.now):
            continue
        total = nodes(low) + left
        share = f"Only {nodes(low)} of {total} {family} run in INT8 ({named(low)})" if low else ""
        rest = (
            f"{left} run in FP32 ({named(floats)})"
            if low
            else f"None of {total} {family} runs in INT8: all are {named(floats)}"
        )
        text = f"{share}; {rest}" if low else rest
        text += f" between DequantizeLinear and QuantizeLinear, and took {time(spent(floats))}"
        text += f" where FP32's {named(was)} took {time(spent(was))}" if was else ""
        yield Finding("in_floats", text, (*now, *was), stands=True, remark=_signed(e, NOT_FUSED))


def _family(kind: str) -> str:
    return Operator("", kind, "", 1, None).family


def _signed(e: Evidence, remark: str) -> str:
    """Return a remark on signed activations on x86-64, where they are what the recipe makes; else nothing.

    VPDPBUSD multiplies unsigned bytes by signed ones. With ONNX Runtime 1.32 a CNN of 83 convolutions took 523 ms with
    signed activations, 980 ms with the option that fuses them, and 104 ms with unsigned ones (docs/measurement.md).
    """
    options = e.recipe.get("options") or {}
    here = e.row["provider"] == CPU and e.processor == "x86-64" and options.get("activation_type") == "QInt8"
    return remark if here else ""


NOT_FUSED = (
    "On x86-64 ONNX Runtime fuses signed activations (QInt8) only with the session option `session.qdqisint8allowed`; "
    "unsigned ones (QUInt8) it fuses, and its kernels for them are the faster ones."
)
UNSIGNED = "Its activations are signed (QInt8); on x86-64 the instructions take unsigned bytes (QUInt8)."


def emulated(e: Evidence) -> Iterator[Finding]:
    """Fewer bits asked for, and computed in more: FP16 in FP32 between casts, a quantised graph on floats."""
    computed = e.row["precision_effective"]
    if computed is None or FINENESS.get(computed, 0) <= FINENESS.get(e.asked, 0):
        return
    if e.asked in LOW:
        heavy = [one for one in e.now if one.computes]
        if heavy and not any(one.low for one in heavy):
            lacks = "none has weights in INT4" if e.asked == "int4" else "none runs on integers"
            text = (
                f"It computed in {computed.upper()}, where {e.asked.upper()} was asked for: of {named(heavy)} {lacks}"
            )
            yield Finding("emulated", text, stands=True)
        return
    casts, was = e.of_family(TYPES)
    text = f"It computed in {computed.upper()}, not in {e.asked.upper()}, which is emulated"
    if nodes(casts) > nodes(was):
        text += f": {named(casts)}, {_than(nodes(was))}, took {time(spent(casts))}"
        yield Finding("emulated", text, (*casts, *was), stands=True)
    else:
        yield Finding("emulated", text, stands=True)


def type_changes(e: Evidence) -> Iterator[Finding]:
    """Time in QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, Cast and their like."""
    now, was = e.of_family(TYPES)
    if spent(now) >= WORTH_TELLING * spent(e.now):
        parts = ", ".join(f"{named([one])} {time(one.ns or 0)}" for one in now[:4])
        text = f"Changing types takes {spent(now) / spent(e.now):.0%} of its time ({parts}), {time(spent(was))} in FP32"
        yield Finding("type_changes", text, (*now, *was))


def low_kernels(e: Evidence) -> Iterator[Finding]:
    """Kernels on few bits that take longer than FP32's did, with the instructions made for them or without."""
    for family in COMPUTING:
        now, was = e.of_family(family)
        low = [one for one in now if one.low]
        if not low or not was or spent(now) <= spent(was):
            continue
        text = f"{named(low)} took {time(spent(low))} where FP32's {named(was)} took {time(spent(was))}"
        if all(one.weight_only for one in low):
            yield Finding("weight_only", f"{text}: weights of few bits are unpacked in each inference", (*now, *was))
        elif e.dot_products is False:
            text += f": this {e.processor} processor has no instructions for products of bytes"
            text += " (VNNI, AMX)" if e.processor == "x86-64" else " (dotprod, i8mm)"
            yield Finding("no_dot_products", text, (*now, *was))
        else:
            has = ", although this processor has instructions for products of bytes" if e.dot_products else ""
            yield Finding("low_kernels", text + has, (*now, *was), remark=_signed(e, UNSIGNED))


def lost_fusions(e: Evidence) -> Iterator[Finding]:
    """What the optimiser fused in FP32's graph and not in the variant's; and the layout that convolutions ran in."""
    for kind, parts in FUSED.items():
        now, was = e.of_kind(kind)
        instead = e.gained(parts)
        lost = nodes(was) - nodes(now)
        if lost > 0 and instead:
            text = f"{lost} of FP32's {named(was)} ({time(spent(was))}) are not fused here:"
            text += f" {_changes(e, instead)} stand there instead"
            yield Finding("lost_fusion", text, (*now, *was, *_with_old(e, instead)))
    now, was = e.both(lambda one: one.kind in BLOCKED)
    if was and not now:
        convolutions = e.both(lambda one: one.family == CONVOLUTIONS and not one.low)
        if convolutions[0]:
            text = f"FP32's {named(convolutions[1])} run in ONNX Runtime's blocked layout, between ReorderInput and"
            text += f" ReorderOutput; here {named(convolutions[0])} do not"
            yield Finding("lost_layout", text, (*convolutions[0], *convolutions[1], *was))


def layout_changes(e: Evidence) -> Iterator[Finding]:
    now, was = e.of_family(LAYOUTS)
    if spent(now) >= WORTH_TELLING * spent(e.now):
        text = f"Changing layouts takes {time(spent(now))} ({named(now)}), {time(spent(was))} in FP32"
        yield Finding("layout_changes", text, (*now, *was))


def little_to_gain(e: Evidence) -> Iterator[Finding]:
    """A recipe whose operators took little of FP32's time cannot save more than that; of fused nodes nobody knows."""
    if e.row["provider"] not in (None, CPU):
        return
    asked = {_family(kind) for kind in e.conversion.get("quantised") or {}} & set(COMPUTING)
    families = asked or {one.family for one in e.now if one.low and one.family in COMPUTING}
    _, was = e.both(lambda one: one.family in families)
    if families and 0 < spent(was) < LITTLE * spent(e.was):
        told = " and ".join(sorted(families))
        text = (
            f"{told[0].upper()}{told[1:]}, which the recipe takes, are {spent(was) / spent(e.was):.0%} of FP32's time:"
        )
        yield Finding("little_to_gain", f"{text} even free they could save no more{_left(e)}", stands=True)


def _left(e: Evidence) -> str:
    """What the recipe left as it was, and why, by the conversion's report."""
    left = [
        f"{count} {kind} ({why})"
        for kind, reasons in (e.conversion.get("left") or {}).items()
        if _family(kind) in COMPUTING
        for why, count in reasons.items()
    ]
    return f". It left {', '.join(left[:3])}" if left else ""


def _changes(e: Evidence, found: tuple[Operator, ...]) -> str:
    """`166 Mul (14.8 ms, none in FP32)`"""

    def one(now: Operator) -> str:
        was = [old for old in e.was if old.key == now.key]
        before = f"{nodes(was)} with {time(spent(was))}" if was else "none"
        return f"{named([now])} ({time(now.ns or 0)}, {before} in FP32)"

    return ", ".join(one(now) for now in found)


def _with_old(e: Evidence, found: tuple[Operator, ...]) -> tuple[Operator, ...]:
    keys = {one.key for one in found}
    return (*found, *(old for old in e.was if old.key in keys))


def _than(count: int) -> str:
    return "none of which FP32 has" if not count else f"where FP32 has {count}"


FINDERS: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    hidden,
    fallback,
    unfused_integers,
    in_floats,
    emulated,
    type_changes,
    low_kernels,
    lost_fusions,
    layout_changes,
    little_to_gain,
)
# What an FP32 cell on one target may be told beside one on another: the rest is about what a recipe does to a graph.
ACROSS = (hidden,)
