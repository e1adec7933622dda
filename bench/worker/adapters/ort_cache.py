"""What ONNX Runtime can keep of making a session: the optimised graph, or what a provider compiled, in a file.

Providers with a cache of their own (OpenVINO's blobs, TensorRT's engines) have options for it: see providers.toml.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contract.job import Workload

CONTEXT = ("ep.context_enable", "ep.context_file_path")
INLINE_LIMIT = 1 << 30  # bytes of weights that still go into the file itself: protobuf ends at 2 GB
LARGE = 1 << 10  # bytes of a weight that goes beside it otherwise


def cached(workload: Workload, options: Any, create: Callable[[str, Any], Any], ort: Any) -> Any:
    """Return `create(model, options)`, made from the file an earlier process kept, or keeping one for later ones."""
    keep = FILES.get(workload.cache)
    if keep is None:
        return create(workload.model, options)
    kept = Path(workload.cache_dir or ".") / f"{_key(workload, ort.__version__)}.onnx"
    if kept.exists():
        if workload.cache == "optimised_model":  # it holds the outcome of the optimisations
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        return create(str(kept), options)
    kept.parent.mkdir(parents=True, exist_ok=True)
    return keep(workload, options, kept, create)


def _optimised(workload: Workload, options: Any, kept: Path, create: Callable[[str, Any], Any]) -> Any:
    """Write the graph after optimisation. It holds for this processor alone: layouts are chosen for it."""
    half_made = kept.with_suffix(f".{os.getpid()}.onnx")
    options.optimized_model_filepath = str(half_made)
    if _weights(workload.model) > INLINE_LIMIT:
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{kept.name}.data")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", str(LARGE))
    session = create(workload.model, options)
    half_made.replace(kept)  # a process that dies on the way leaves nothing that looks whole
    return session


def _context(workload: Workload, options: Any, kept: Path, create: Callable[[str, Any], Any]) -> Any:
    """Write a model whose nodes are what the provider compiled (onnxruntime.ai, "EP Context Design")."""
    options.add_session_config_entry(CONTEXT[0], "1")
    options.add_session_config_entry(CONTEXT[1], str(kept))
    options.add_session_config_entry("ep.context_embed_mode", "1" if _weights(workload.model) <= INLINE_LIMIT else "0")
    return create(workload.model, options)


FILES: dict[str, Callable[[Workload, Any, Path, Callable[[str, Any], Any]], Any]] = {
    "optimised_model": _optimised,
    "ep_context": _context,
}


def _weights(model: str) -> int:
    """Return about how many bytes of weights a model has: its file's, and those of the data beside it."""
    path = Path(model)
    beside = (path.with_name(path.name + suffix) for suffix in (".data", "_data"))
    return sum(file.stat().st_size for file in (path, *beside) if file.exists())


def _key(workload: Workload, version: str) -> str:
    """Return a name that two sessions share only where they are made of the same file in the same way.

    The file counts as the same by size and time of change: to read it would be part of what is timed.
    """
    from hashlib import sha256  # here: OpenSSL is 4 MB of memory, and most sessions keep nothing

    stat = Path(workload.model).stat()
    options = {name: value for name, value in workload.options.items() if value != workload.cache_dir}
    parts = (stat.st_size, stat.st_mtime_ns, version, workload.cache, workload.provider, workload.device)
    made_of = (*parts, workload.threads, options, workload.session)
    return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:24]
