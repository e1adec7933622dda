"""Bring an archive or a file from a package registry or a URL, with the tools and settings the user already has."""

import http.client
import re
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from bench.environments.commands import run_command
from bench.errors import BenchError, EnvironmentFailed, UsageError
from bench.models.archives import MAX_BYTES, copy_limited

TIMEOUT_S = 60
NPM_SPEC = re.compile(r"(@[a-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*@\d[\w.+-]*")
NO_NETWORK = re.compile(
    r"connection broken|ConnectionError|ConnectTimeout|Could not fetch URL|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT"
)
DISK_FULL = re.compile(r"No space left|ENOSPC|Errno 28")
CHECK_NETWORK = "Check the network and run the command again; what is already in the cache works without one."


def from_pypi(spec: str, folder: Path) -> Path:
    """Download a package's wheel into `folder`, without installing or running anything of it, and return its path.

    pip does it, so that the user's own indexes, proxies and certificates hold.
    """
    try:
        known = Requirement(spec)
    except InvalidRequirement:
        known = None
    if known is None or known.url or not known.specifier:
        raise UsageError(f"`{spec}` does not name a package and its version.", "Write it as magika==1.0.3.")
    # A model is data: it may be taken from a package that asks for another Python than this one.
    options = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-input", "--progress-bar", "off"]
    package = f"{known.name}{known.specifier}"
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), package]
    code, said = run_command(command, folder)
    wheels = list(folder.glob("*.whl"))
    if code == 0 and len(wheels) == 1:
        return wheels[0]
    if any("No module named pip" in line for line in said):
        raise EnvironmentFailed(
            "pip, which downloads packages, is missing from this interpreter.", f"Run {sys.executable} -m ensurepip."
        )
    raise _refusal(spec, "PyPI", [line for line in said if line.startswith("ERROR")], "\n".join(said))


def from_npm(spec: str, folder: Path) -> Path:
    """Download an npm package's archive into `folder`, running none of its scripts, and return its path."""
    if not NPM_SPEC.fullmatch(spec):
        raise UsageError(f"`{spec}` does not name an npm package and its version.", "Write it as name@1.2.0.")
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentFailed(
            f"The package {spec} comes from npm, and there is no `npm` on this machine.",
            "Install Node.js, which brings npm, or leave the models that need it out of the suite.",
        )
    code, said = run_command(
        [npm, "pack", "--ignore-scripts", "--loglevel", "error", "--pack-destination", str(folder), spec], folder
    )
    archives = list(folder.glob("*.tgz"))
    if code == 0 and len(archives) == 1:
        return archives[0]
    errors = [line for line in said if line.startswith("npm error") and "log of this run" not in line]
    raise _refusal(spec, "npm", errors, "\n".join(said))


def from_url(url: str, folder: Path) -> Path:
    """Download one file (http, https or file) into `folder` and return its path.

    Raises EnvironmentFailed where the server refuses, falls silent for 60 s, or sends other than it announced.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file"):
        raise UsageError(f"`{url}` is not a URL that can be downloaded.", "Use https://, http:// or file://.")
    target = folder / url_name(url)
    request = urllib.request.Request(url, headers={"User-Agent": "ortbench"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer, target.open("xb") as out:
            announced = answer.headers.get("Content-Length")
            if announced and int(announced) > MAX_BYTES:
                raise EnvironmentFailed(f"{url} is larger than {MAX_BYTES // 1024**3} GiB.", "Get the file yourself.")
            received = copy_limited(answer, out, url)
    except urllib.error.HTTPError as error:
        raise EnvironmentFailed(
            f"{url} answered {error.code} {error.reason}.", "Check the URL in the suite."
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, FileNotFoundError):
            raise EnvironmentFailed(f"{url} names no file.", "Check the URL in the suite.") from error
        raise EnvironmentFailed(f"{url} could not be downloaded: {reason}.", CHECK_NETWORK) from error
    if announced and received != int(announced):
        raise EnvironmentFailed(
            f"The download of {url} was cut short: {received:,} of {int(announced):,} bytes came.",
            "Run the command again.",
        )
    return target


def url_name(url: str) -> str:
    """Return the file name a URL ends in, safe to use as one."""
    return re.sub(r"[^\w.+-]", "_", unquote(urlsplit(url).path).rpartition("/")[2]).lstrip(".") or "model"


def _refusal(spec: str, registry: str, errors: list[str], text: str) -> BenchError:
    told = "".join(f"\n    {line}" for line in errors[:4])
    if DISK_FULL.search(text):
        return EnvironmentFailed(
            f"{spec} could not be downloaded from {registry}: the disk is full.",
            "Free some space, or set ORTBENCH_CACHE to a folder on a disk with room.",
        )
    if NO_NETWORK.search(text):
        return EnvironmentFailed(
            f"{spec} could not be downloaded: no answer from {registry}, as your tools are configured.{told}",
            CHECK_NETWORK,
        )
    return EnvironmentFailed(
        f"{spec} could not be downloaded: {registry}, as your tools are configured, has no such package or version "
        f"for this machine.{told}",
        "Check the name and version; for another index, configure pip or npm as usual: ortbench uses them.",
    )
