"""A duel that is cut off goes on as the same duel; a side that cannot be had takes its pair with it."""

import pytest
from support import scripted_ortbench

from bench.contract.status import Failure, Status
from bench.errors import NothingMeasured, UsageError
from bench.models import fetching
from bench.runner import resume, run
from bench.runner.events import RoundStarted
from bench.store import Journal, read_run
from bench.suite import load_suite, with_duel


@pytest.fixture
def duel(tmp_path, scripted_catalog):
    """A duel of scripted cells, side a against what is given."""
    suite = scripted_ortbench.write_suite(tmp_path)
    (tmp_path / "other.onnx").write_bytes(b"another model")
    return lambda b: with_duel(load_suite(suite), "as-is", b)


def cut_off(loaded, folder):
    """Interrupt a run before its second round; returns its journal."""

    def press(event) -> None:
        if isinstance(event, RoundStarted) and event.round == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(loaded, folder, watch=press)
    (journal,) = folder.glob("*.journal")
    return journal


@pytest.mark.parametrize(
    ("b", "second"),
    [
        ("options.latency_ms=2", "tiny/fp32/steady@b/b2/t1/latency"),
        ("threads=2", "tiny/fp32/steady@b/b2/t2/latency"),
        ("other.onnx", "tiny@b/fp32/steady@b/b2/t1/latency"),
    ],
)
def test_it_goes_on_as_the_same_duel(duel, tmp_path, b, second):
    journal = cut_off(duel(b), tmp_path / "out")
    with Journal.open(journal) as found:
        assert found.header["duel"] == {"a": "as-is", "b": b}
        assert len(found.rows()) == 2
    whole = read_run(resume(journal))
    assert whole.meta["duel"] == {"a": "as-is", "b": b}
    taken = whole.trials.sort_values(["round", "side"])
    assert list(zip(taken["round"], taken["side"], strict=True)) == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert list(taken["cell_id"]) == ["tiny/fp32/steady@a/b2/t1/latency", second] * 2
    assert taken["block_id"].nunique() == 1
    assert set(taken["status"]) == {"ok"} and set(taken["purpose"]) == {"planned"}
    if b.startswith("threads"):
        assert list(taken["threads_effective"]) == [1, 2] * 2


def test_it_does_not_go_on_with_another_file_on_one_side(duel, tmp_path):
    journal = cut_off(duel("other.onnx"), tmp_path / "out")
    (tmp_path / "other.onnx").write_bytes(b"a third model")
    with pytest.raises(UsageError, match="a model file, an input file"):
        resume(journal)


@pytest.mark.parametrize("broken", ["tiny.onnx", "other.onnx"])
def test_a_file_that_cannot_be_read_takes_its_pair_with_it_and_says_so(duel, tmp_path, broken, monkeypatch):
    def inspect(shop, model, sha256):
        if model.name == broken:
            raise Failure(Status.ERROR, f"{broken} is no ONNX file")
        return scripted_ortbench.INSPECTED

    monkeypatch.setattr(fetching, "inspect", inspect)
    with pytest.raises(NothingMeasured):
        run(duel("other.onnx"), tmp_path / "out")
    (result,) = (tmp_path / "out").glob("*.parquet")
    trials = read_run(result).trials.set_index("side")
    assert set(trials["status"]) == {"error"}
    assert set(trials.index) == {"a", "b"}
    assert trials["reason"].str.contains("is no ONNX file").all()
