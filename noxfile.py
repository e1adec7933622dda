"""What is run on every change, on Linux, macOS and Windows alike: `nox -l` lists it, `nox -s tests` runs one."""

import json
import sys
import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
ROOT = Path(__file__).parent
DEV = nox.project.load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"]["dev"]
WITHOUT_WHEELS = {  # extra -> systems there is no such onnxruntime for
    "openvino": ("darwin",),
    "directml": ("darwin", "linux"),
}
ALL_OK = """
import sys
import bench
trials = bench.read_runs(sys.argv[1])
print(trials[["target", "provider", "status", "reason"]].drop_duplicates().to_string(index=False))
sys.exit(set(trials["status"]) != {"ok"})
"""


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, against the installed package. Arguments go to pytest: `nox -s tests -- -k duel`."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*(tool for tool in DEV if tool.startswith("ruff")))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    session.install(".[dev]")
    session.run("mypy")


@nox.session
def worker_minimal(session: nox.Session) -> None:
    """The worker in environments that hold numpy and one runtime, and nothing else."""
    session.install(".[test]")
    session.run("pytest", "-m", "runtimes", "tests/integration/test_worker_minimal.py", *session.posargs)


@nox.session
def runtimes(session: nox.Session) -> None:
    """Real runtimes whose environments take half a gigabyte and more, which no other session builds."""
    session.install(".[test]")
    session.run("pytest", "-m", "heavy", "tests/integration", *session.posargs)


@nox.session
@nox.parametrize("extra", ["cpu", "openvino", "directml"])
def wheel(session: nox.Session, extra: str) -> None:
    """One onnxruntime wheel beside ortbench itself, measured with `environment: current`."""
    if sys.platform in WITHOUT_WHEELS.get(extra, ()):
        session.skip(f"there is no onnxruntime with {extra} for {sys.platform}")
    session.install(f".[{extra}]")
    names = list(dict.fromkeys(["cpu", extra]))
    suite = {
        "suite": f"current-{extra}",
        "preset": "quick",
        "targets": {name: {"target": name, "environment": "current"} for name in names},
        "matrix": {"model": "magika", "target": names},
    }
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):  # not the checkout: the wheel is meant
        Path("suite.yaml").write_text(json.dumps(suite), "utf-8")  # JSON is YAML
        session.run("ortbench", "run", "suite.yaml", "--no-report")
        session.run("python", "-c", ALL_OK, "results")


@nox.session
def quickstart(session: nox.Session) -> None:
    """The README's first command."""
    session.install(".")
    session.run("ortbench", "run", "suites/quickstart.yaml", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """The report of the committed reference run, or of the runs given as arguments, into reports/nox."""
    session.install(".")
    runs = session.posargs or [str(path) for path in ROOT.glob("results/reference-*.parquet")]
    session.run("ortbench", "report", *runs, "-o", "reports/nox")


@nox.session
def docs(session: nox.Session) -> None:
    """docs/ as a site, into build/docs. A warning is an error."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "build/docs")
