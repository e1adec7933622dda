"""What is known of a cell beside its operators."""

from support.rows import make_meta, make_rounds

from bench.analysis.why import asked_of


def test_a_file_as_stored_is_asked_for_what_it_is_stored_in() -> None:
    rows = make_rounds(1) + make_rounds(1, precision="fp16")
    meta = make_meta(rows)
    assert [asked_of(meta, row) for row in (rows[0], rows[-1])] == ["fp32", "fp16"]
    meta["models"]["magika"]["stored"] = "int8"
    assert [asked_of(meta, row) for row in (rows[0], rows[-1])] == ["int8", "fp16"]
