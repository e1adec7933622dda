"""What an environment must hold: the catalog's pinned requirements with a target's own in their place."""

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bench.catalog import Runtime, Target, runtimes
from bench.errors import UsageError


@dataclass(frozen=True)
class EnvironmentSpec:
    """`label` names it to people; `requirements` are sorted.

    `current` is the interpreter ortbench runs in, `folder` a virtual environment that somebody else made.
    """

    label: str
    requirements: tuple[str, ...]
    torch_cpu: bool = False
    current: bool = False
    folder: Path | None = None


def spec_for(target: Target) -> EnvironmentSpec:
    """Return the environment a target runs in.

    A requirement of the target replaces the runtime's of the same distribution; the catalog's constraints by version
    then apply to whatever the target did not name itself. Raises UsageError for a requirement nobody can read.
    """
    runtime = runtimes()[target.runtime]
    if target.environment != "isolated":
        if target.requirements:
            raise UsageError(
                f"Target `{target.name}` asks for {', '.join(target.requirements)} in the environment "
                f"{target.environment}, but ortbench installs nothing there.",
                "Leave `requirements` out, or leave out `environment`.",
            )
        if target.environment == "current":
            return EnvironmentSpec("current", (), current=True)
        folder = Path(target.environment).expanduser().absolute()
        return EnvironmentSpec(folder.name, (), folder=folder)
    overrides = _by_name(target.requirements, f"target `{target.name}`")
    changed = sorted(str(row) for row in overrides.values() if str(row) not in runtime.requirements)
    label = f"{runtime.name} ({', '.join(changed)})" if changed else runtime.name
    return EnvironmentSpec(label, _resolved(runtime, overrides), runtime.torch_cpu)


def tools_spec() -> EnvironmentSpec:
    """Return the environment that inspects, converts and makes references."""
    return spec_of("tools")


def spec_of(runtime: str) -> EnvironmentSpec:
    """Return the environment of a row of the catalog, as it stands there."""
    row = runtimes()[runtime]
    return EnvironmentSpec(runtime, _resolved(row, {}), row.torch_cpu)


def _resolved(runtime: Runtime, overrides: dict[str, Requirement]) -> tuple[str, ...]:
    wanted = _by_name(runtime.requirements, f"runtime `{runtime.name}`") | overrides
    added: dict[str, Requirement] = {}
    for row in runtime.constraints:
        when, add = Requirement(row["when"]), Requirement(row["add"])
        name = canonicalize_name(add.name)
        version = _pinned(wanted.get(canonicalize_name(when.name)))
        if name in overrides or version is None or not when.specifier.contains(version, prereleases=True):
            continue
        if name in added:  # two rows speak of the same package: both hold
            add.specifier &= added[name].specifier
        added[name] = add
    return tuple(sorted(str(requirement) for requirement in (wanted | added).values()))


def _by_name(texts: list[str], where: str) -> dict[str, Requirement]:
    found: dict[str, Requirement] = {}
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f"`{text}`, a requirement of {where}, cannot be read: {reason}.",
                "Write it as a name and a version, such as onnxruntime==1.20.1.",
            ) from error
        found[canonicalize_name(requirement.name)] = requirement
    return found


def _pinned(requirement: Requirement | None) -> Version | None:
    """Return the version a requirement is pinned to, or None where it leaves a choice."""
    for part in requirement.specifier if requirement else ():
        if part.operator in ("==", "==="):
            try:
                return Version(part.version.removesuffix(".*"))
            except InvalidVersion:
                return None
    return None
