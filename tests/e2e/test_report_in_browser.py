"""The report in Chromium: sorting, filtering, links, dark colours, a phone's width, no scripts."""

import os
from collections.abc import Iterator

import pytest
from support.chromium import Tab, chromium, found
from support.rows import SCENARIOS, make_meta, make_scenario, scenarios_meta
from support.sweep import sweep, written

from bench.report import write_report
from bench.store import write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(found() is None, reason="no Chromium on PATH: install one to test the report in a browser"),
    pytest.mark.skipif(os.name != "posix", reason="Chromium's pipe is driven through POSIX descriptors here"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("browser")
    run = written(place / "run.parquet", sweep(models=2, rounds=6, samples=96))
    return write_report([run], place / "report").as_uri()


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run with cells of every kind of scenario."""
    place = tmp_path_factory.mktemp("load")
    cells = [make_scenario(kind, target=name) for kind in SCENARIOS for name in ("cpu", "openvino")]
    rows = [row for cell in cells for row in cell]
    run = write_run(place / "run.parquet", rows, make_meta(rows, scenarios=scenarios_meta()))
    return write_report([run], place / "report").as_uri()


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    path = found()
    assert path
    with chromium(path) as one:
        yield one


def shown(tab: Tab) -> int:
    return int(
        tab.run("[...document.querySelectorAll('.results tbody tr')].filter(row => row.checkVisibility()).length")
    )


def column(tab: Tab, name: str) -> list[str]:
    script = """(name => { const table = document.querySelector(".results");
      const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === name);
      return [...table.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[at]?.dataset.v ?? ""); })"""
    return list(tab.run(f"{script}({name!r})"))


def click(tab: Tab, name: str) -> None:
    tab.run(f"[...document.querySelectorAll('.results thead button')].find(b => b.textContent === {name!r}).click()")


def choose(tab: Tab, name: str, value: str) -> None:
    tab.run(f"""(field => {{ field.value = {value!r}; field.dispatchEvent(new Event("input", {{bubbles: true}})); }})
      (document.querySelector('.filters [name="{name}"]'))""")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_loads_clean_and_never_scrolls_sideways(tab: Tab, page: str, width: int, dark: bool):
    tab.open(page, width=width, dark=dark)
    assert tab.errors == []
    assert tab.requests == [page, "data:,"] or tab.requests == [page]
    assert tab.run("document.documentElement.scrollWidth") <= width
    smallest = tab.run("""Math.min(...[...document.querySelectorAll(".panel svg")].filter(svg => svg.clientWidth)
      .map(svg => svg.clientWidth / svg.viewBox.baseVal.width))""")
    assert smallest >= 0.9, "charts are shrunk until their text is too small to read"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_with_every_scenario_loads_clean_and_fits(tab: Tab, load: str, width: int):
    tab.open(load, width=width)
    assert tab.errors == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.querySelectorAll('table.scenario').length") == len(SCENARIOS) - 1  # latency has its own
    link = tab.run("document.querySelector('.scenario th a').getAttribute('href')")
    tab.open(f"{load}{link}")
    assert tab.run("document.querySelector('tr:target').closest('table').classList.contains('results')")


def test_dark_is_dark_and_charts_follow(tab: Tab, page: str):
    colours = []
    for dark in (False, True):
        tab.open(page, dark=dark)
        colours.append(
            tab.run("""[getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector(".panel svg text")).fill]""")
        )
    (light_ground, light_text), (dark_ground, dark_text) = colours
    assert light_ground == "rgb(255, 255, 255)"
    assert dark_ground == "rgb(17, 22, 28)"
    assert light_text != dark_text


def test_sorting_puts_the_largest_first_and_the_unknown_last_and_goes_back(tab: Tab, page: str):
    tab.open(page)
    before = column(tab, "Speedup")
    click(tab, "Speedup")
    known = [float(value) for value in column(tab, "Speedup") if value]
    assert known == sorted(known, reverse=True)
    assert column(tab, "Speedup")[len(known) :] == [""] * (len(before) - len(known))
    click(tab, "Speedup")
    assert [float(value) for value in column(tab, "Speedup") if value] == known[::-1]
    click(tab, "Speedup")
    assert column(tab, "Speedup") == before
    assert tab.errors == []


def test_a_filter_and_a_sort_live_in_the_url(tab: Tab, page: str):
    tab.open(page)
    total = shown(tab)
    choose(tab, "Target", "ORT OpenVINO")
    choose(tab, "Result", "ok")
    click(tab, "Latency")
    some, order, url = shown(tab), column(tab, "Latency"), tab.run("location.href")
    assert 0 < some < total
    assert tab.run("document.querySelector('.filters output').textContent") == f"{some} of {total} cells"
    tab.open(url)
    assert (shown(tab), column(tab, "Latency")) == (some, order)


def test_a_cells_link_shows_it_whatever_is_filtered(tab: Tab, page: str):
    tab.open(page)
    choose(tab, "Model", "magika")
    anchor = tab.run("[...document.querySelectorAll('.results tbody tr')].find(row => row.hidden).id")
    followed = (
        "new Promise(done => { addEventListener('hashchange', () => setTimeout(done)); location.hash = ANCHOR; })"
    )
    tab.run(followed.replace("ANCHOR", repr(anchor)))
    assert tab.run(f"document.getElementById({anchor!r}).checkVisibility()")
    tab.open(f"{page}#{anchor}")
    assert tab.run("document.querySelector('tr:target').id") == anchor


def test_without_scripts_every_cell_is_there_and_no_dead_control(tab: Tab, page: str):
    tab.open(page, scripts=False)
    root = tab.send("DOM.getDocument")["root"]["nodeId"]

    def count(selector: str) -> int:
        return len(tab.send("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"])

    assert count(".results tbody tr") == 120
    assert count(".results thead button") == 0
    assert count(".filters[hidden]") == 1
    assert count("button.print[hidden]") == 1
