"""The shapes of the legends, once a page: drawn from matplotlib's own markers, so that they match the charts."""

from typing import Any

from markupsafe import Markup
from matplotlib.markers import MarkerStyle

from bench.report.palette import fill
from bench.report.scope import Scope

PARTS = 4  # shades of the stacked bars
HATCHES = ("", "////", "", "||||")  # so that neighbours differ in black and white too; dotted ones weigh 160 KB
_STRIPES = {
    "": "",
    "////": "M1 9L9 1M-2 6L4 0M6 12L12 6",
    "||||": "M2 0V10M5 0V10M8 0V10",
}


def symbols(scope: Scope) -> Markup:
    """`<symbol>` elements: `k-N` for a target, `k-N-hollow`, `k-N-PRECISION`; `part-N` for parts of bars."""
    found = []
    for number, name in enumerate(scope.targets):
        mark = scope.marks[name]
        base = f"{scope.prefix}k-{number}"
        found.append(marker_symbol(base, mark.marker, mark.hue, "full"))
        found.append(marker_symbol(f"{base}-hollow", mark.marker, mark.hue, "none"))
        found += [
            marker_symbol(f"{base}-p{place}", mark.marker, mark.hue, fill(precision))
            for place, precision in enumerate(scope.precisions)
        ]
    found += [_part(f"{scope.prefix}part-{number}", number) for number in range(PARTS)]
    return Markup("").join(found)


def marker_symbol(name: str, shape: str, hue: str, filled: str) -> Markup:
    """One `<symbol>`: a marker of matplotlib, filled as it spells that, in a hue of the palette."""
    style = MarkerStyle(shape, fillstyle=filled)  # type: ignore[arg-type]
    face = "none" if filled == "none" else f"var(--{hue})"
    paths = Markup('<path d="{}" fill="{}" stroke="var(--{})"/>').format(_outline(style, False), face, hue)
    if style.get_alt_path() is not None:
        paths += Markup('<path d="{}" fill="var(--paper)" stroke="var(--{})"/>').format(_outline(style, True), hue)
    return Markup('<symbol id="{}" viewBox="-0.75 -0.75 1.5 1.5" stroke-width=".18">{}</symbol>').format(name, paths)


def _outline(style: MarkerStyle, other: bool) -> str:
    path = style.get_alt_path() if other else style.get_path()
    transform = style.get_alt_transform() if other else style.get_transform()
    assert path is not None
    rings: Any = path.transformed(transform).to_polygons(closed_only=True)
    return "".join("M" + "L".join(f"{x:.2f} {-y:.2f}" for x, y in ring) + "Z" for ring in rings)


def _part(name: str, number: int) -> Markup:
    return Markup(
        '<symbol id="{}" viewBox="0 0 10 10"><path d="M0 0H10V10H0Z" fill="var(--part-{})"/>'
        '<path d="{}" stroke="var(--paper)" stroke-linecap="round"/></symbol>'
    ).format(name, number + 1, _STRIPES[HATCHES[number]])
