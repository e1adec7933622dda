"""Make a torch module from a `module:function` factory. Factories of the catalog's own checkpoints live here too.

A factory takes the checkpoint's folder where the model has one, nothing otherwise, and returns the module and a dict
of example inputs by the names of `forward`'s parameters.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status


def build(factory: str, paths: list[str], checkpoint: str) -> tuple[Any, dict[str, Any]]:
    """Return (torch module, example inputs). Raises Failure with the reason where the factory cannot be used."""
    sys.path.extend(path for path in paths if path not in sys.path)
    module_name, _, function_name = factory.partition(":")
    try:
        function = getattr(import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise Failure(Status.UNSUPPORTED, f"the factory `{factory}` cannot be imported: {error}") from error
    made = function(checkpoint) if checkpoint else function()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], dict)):
        raise Failure(Status.UNSUPPORTED, f"the factory `{factory}` must return (module, dict of example inputs)")
    return made[0], made[1]


def sentence_encoder(folder: str) -> tuple[Any, dict[str, Any]]:
    """Return the transformer of a sentence-transformers checkpoint; its output is (batch, sequence, hidden)."""
    import torch
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(Path(folder), local_files_only=True, attn_implementation="sdpa")

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state

    # Three tensors, not one three times: the exporter takes the same tensor for the same input.
    ids, mask, types = (torch.full((2, 16), value, dtype=torch.int64) for value in (5, 1, 0))
    return Encoder(), {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
