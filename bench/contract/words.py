"""Counts in words, and what a runtime says without what only its makers read."""

import re

# A place in the source and the signature of its function: "/x/webgpu_context.cc:136 ns::F(const A&)::<lambda()> "
SOURCE = re.compile(r"/\S+\.(?:cc|cpp|h):\d+ (?:[\w:<>*&~,\s]+?(?:\((?:[^()]|\([^()]*\))*\)(?: const)?[:<>\w]*)+\s*)?")
LOGGED = re.compile(r"[\d-]+ [\d:.]+ \[[EFW]:onnxruntime:[^\]]*\] ")  # time and place before a line of its log
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 block` or `1,200 blocks`; `many` is for what takes more than an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def subnormal_in_words(subnormal: int, weights: int) -> str:
    """Return what weights nearer to 0 than any normal FP32 number mean for its latency."""
    return (
        f"{subnormal:,} of its {counted(weights, 'weight')} are subnormal, nearer to 0 than 1.2e-38: kernels that do "
        "not take them for 0 may be many times slower on them, and recipes that round them away look fast beside FP32"
    )


def telling(text: str) -> str:
    """Return what ONNX Runtime says without the source files and C++ signatures it says it through, on one line."""
    text = SOURCE.sub("", LOGGED.sub("", COLOURS.sub("", text)))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Exception from")]
    return re.sub(r"\s+", " ", " ".join(lines))[:600]
