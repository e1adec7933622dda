"""Make a torch module from a `module:function` factory. Factories of the catalog's own checkpoints live here too.

A factory takes the checkpoint's folder where the model has one, nothing otherwise, and returns the module and a dict
of example inputs by the names of `forward`'s parameters.
"""

import sys
from contextlib import chdir, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status


def build(factory: str, paths: list[str], checkpoint: str) -> tuple[Any, dict[str, Any]]:
    """Return (torch module, example inputs). Raises Failure with the reason where the factory cannot be used."""
    sys.path.extend(path for path in paths if path not in sys.path)
    module_name, _, function_name = factory.partition(":")
    with chdir(paths[0]) if paths else nullcontext():  # a file of weights that it names is beside it, not beside us
        try:
            function = getattr(import_module(module_name), function_name)
        except (ImportError, AttributeError) as error:
            raise Failure(Status.UNSUPPORTED, f"the factory `{factory}` cannot be imported: {error}") from error
        made = function(checkpoint) if checkpoint else function()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], dict)):
        raise Failure(Status.UNSUPPORTED, f"the factory `{factory}` must return (module, dict of example inputs)")
    return made[0], made[1]


def sentence_encoder(folder: str) -> tuple[Any, dict[str, Any]]:
    """Return the transformer of a sentence-transformers checkpoint; its output is (batch, sequence, hidden).

    It is transformers' own model with its own attention (torch's scaled_dot_product_attention), and only the mask is
    made here, as BERT made it first: a number added to each score. A mask of truth values, which transformers makes,
    is exported with an IsNaN that MNN lacks, and indexed in a way that ncnn has no layer for. Besides, transformers
    leaves an eager call without padding unmasked, which no export can: here every runtime adds the mask.
    """
    import torch
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(Path(folder), local_files_only=True, attn_implementation="sdpa")

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            # What is added for a 0 and for a 1: looked up, since ncnn makes no floats of integers.
            self.added = torch.nn.Embedding.from_pretrained(torch.tensor([[-10000.0], [0.0]]))

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            columns = self.added(attention_mask).transpose(1, 2)[:, None]
            mask = columns.expand(-1, -1, input_ids.shape[1], -1)  # ncnn's attention reads a row for every query
            return self.encoder(input_ids, mask, token_type_ids).last_hidden_state

    # Three tensors, not one three times: the exporter takes the same tensor for the same input.
    ids, mask, types = (torch.full((2, 16), value, dtype=torch.int64) for value in (5, 1, 0))
    return Encoder(), {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def crepe(checkpoint: str) -> tuple[Any, dict[str, Any]]:
    """Return CREPE, which tells the pitch of 1,024 samples of sound (Kim et al. 2018, "CREPE", figure 1).

    The checkpoint's shapes say how wide its six convolutions are. Frames are (batch, 1024), the output (batch, 360).
    """
    import torch
    from torch import nn

    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
    layers: dict[str, Any] = {}
    for number in range(1, 7):
        wide, narrow, kernel, _ = weights[f"conv{number}.weight"].shape
        stride, padding = (4, (0, 0, 254, 254)) if number == 1 else (1, (0, 0, 31, 32))
        layers |= {
            f"pad{number}": nn.ZeroPad2d(padding),
            f"conv{number}": nn.Conv2d(narrow, wide, (kernel, 1), (stride, 1)),
            f"relu{number}": nn.ReLU(),
            f"conv{number}_BN": nn.BatchNorm2d(wide, eps=1e-3),
            f"pool{number}": nn.MaxPool2d((2, 1)),
        }
    bins, features = weights["classifier.weight"].shape

    class Crepe(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for name, layer in layers.items():
                self.add_module(name, layer)
            self.classifier = nn.Linear(features, bins)

        def forward(self, frame: Any) -> Any:
            x = frame[:, None, :, None]
            for name in layers:
                x = getattr(self, name)(x)
            return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))

    module = Crepe()
    module.load_state_dict(weights)
    return module, {"frame": torch.zeros(2, 1024)}
