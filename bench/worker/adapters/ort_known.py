"""Settings that nobody reads: ONNX Runtime keeps every config entry it is given, and a plugin every option.

Neither offers a list of those it knows. Their names are text in the library that looks for them, so one that is not in
it anywhere is known to be passed over; one that is in it may be known.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status

LIBRARIES = ("*.so", "*.so.*", "*.pyd", "*.dll", "*.dylib")


def refuse_unknown_entries(ort: Any, names: Iterable[str]) -> None:
    """Raise Failure for a session config entry (a name with a dot) that this build cannot know."""
    entries = [name for name in names if "." in name and (not name.startswith("ep.") or name.startswith("ep.context"))]
    capi = Path(ort.__file__).parent / "capi"
    unknown = _absent(entries, (path for pattern in LIBRARIES for path in capi.glob(pattern)))
    if unknown:
        text = f"ONNX Runtime {ort.__version__} knows no session config entry `{unknown[0]}`, and would pass over it"
        raise Failure(Status.UNSUPPORTED, f"{text}: see that it is spelled as this version spells it")


def refuse_unknown_options(library: Path, provider: str, names: Iterable[str]) -> None:
    """Raise Failure for an option that a plugin's library cannot know."""
    unknown = _absent([name.rpartition(".")[2] for name in names], [library])
    if unknown:
        text = f"the plugin's library {library.name} knows no option `{unknown[0]}`, and would pass over it"
        raise Failure(Status.UNSUPPORTED, f"{text}: see how {provider} spells its options")


def _absent(names: list[str], libraries: Iterable[Path]) -> list[str]:
    """Return the names that stand in none of these files; none where there are no files to look into."""
    if not names or not (contents := [path.read_bytes() for path in libraries]):
        return []
    return [name for name in names if not any(name.encode() in content for content in contents)]
