"""Settings that nobody may read: ONNX Runtime keeps every config entry it is given, and a plugin every option.

Neither offers a list of those it knows, but their names are text in the library that looks for them. ONNX Runtime's
own builds keep nearly all of it; a compiler may have taken one apart, so that one which is missing there is doubted,
not refused. Of the plugins that were tried (QNN, WebGPU, ggml) every option's name is there.
"""

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status

LIBRARIES = ("*.so", "*.so.*", "*.pyd", "*.dll", "*.dylib")


def doubted_entries(ort: Any, names: Iterable[str]) -> list[str]:
    """Return a sentence for each session config entry (a name with a dot) that this build may not know."""
    entries = [name for name in names if "." in name and (not name.startswith("ep.") or name.startswith("ep.context"))]
    capi = Path(ort.__file__).parent / "capi"
    files = dict.fromkeys(path.resolve() for pattern in LIBRARIES for path in capi.glob(pattern))
    return [
        f"ONNX Runtime {ort.__version__} may pass over the session config entry `{name}`, whose name is nowhere in it"
        for name in _absent(entries, files)
    ]


def refuse_unknown_options(library: Path, provider: str, names: Iterable[str]) -> None:
    """Raise Failure for an option that a plugin's library cannot know."""
    unknown = _absent([name.rpartition(".")[2] for name in names], [library])
    if unknown:
        text = f"the plugin's library {library.name} knows no option `{unknown[0]}`, and would pass over it"
        raise Failure(Status.UNSUPPORTED, f"{text}: see how {provider} spells its options")


def _absent(names: list[str], libraries: Iterable[Path]) -> list[str]:
    """Return the names that stand in none of these files; none where there are no files to look into."""
    left, looked = list(names), False
    for path in libraries:
        if not left:
            break
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            left, looked = [name for name in left if content.find(name.encode()) < 0], True
    return left if looked else []
