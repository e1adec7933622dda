"""The compare page in Chromium: widths, dark colours, sorting, filtering, no scripts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chromium import Tab, chromium, found
from support.duels import duel, on_side, pair, stored
from support.rows import make_failed, make_rounds

from bench.analysis import compare_runs
from bench.report import write_comparison, write_report
from bench.store import write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(found() is None, reason="no Chromium on PATH: install one to test the report in a browser"),
    pytest.mark.skipif(os.name != "posix", reason="Chromium's pipe is driven through POSIX descriptors here"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("compare")
    rows = pair(1.1, 1.1) + pair(0.8, batch=8, seed=1) + pair(1.0, model="a-model-with-a-very-long-name", seed=2)
    rows += on_side([make_failed("crashed", "x" * 200, model="bert")], "a") + on_side(make_rounds(6, model="bert"), "b")
    write_run(place / "duel.parquet", rows, duel(rows).meta)
    a, b = make_rounds(6), make_rounds(6, 0.8, seed=1)
    stores = compare_runs(stored(a), stored(b, "b"))
    return {
        "duel": write_report([Path(place / "duel.parquet")], place / "duel").as_uri(),
        "stored": write_comparison(stores, place / "stored").as_uri(),
    }


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    path = found()
    assert path
    with chromium(path) as one:
        yield one


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["duel", "stored"])
def test_it_loads_clean_and_never_scrolls_sideways(tab: Tab, pages: dict[str, str], name: str, width: int, dark: bool):
    tab.open(pages[name], width=width, dark=dark)
    assert tab.errors == []
    assert tab.requests in ([pages[name], "data:,"], [pages[name]])
    assert tab.run("document.documentElement.scrollWidth") <= width


def test_the_verdict_is_on_the_first_screen(tab: Tab, pages: dict[str, str]):
    for width in (390, 1280):
        tab.open(pages["duel"], width=width)
        assert tab.run("document.querySelector('.verdict').getBoundingClientRect().bottom") < 900


def test_pairs_can_be_sorted_by_their_change_and_filtered_by_verdict(tab: Tab, pages: dict[str, str]):
    tab.open(pages["duel"])
    table = "document.querySelector('#compare-cells')"
    tab.run(f"[...{table}.querySelectorAll('thead button')].find(b => b.textContent === 'Change').click()")
    values = tab.run(f"[...{table}.querySelectorAll('td.n[data-v]')].length")
    first = tab.run(f"{table}.tBodies[0].rows[0].textContent")
    assert values and "regression" in first and "slower" in first
    tab.run("""(field => { field.value = "faster"; field.dispatchEvent(new Event("input", {bubbles: true})); })
      (document.querySelector('.compare .filters [name="Verdict"]'))""")
    assert tab.run(f"[...{table}.tBodies[0].rows].filter(row => row.checkVisibility()).length") == 1
    assert tab.errors == []


def test_without_scripts_every_pair_and_its_reason_are_there(tab: Tab, pages: dict[str, str]):
    tab.open(pages["duel"], scripts=False)
    root = tab.send("DOM.getDocument")["root"]["nodeId"]
    rows = tab.send("DOM.querySelectorAll", nodeId=root, selector="#compare-cells tbody tr")["nodeIds"]
    assert len(rows) == 4
    assert "x" * 200 in tab.send("DOM.getOuterHTML", nodeId=rows[-1])["outerHTML"]
