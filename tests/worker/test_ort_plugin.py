"""Plugins and settings as ONNX Runtime is handed them, on a stand-in for it: what it would pass over is refused."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.contract.status import Failure, Status
from bench.worker.adapters import ort_plugin
from bench.worker.adapters.ort_known import doubted_entries, refuse_unknown_options

ENTRY = "session.intra_op.allow_spinning"


@pytest.fixture
def ort(tmp_path: Path) -> SimpleNamespace:
    """A build whose library holds the name of one entry, and that keeps what is registered."""
    capi = tmp_path / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    (capi / "onnxruntime_pybind11_state.so").write_bytes(b"\x7fELF\x00" + ENTRY.encode() + b"\x00soc_model\x00")
    registered: list[tuple[str, str]] = []
    return SimpleNamespace(
        __file__=str(capi.parent / "__init__.py"),
        __version__="1.32.0",
        registered=registered,
        register_execution_provider_library=lambda name, path: registered.append((name, path)),
    )


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plugin that tells where its library is from where we are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ort_plugin, "_registered", set())
    monkeypatch.setitem(sys.modules, "a_plugin", SimpleNamespace(path=lambda: "libs/provider.so"))
    return "a_plugin:path"


def test_a_library_is_registered_once_by_its_whole_path(ort: SimpleNamespace, plugin: str):
    for _ in range(2):
        ort_plugin.register(ort, plugin, "Provider")
    assert ort.registered == [("Provider", str(Path.cwd() / "libs" / "provider.so"))]


def test_a_library_that_onnx_runtime_refuses_is_told_with_both_names(ort: SimpleNamespace, plugin: str):
    def refuse(name: str, path: str) -> None:
        raise RuntimeError("The requested API version [29] is not available, only API versions [1, 23] are supported")

    ort.register_execution_provider_library = refuse
    with pytest.raises(
        Failure, match=r"ONNX Runtime 1\.32\.0 refuses the plugin a_plugin: The requested API"
    ) as caught:
        ort_plugin.register(ort, plugin, "Provider")
    assert caught.value.status == Status.UNSUPPORTED


def test_a_build_without_plugins_says_which_is_the_first(ort: SimpleNamespace, plugin: str):
    del ort.register_execution_provider_library
    with pytest.raises(Failure, match=r"takes no plugin providers: 1\.23 is the first"):
        ort_plugin.register(ort, plugin, "Provider")


@pytest.mark.parametrize("known", [ENTRY, "ep.qnn.whatever", "graph_optimization_level"])
def test_only_the_entry_that_the_build_may_not_know_is_doubted(ort: SimpleNamespace, known: str):
    (doubt,) = doubted_entries(ort, [known, "session.nonsense"])
    assert "ONNX Runtime 1.32.0 may pass over the session config entry `session.nonsense`" in doubt


def test_nothing_is_doubted_where_there_is_no_library_to_look_into(ort: SimpleNamespace, tmp_path: Path):
    ort.__file__ = str(tmp_path / "elsewhere" / "__init__.py")
    assert doubted_entries(ort, ["session.nonsense"]) == []


def test_an_option_that_a_plugin_cannot_know_is_refused(tmp_path: Path):
    library = tmp_path / "libprovider.so"
    library.write_bytes(b"\x00soc_model\x00htp_arch\x00")
    refuse_unknown_options(library, "QNN", ["soc_model", "ep.qnnexecutionprovider.htp_arch"])
    with pytest.raises(Failure, match=r"libprovider\.so knows no option `nonsense`.*see how QNN spells its options"):
        refuse_unknown_options(library, "QNN", ["soc_model", "nonsense"])
