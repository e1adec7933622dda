"""Execution providers that are not part of the wheel: a library is registered, and a session is given its devices."""

from importlib import import_module
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status

_registered: set[str] = set()


def register(ort: Any, plugin: str, provider: str) -> None:
    """Register the library whose path `module:function` tells, once a process. Raises Failure where ORT refuses it.

    It is registered by the provider's name, since some plugins call their devices by the name they are registered by.
    """
    module = plugin.partition(":")[0]
    if module in _registered:
        return
    if not hasattr(ort, "register_execution_provider_library"):
        raise Failure(
            Status.UNSUPPORTED, f"ONNX Runtime {ort.__version__} takes no plugin providers: 1.23 is the first"
        )
    try:
        ort.register_execution_provider_library(provider, str(library_of(plugin)))
    except Exception as error:
        reason = f"ONNX Runtime {ort.__version__} refuses the plugin {module}: {error}"
        raise Failure(Status.UNSUPPORTED, reason) from error
    _registered.add(module)


def library_of(plugin: str) -> Path:
    """Return where the library of `module:function` is, from the root: a relative path is not found."""
    module, _, function = plugin.partition(":")
    return Path(getattr(import_module(module), function)()).absolute()


def devices(ort: Any, provider: str) -> list[Any]:
    """Return what registered providers of this name offer to compute on."""
    return [found for found in ort.get_ep_devices() if found.ep_name == provider]


def chosen(ort: Any, provider: str, device: str | None) -> list[Any]:
    """Return the devices a session is given: all of a provider's, or `CPU`, `GPU`, `NPU`, `GPU.1`, `1`.

    Raises Failure where there is none, naming those there are.
    """
    offered = devices(ort, provider)
    if not offered:
        raise Failure(Status.UNSUPPORTED, f"{provider} is registered, and offers no device on this machine")
    if not device:
        return offered[:1]
    named = _named(offered)
    if device not in named:
        raise Failure(Status.UNSUPPORTED, f"{provider} offers {', '.join(named)} here, not {device}")
    return [named[device]]


def _named(offered: list[Any]) -> dict[str, Any]:
    """Name devices by their kind, and where there are several of a kind by their number too."""
    found: dict[str, Any] = {}
    for number, each in enumerate(offered):
        kind = str(each.device.type).rpartition(".")[2]
        place = sum(name.startswith(f"{kind}.") for name in found)
        found |= {f"{kind}.{place}": each, str(number): each}
        found.setdefault(kind, each)
    return found
