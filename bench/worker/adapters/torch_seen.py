"""What an eager inference computes in, operator by operator: autocast decides that call by call."""

from collections import Counter
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any


def seen(run: Callable[[], object]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Run twice, the second time watched.

    Returns how often each operator ran, the ns it spent, and the ns spent by the dtype of the first floating-point
    input. On a device these are the times of launching, not of computing.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    names: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    by_dtype: Counter[str] = Counter()

    class Watch(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            start = perf_counter_ns()
            result = func(*args, **(kwargs or {}))
            elapsed = perf_counter_ns() - start
            name = str(func).removeprefix("aten.")
            names[name] += 1
            spent[name] += elapsed
            floats = [x for x in tree_leaves(args) if isinstance(x, torch.Tensor) and x.is_floating_point()]
            if floats:
                by_dtype[str(floats[0].dtype)] += elapsed
            return result

    run()
    with Watch():
        run()
    return names, spent, by_dtype
