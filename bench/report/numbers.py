"""How numbers are written: three significant digits, a unit, and the same unit for an interval as for its estimate."""

import math
import re

from bench.contract.words import counted as counted
from bench.store.columns import EQUAL_DB

SPACE = "\u00a0"  # a number and its unit stay on one line
UNKNOWN = "–"
_TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def decimals(value: float, digits: int = 3) -> int:
    """Decimal places that show `digits` significant digits of a value."""
    if value == 0 or not math.isfinite(value):
        return 0
    return max(0, digits - 1 - math.floor(math.log10(abs(value)) + 1e-9))


def significant(value: float, digits: int = 3) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else UNKNOWN
    return f"{value:,.{decimals(value, digits)}f}"


def _scaled(value: float, scale: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    return next((step for step in scale if abs(value) >= step[0]), scale[-1])


def duration(nanoseconds: float | None) -> str:
    if nanoseconds is None:
        return UNKNOWN
    divisor, unit = _scaled(nanoseconds, _TIMES)
    return f"{significant(nanoseconds / divisor)}{SPACE}{unit}"


def duration_range(estimate: float, low: float, high: float) -> str:
    """Bounds in the unit and with the decimals of their estimate, which stands beside them: `4.18–4.26`."""
    divisor, _ = _scaled(estimate, _TIMES)
    places = decimals(estimate / divisor)
    return f"{low / divisor:,.{places}f}–{high / divisor:,.{places}f}"


def seconds(value: float | None) -> str:
    """A span of work: `41 s`, `3 min 20 s`, `1 h 5 min`."""
    if value is None:
        return UNKNOWN
    whole = round(value)
    if whole < 120:
        return f"{significant(value, 2)}{SPACE}s"
    if whole < 7200:
        return f"{whole // 60}{SPACE}min {whole % 60}{SPACE}s"
    return f"{whole // 3600}{SPACE}h {whole % 3600 // 60}{SPACE}min"


def size(count: float | None) -> str:
    if count is None:
        return UNKNOWN
    divisor, unit = _scaled(count, _SIZES)
    return f"{significant(count / divisor)}{SPACE}{unit}"


def size_unit(count: float) -> float:
    """The bytes in the unit that `size` writes a count in."""
    return _scaled(count, _SIZES)[0]


def size_change(count: float) -> str:
    """A difference of sizes, with its sign: `+1.20 KiB`, `−340 B`."""
    sign = "+" if count > 0 else "−" if count < 0 else ""
    return f"{sign}{size(abs(count))}"


def size_range(estimate: float, low: float, high: float) -> str:
    """Bounds in the unit of the largest of the three, which is named: `−0.30 to 2.10 KiB`."""
    divisor, unit = _scaled(max(abs(value) for value in (estimate, low, high)), _SIZES)
    places = 0 if divisor == 1 else decimals(max(abs(low), abs(high)) / divisor)
    low_text, high_text = (f"{value / divisor:,.{places}f}".replace("-", "−") for value in (low, high))
    return f"{low_text} to {high_text}{SPACE}{unit}"


def rate(items: float | None) -> str:
    return UNKNOWN if items is None else significant(items)


def factor(value: float) -> str:
    return f"{significant(value)}×"


def factor_range(estimate: float, low: float, high: float) -> str:
    places = decimals(estimate)
    return f"{low:,.{places}f}–{high:,.{places}f}"


def error(value: float | None) -> str:
    """An error of an output: two digits, as a power of ten where it is small."""
    if value is None:
        return UNKNOWN
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return significant(value, 2)
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e-", "e−")


def closeness(sqnr_db: float, places: int = 0) -> str:
    """Signal to error of an output: `63 dB`, or `equal` where there is no error."""
    return "equal" if sqnr_db >= EQUAL_DB else f"{sqnr_db:.{places}f} dB"


def percent(share: float | None) -> str:
    """A share of a whole. 99.96% is not 100%, so the ends are only written where they are meant."""
    if share is None:
        return UNKNOWN
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}".replace(".0%", "%")


def tick(text: str) -> str:
    """A number on an axis: as short as it can be written, `2 ms` rather than `2.00 ms`."""
    return re.sub(r"(\.\d*?)0+(?!\d)", lambda found: found[1].rstrip("."), text)


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
