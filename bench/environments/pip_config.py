"""What the user told pip about where packages come from, as uv wants to hear it. uv itself reads none of it."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

FLAGS = {  # pip's key -> uv's flag, once for each value
    "index-url": "--default-index",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}
VARIABLES = {  # pip's key -> the environment variable uv reads
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
SECTIONS = ("global", "install", ":env:")  # the later overrides, as in pip


def read_pip_config(folder: Path) -> dict[str, str]:
    """Return the settings that hold for `pip install` with this interpreter; {} where there is no pip.

    pip merges its own files and PIP_* variables; `folder` is where it is run, so that nothing there is taken for pip.
    """
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    return parse(listed.stdout) if listed.returncode == 0 else {}


def parse(listing: str) -> dict[str, str]:
    """Read the lines of `pip config list`, `section.key='value'`; empty values count as not given."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if equals and section in found and (text := str(ast.literal_eval(value))).strip():
            found[section][key] = text
    return {key: value for section in SECTIONS for key, value in found[section].items()}


def uv_arguments(config: Mapping[str, str]) -> list[str]:
    """Return uv's flags for pip's indexes, folders of wheels and trusted hosts."""
    arguments = ["--index-strategy", "unsafe-best-match"]  # every index is searched, the best version wins: as pip does
    if config.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        arguments.append("--no-index")
    for key, flag in FLAGS.items():
        for value in config.get(key, "").split():
            place = _local(value)
            if key != "find-links" or place is None or place.exists():  # pip passes over missing ones, uv stops
                arguments += [flag, value]
    return arguments


def uv_variables(config: Mapping[str, str], present: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables that carry the rest of it, leaving alone those the user has set for uv."""
    return {name: config[key] for key, name in VARIABLES.items() if key in config and name not in present}


def cpu_torch(requirement: str, config: Mapping[str, str]) -> str | None:
    """Return `torch==X+cpu` where pip's find-links hold that CPU build for this interpreter, else None."""
    wanted = Requirement(requirement)
    fits = set(sys_tags())
    for value in config.get("find-links", "").split():
        folder = _local(value)
        for wheel in sorted(folder.glob("torch-*.whl")) if folder and folder.is_dir() else ():
            try:
                name, version, _, tags = parse_wheel_filename(wheel.name)
            except InvalidWheelFilename:
                continue
            same = name == canonicalize_name(wanted.name) and wanted.specifier.contains(version, prereleases=True)
            if same and version.local == "cpu" and tags & fits:
                return f"{name}=={version}"
    return None


def _local(place: str) -> Path | None:
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in place else Path(place).expanduser()
