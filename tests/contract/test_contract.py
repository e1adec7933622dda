"""What crosses the process boundary arrives as it was sent, and what is torn is told from what is whole."""

import io
import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.catalog import precisions
from bench.contract.flags import FINENESS, MEANING, Flag
from bench.contract.job import Workload
from bench.contract.phases import LIMITS_S, Phase
from bench.contract.status import Failure, Status
from bench.contract.wire import read_message, result_of, write_message

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nested = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4)
messages = st.dictionaries(st.text(), nested, max_size=3)


@settings(max_examples=50)
@given(st.lists(messages, max_size=3))
def test_messages_arrive_whole_and_in_order(sent):
    pipe = io.BytesIO()
    for message in sent:
        write_message(pipe, message)
    pipe.seek(0)
    assert [read_message(pipe) for _ in sent] == sent
    assert read_message(pipe) is None


@settings(max_examples=50)
@given(messages, st.data())
def test_a_message_that_was_cut_off_is_no_message(message, data):
    pipe = io.BytesIO()
    write_message(pipe, message)
    cut = data.draw(st.integers(0, len(pipe.getvalue()) - 1))
    assert read_message(io.BytesIO(pipe.getvalue()[:cut])) is None


def test_a_line_that_is_no_message_is_an_error_and_not_a_reply():
    with pytest.raises(ValueError):
        read_message(io.BytesIO(b"EP Error\n"))


def test_a_reply_holds_a_result_or_a_typed_failure():
    assert result_of({"ok": None}) is None
    with pytest.raises(Failure) as caught:
        result_of({"failed": "timeout", "reason": "too slow"})
    assert (caught.value.status, caught.value.reason) == (Status.TIMEOUT, "too slow")


def test_a_workload_crosses_the_wire_unchanged():
    sent = Workload("m.onnx", "onnx", "fp32", 2, options={"a": "b"}, input_sets=[{"x": "0.npy"}], factory_paths=["p"])
    assert Workload.from_wire(json.loads(json.dumps(sent.to_wire()))) == sent
    assert set(sent.to_wire()) == {field.name for field in fields(Workload)}


def test_every_phase_has_a_limit_every_flag_a_meaning_and_every_precision_a_fineness():
    assert set(LIMITS_S) == set(Phase)
    assert all(limit > 0 for limit in LIMITS_S.values())
    assert set(MEANING) == set(Flag)
    assert {row.effective for row in precisions().values()} <= set(FINENESS)
