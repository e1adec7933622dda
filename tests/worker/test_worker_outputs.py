"""The outputs that are verified: for every input set, and for a sequence whose state is fed back."""

import numpy as np
import pytest

from bench.worker.outputs import write_outputs


@pytest.fixture
def sets(tmp_path):
    """Two input sets, as files: x counts up, h is a state that starts at 0 and at 100."""
    found = []
    for index in range(2):
        values = {"x": np.arange(3.0), "h": np.full(3, 100.0 * index)}
        found.append({name: str(tmp_path / f"in-{index}-{name}.npy") for name in values})
        for name, value in values.items():
            np.save(found[-1][name], value)
    return found


def test_every_set_is_run_once_and_in_order(sets, tmp_path):
    files = write_outputs(lambda inputs: {"sum": inputs["x"] + inputs["h"]}, sets, {}, tmp_path)
    found = [np.load(each["sum"], allow_pickle=False).tolist() for each in files]
    assert found == [[0, 1, 2], [100, 101, 102]]


def test_a_stateful_model_runs_ten_more_steps_with_its_state_fed_back(sets, tmp_path):
    seen = []

    def infer(inputs):
        seen.append(inputs["h"][0])
        return {"y": inputs["h"] * 2, "next": inputs["h"] + 1}

    files = write_outputs(infer, sets, {"h": "next"}, tmp_path)
    assert len(files) == 3
    assert seen == [0, 100, *range(10)]  # the sequence starts from the first set
    assert np.load(files[-1]["next"]).tolist() == [10] * 3


def test_outputs_keep_their_shape_scalars_too(sets, tmp_path):
    shapes = [(), (1,), (0, 3), (2, 3)]
    (first, _) = write_outputs(lambda inputs: {str(shape): np.zeros(shape) for shape in shapes}, sets, {}, tmp_path)
    assert [np.load(path).shape for path in first.values()] == shapes


def test_what_is_not_contiguous_is_written_as_it_is(sets, tmp_path):
    (first, _) = write_outputs(lambda inputs: {"y": np.arange(6).reshape(2, 3).T[::-1]}, sets, {}, tmp_path)
    assert np.load(first["y"]).tolist() == [[2, 5], [1, 4], [0, 3]]


def test_text_outputs_are_handed_over_without_pickling(sets, tmp_path):
    labels = np.array(["cat", "caterpillar"], dtype=object)
    (first, _) = write_outputs(lambda inputs: {"label": labels}, sets, {}, tmp_path)
    assert np.load(first["label"], allow_pickle=False).tolist() == ["cat", "caterpillar"]
