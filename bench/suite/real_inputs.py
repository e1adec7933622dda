"""What a suite may say of inputs made of its own files: the options of each preparation, checked before one runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench import catalog
from bench.suite.near import nearest
from bench.suite.reading import Mistake, Where
from bench.suite.schema import FILLS

# What each preparation of worker/jobs/real_inputs.py takes, and which of it has to be given: one of each group whole.
RATE: dict[str, object] = {"rate": int}
PAIR = "a list of 2 whole numbers above 0"
OPTIONS: dict[str, dict[str, object]] = {
    "picture": {"range": 2, "mean": 3, "deviation": 3, "tile": PAIR, "colours": ("RGB", "BGR")},
    "recording": RATE | {"standardise": bool},
    "power_spectra": RATE | {"window": int},
    "text": {},
    "bytes_of_files": {"block": int, "padding": int},
}
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "picture": (("range",), ("mean", "deviation")),
    "recording": (("rate",),),
    "power_spectra": (("rate", "window"),),
    "bytes_of_files": (("block", "padding"),),
}
TOKENS = ("input_ids", "attention_mask", "token_type_ids")


def real_mistakes(where: Where, model: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is wrong with the `real` of a suite's model, laid over the catalog's."""
    given = model.get("real")
    if not isinstance(given, Mapping):
        return
    row = catalog.models().get(str(model.get("catalog")))
    base = row.real if row else {}
    prepare = given.get("prepare") or base.get("prepare")
    if prepare is None:
        yield Mistake(where, f"found no `prepare`, expected one of {', '.join(OPTIONS)}", True)
    inputs = given.get("inputs") or base.get("inputs")
    if inputs is None:
        yield Mistake(where, "found no `inputs`, expected the names of those that the files fill", True)
    named = [inputs] if isinstance(inputs, str) else inputs if isinstance(inputs, list) else []
    yield from _filled_twice(where[:-1], model, named)
    if not isinstance(prepare, str) or prepare not in OPTIONS:
        return
    own, theirs = given.get("options", {}), base.get("options", {}) if prepare == base.get("prepare") else {}
    if isinstance(own, Mapping):
        yield from _options(where, prepare, own, {*own, *theirs})
    if prepare == "text":
        if not (given.get("tokenizer") or (base.get("tokenizer") and prepare == base.get("prepare"))):
            yield Mistake(where, "found no `tokenizer`, expected a tokenizer.json beside `prepare: text`", True)
        for name in named:
            if name not in TOKENS:
                yield Mistake(
                    (*where, "inputs"), f"found `{name}`, expected those that text fills: {', '.join(TOKENS)}"
                )
    elif len(named) > 1:
        yield Mistake((*where, "inputs"), f"found {len(named)} inputs, expected one: that is what `{prepare}` fills")


def _filled_twice(where: Where, model: Mapping[str, Any], named: list[Any]) -> Iterator[Mistake]:
    inputs = model.get("inputs")
    for name, given in inputs.items() if isinstance(inputs, Mapping) else ():
        if name in named and isinstance(given, Mapping) and any(given.get(fill) is not None for fill in FILLS):
            yield Mistake(
                (*where, "inputs", name), "found a fill beside `real`, which fills it, expected one of them", True
            )


def _options(where: Where, prepare: str, own: Mapping[str, Any], known: set[str]) -> Iterator[Mistake]:
    takes = OPTIONS[prepare]
    for name, value in own.items():
        place = (*where, "options", name)
        if name not in takes:
            choice = nearest(name, takes) if takes else ": it takes none"
            yield Mistake(place, f"found `{name}`, expected an option of {prepare}{choice}", True)
        elif text := _wrong(takes[name], value):
            yield Mistake(place, f"found `{str(value)[:60]}`, expected {text}")
    if own.keys() & {"mean", "deviation"}:  # they take the place of the catalog's range
        known = known - {"range"}
        if "range" in own:
            yield Mistake((*where, "options", "range"), "found `range` beside `mean`, expected one of them", True)
    groups = NEEDED.get(prepare, ())
    if groups and not any(known.issuperset(group) for group in groups):
        text = ", or ".join(" and ".join(f"`{name}`" for name in group) for group in groups)
        yield Mistake((*where, "options") if own else where, f"`{prepare}` needs {text}", True)


def _wrong(wanted: object, value: object) -> str:
    """Return what was expected in the place of a value, "" where it is right. A number stands for that many numbers."""
    if isinstance(wanted, tuple):
        return "" if value in wanted else " or ".join(wanted)
    if wanted == PAIR:
        right = isinstance(value, list) and len(value) == 2 and all(map(_whole, value))
        return "" if right else PAIR
    if isinstance(wanted, int):
        right = isinstance(value, list) and len(value) == wanted and all(map(_number, value))
        return "" if right else f"a list of {wanted} numbers"
    if wanted is bool:
        return "" if isinstance(value, bool) else "true or false"
    return "" if _whole(value) else "a whole number above 0"


def _whole(value: object) -> bool:
    return _number(value) and isinstance(value, int) and value > 0


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
