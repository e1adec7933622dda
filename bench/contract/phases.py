"""The steps of a worker's life, and the seconds each may take before the worker is ended.

What a request is asked to take - a window's length, a pause, the queries of a probe, a tool's seconds - comes on top.
"""

from enum import StrEnum


class Phase(StrEnum):
    START = "start"
    IMPORT = "import"
    LOAD = "load"
    FIRST = "first"
    WARM = "warm"
    BURST = "burst"
    WINDOW = "window"
    OFFER = "offer"
    PAUSE = "pause"
    CYCLE = "cycle"
    TOOL = "tool"
    VERIFY = "verify"
    PLACEMENT = "placement"
    MEMORY = "memory"
    CLOSE = "close"
    PROBE = "probe"
    INSPECT = "inspect"
    CONVERT = "convert"
    QUANTISE = "quantise"
    REFERENCE = "reference"
    EXPORT = "export"
    STACK = "stack"
    TRANSLATE = "translate"
    FIX_SHAPES = "fix_shapes"


LIMITS_S: dict[str, float] = {
    Phase.START: 60,
    Phase.IMPORT: 180,
    Phase.LOAD: 300,
    Phase.FIRST: 120,
    Phase.WARM: 60,
    Phase.BURST: 60,
    Phase.WINDOW: 60,
    Phase.OFFER: 120,  # over the time its queries come in
    Phase.PAUSE: 60,  # over the pause
    Phase.CYCLE: 420,
    Phase.TOOL: 300,  # over the time it measures for
    Phase.VERIFY: 120,
    Phase.PLACEMENT: 300,
    Phase.MEMORY: 30,
    Phase.CLOSE: 20,
    Phase.PROBE: 180,
    Phase.INSPECT: 120,
    Phase.CONVERT: 900,
    Phase.QUANTISE: 900,
    Phase.REFERENCE: 300,
    Phase.EXPORT: 900,
    Phase.STACK: 120,
    Phase.TRANSLATE: 900,
    Phase.FIX_SHAPES: 120,
}
