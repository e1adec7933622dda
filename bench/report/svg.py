"""matplotlib figures as small, clean, inlined SVG: real text, CSS variables for colours, ids unique in a page."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.report.palette import colour, to_variables

WIDTH = 360  # CSS pixels: the content width of a phone, and a third of a desktop's
LABEL = 12
SMALL = 11
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ortbench",
    "text.parse_math": False,  # a dollar sign in a model's name is only a dollar sign
    "font.family": "DejaVu Sans",  # ships with matplotlib, so text is laid out the same everywhere
    "font.size": SMALL,
    "text.color": colour("ink"),
    "axes.edgecolor": colour("muted"),
    "axes.labelcolor": colour("muted"),
    "axes.labelsize": SMALL,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": colour("muted"),
    "ytick.color": colour("muted"),
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": colour("grid"),
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.markersize": 7,
}
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@contextmanager
def canvas(
    height: float, left: float = 48, bottom: float = 36, top: float = 8, right: float = 8
) -> Iterator[tuple[Figure, Axes]]:
    """A figure WIDTH pixels wide with one axes inside the margins given. All measures in CSS pixels."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        FigureCanvasSVG(figure)
        box = (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - bottom - top) / height)
        axes = figure.add_axes(box)
        axes.set_axisbelow(True)
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        yield figure, axes


def inline(figure: Figure, name: str, title: str) -> Markup:
    """The figure as an `<svg>` element for a page. `name` prefixes its ids; `title` is what a screen reader says.

    Texts must be `printable`. To be called inside the `canvas` the figure came from, whose settings also decide how
    it is written.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing"
        )  # the browser has the glyph, if not our layout font
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - matplotlib's own output
    return Markup(to_variables(_clean(root, name, title)))  # noqa: S704 - serialised, and so escaped, by ElementTree


def _clean(root: ElementTree.Element, name: str, title: str) -> str:
    height = root.attrib["viewBox"].split()[3]
    names: dict[str, str] = {}
    for element in root.iter():
        link = element.get("{http://www.w3.org/1999/xlink}href", "")[1:]
        for value in (link, *_REFERENCE.findall(" ".join(element.attrib.values()))):
            if value:
                names.setdefault(value, f"{name}-{len(names)}")
    new = ElementTree.Element("svg", {"viewBox": f"0 0 {WIDTH} {_short(height)}", "role": "img", "aria-label": title})
    ElementTree.SubElement(new, "title").text = title
    for child in root:
        _copy(child, new, names)
    return ElementTree.tostring(new, encoding="unicode")


def _copy(old: ElementTree.Element, parent: ElementTree.Element, names: dict[str, str]) -> None:
    """Append a copy without namespaces, metadata, unused ids and empty groups."""
    tag = old.tag.rpartition("}")[2]
    if tag in ("metadata", "style"):
        return
    attributes = {}
    for key, value in old.attrib.items():
        key = key.rpartition("}")[2]
        if key == "id":
            value = names.get(value, "")
        elif key == "href":
            value = f"#{names[value[1:]]}"
        elif key == "transform" and value.startswith("rotate(-0 "):
            value = ""
        if value:
            attributes[key] = _tidy(key, value, names)
    if tag in ("g", "defs") and not attributes:
        target = parent if tag == "g" else ElementTree.SubElement(parent, "defs")
        for child in old:
            _copy(child, target, names)
        if tag == "defs" and len(target) == 0:
            parent.remove(target)
        return
    new = ElementTree.SubElement(parent, tag, attributes)
    new.text = old.text if tag == "text" else None
    for child in old:
        _copy(child, new, names)


def _tidy(key: str, value: str, names: dict[str, str]) -> str:
    value = _REFERENCE.sub(lambda found: f"url(#{names[found[1]]})", value)
    if key == "style":
        value = re.sub(r"font-family: [^;]+; ?", "", value)
        return value.replace(": ", ":").replace("; ", ";")
    if key in ("d", "x", "y", "width", "height", "transform"):
        return re.sub(r"\s+", " ", _NUMBER.sub(lambda found: _short(found[0]), value)).strip()
    return value


def _short(number: str) -> str:
    """A coordinate to a tenth of a pixel, to a hundredth where it is small (the outlines of markers)."""
    value = float(number)
    return f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")
