"""A run goes on only under the conditions it began under: what changed is named, and the journal stays as it was."""

import shutil

import pytest
from support import scripted_ortbench

from bench.errors import UsageError
from bench.runner import resume, run
from bench.runner.events import RoundStarted
from bench.store import Journal, read_run


@pytest.fixture
def cut_off(tmp_path, scripted_catalog):
    """A run of scripted cells that was interrupted before its second round; gives its journal."""
    suite = scripted_ortbench.write_suite(tmp_path, other={"latency_ms": 2})

    def press(event) -> None:
        if isinstance(event, RoundStarted) and event.round == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(suite, tmp_path / "out", watch=press)
    (journal,) = (tmp_path / "out").glob("*.journal")
    return journal


def begun_otherwise(journal, change) -> None:
    """Rewrite the journal as if the run had begun with another header."""
    old = journal.with_suffix(".old")
    shutil.move(journal, old)
    with Journal.open(old) as found:
        header, rows = found.header, found.rows()
    change(header)
    with Journal.create(journal, header) as new:
        for row in rows:
            new.append(row)


def refusal(journal) -> str:
    before = journal.read_bytes()
    with pytest.raises(UsageError, match="cannot be continued") as caught:
        resume(journal)
    assert journal.read_bytes() == before
    assert not journal.with_suffix(".parquet").exists()
    assert "Start a new run" in caught.value.hint
    return caught.value.message


def test_unchanged_it_goes_on(cut_off):
    with Journal.open(cut_off) as journal:
        header, rows = journal.header, journal.rows()
    assert len(rows) == 2
    found = read_run(resume(cut_off))
    assert len(found.trials) == 4
    assert found.meta["run_id"] == header["run_id"]
    assert found.meta["started_at"] == header["started_at"]
    assert set(found.trials["run_id"]) == {header["run_id"]}


def test_on_another_machine(cut_off, monkeypatch):
    monkeypatch.setenv("ORTBENCH_MACHINE_NAME", "another one")
    assert "the machine (it was " in (told := refusal(cut_off))
    assert "this is another one)" in told


def test_on_another_source_of_power(cut_off):
    begun_otherwise(cut_off, lambda header: header["machine"]["conditions"].update(power_source="fusion"))
    assert "the power source (it was fusion, now " in refusal(cut_off)


def test_with_another_environment(cut_off):
    def older(header) -> None:
        freeze = header["environments"]["current"]["freeze"]
        header["environments"]["current"]["freeze"] = ["numpy==1.0", *freeze[1:]]

    begun_otherwise(cut_off, older)
    assert "the environment current (" in (told := refusal(cut_off))
    assert "numpy==1.0" in told


def test_with_another_model_file(cut_off, tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(b"another model")
    assert "the resolved plan (a model file" in refusal(cut_off)


def test_every_difference_is_named_at_once(cut_off, monkeypatch):
    monkeypatch.setenv("ORTBENCH_MACHINE_NAME", "another one")
    begun_otherwise(cut_off, lambda header: header["machine"]["conditions"].update(power_source="fusion"))
    told = refusal(cut_off)
    assert "the machine" in told
    assert "the power source" in told


def test_between_result_and_journal_nothing_is_measured_again(cut_off):
    """A run that was killed after its result was written, before its journal was removed."""
    kept = cut_off.with_suffix(".kept")
    shutil.copy(cut_off, kept)
    result = resume(cut_off)
    before = result.read_bytes()
    shutil.move(kept, cut_off)
    assert resume(cut_off) == result
    assert result.read_bytes() == before
    assert not cut_off.exists()


def test_a_run_that_another_process_measures_is_left_alone(cut_off):
    with Journal.open(cut_off), pytest.raises(UsageError, match="Another process is writing"):
        resume(cut_off)
