"""One isolated environment per runtime: what it holds, where it is kept, how it is built and checked."""

from bench.environments.build import clean, ensure
from bench.environments.built import Environment, is_built, key_of, list_built
from bench.environments.folders import cache_root, disk_errors, finished_folder
from bench.environments.spec import EnvironmentSpec, spec_for, spec_of, tools_spec

__all__ = [
    "Environment",
    "EnvironmentSpec",
    "cache_root",
    "clean",
    "disk_errors",
    "ensure",
    "finished_folder",
    "is_built",
    "key_of",
    "list_built",
    "spec_for",
    "spec_of",
    "tools_spec",
]
