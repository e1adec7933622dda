"""What this machine is, for the record of a run and for deciding what can run here. What cannot be read is None."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from bench.environments.machine.conditions import conditions, governor, power_source, turbo
from bench.environments.machine.cpu import caches, cpu_flags, cpu_model
from bench.environments.machine.gpu import gpus, software_vulkan
from bench.environments.machine.limits import (
    affinity_count,
    cpu_quota,
    memory_limit_bytes,
    physical_cores,
    usable_cores,
)
from bench.environments.machine.virtual import container, hypervisor

__all__ = ["conditions", "devices", "fingerprint", "on_this_machine", "platform_name", "usable_cores"]

PACKAGES = ("ortbench", "numpy", "pandas", "pip", "psutil", "pyarrow", "scipy", "uv")
GIB = 1024**3


def platform_name() -> str:
    """Return "system-machine" as the catalog spells platforms: linux-x86_64, windows-amd64, darwin-arm64."""
    return f"{platform.system()}-{platform.machine()}".lower()


def devices() -> frozenset[str]:
    """Return the kinds of accelerator whose driver answers here: `nvidia` where nvidia-smi lists one, else by maker.

    `gpu` stands for any of these; a Vulkan device that is software is `software-vulkan`.
    """
    found = {str(row["vendor"]) for row in gpus() if row["vendor"] != "nvidia" or row["driver"]}
    return frozenset({*found, *(["gpu"] if found else []), *(["software-vulkan"] if software_vulkan() else [])})


def on_this_machine(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a target's environment variables, with {icd} and {icd_folder} of the software Vulkan device found here."""
    icd = software_vulkan() if variables else None
    places = {"{icd}": str(icd or ""), "{icd_folder}": str(icd.parent) if icd else ""}
    return {name: places.get(value, value) for name, value in variables.items()}


def fingerprint() -> dict[str, Any]:
    """Return everything about this machine that a reader of its numbers may ask for, ready for JSON.

    `machine_id` is a hash of what must agree for two runs to be comparable: processor, cores, memory to the GiB,
    operating system, hypervisor, GPUs, and $ORTBENCH_MACHINE_NAME, which tells twins apart. The host's own name is left
    out on purpose: people publish reports, and a nightly job's machines change theirs.
    """
    model, cores, cards = cpu_model(), usable_cores(), gpus()
    chosen = os.environ.get("ORTBENCH_MACHINE_NAME")
    memory = psutil.virtual_memory().total
    virtual = hypervisor()
    identity = [
        model, physical_cores(), os.cpu_count(), cores, round(memory / GIB), platform_name(), virtual,
        [row["name"] for row in cards], chosen,
    ]  # fmt: skip
    return {
        "machine_id": hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16],
        "name": chosen or f"{model or platform.machine()}, {cores} core{'s' if cores > 1 else ''}",
        "platform": platform_name(),
        "os": os_name(),
        "kernel": platform.release() or None,
        "cpu": {
            "model": model,
            "flags": cpu_flags(),
            "physical_cores": physical_cores(),
            "logical_cores": os.cpu_count(),
            "affinity": affinity_count(),
            "quota": cpu_quota(),
            "usable_cores": cores,
            "caches_bytes": caches(),
            "governor": governor(),
            "turbo": turbo(),
        },
        "memory_bytes": memory,
        "memory_limit_bytes": memory_limit_bytes(),
        "power_source": power_source(),
        "hypervisor": virtual,
        "container": container(),
        "gpus": cards,
        "conditions": conditions(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def os_name() -> str | None:
    """Return the operating system's name and version as its makers write it."""
    if platform.system() == "Linux":
        try:
            return platform.freedesktop_os_release().get("PRETTY_NAME")
        except OSError:
            return None
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()} ({platform.version()})"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
