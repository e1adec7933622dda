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
    RECHECK = "recheck"
    PLACEMENT = "placement"
    MEMORY = "memory"
    CLOSE = "close"
    PROBE = "probe"
    INSPECT = "inspect"
    PREPARE = "prepare"
    CONVERT = "convert"
    VALIDATE = "validate"
    REFERENCE = "reference"
    REAL_INPUTS = "real_inputs"
    EXPORT = "export"
    STACK = "stack"
    TRANSLATE = "translate"
    FIX_SHAPES = "fix_shapes"
    OUTLINE = "outline"
    CUT = "cut"
    OPSETS = "opsets"
    WEIGHTS = "weights"
    EXAMPLES = "examples"
    RECORD = "record"


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
    Phase.RECHECK: 120,
    Phase.PLACEMENT: 300,
    Phase.MEMORY: 30,
    Phase.CLOSE: 20,
    Phase.PROBE: 180,
    Phase.INSPECT: 120,
    Phase.PREPARE: 900,
    Phase.CONVERT: 900,
    Phase.VALIDATE: 300,
    Phase.REFERENCE: 300,
    Phase.REAL_INPUTS: 120,
    Phase.EXPORT: 900,
    Phase.STACK: 120,
    Phase.TRANSLATE: 900,
    Phase.FIX_SHAPES: 120,
    Phase.OUTLINE: 120,
    Phase.CUT: 120,
    Phase.OPSETS: 300,
    Phase.WEIGHTS: 300,
    Phase.EXAMPLES: 300,
    Phase.RECORD: 900,
}
