"""Packages and a server made on the spot, so that installing and downloading can be tested with no network."""

import base64
import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Wheelhouse:
    """A cache of its own, and a folder of wheels that pip and uv are told to take everything from."""

    cache: Path
    wheels: Path

    def add(self, name: str, version: str, files: dict[str, bytes] | None = None, tag: str = "py3-none-any") -> Path:
        return make_wheel(self.wheels, name, version, files, tag)

    def leftovers(self) -> list[str]:
        """Names of what lies in the cache beside finished folders and their locks."""
        return sorted(str(path.relative_to(self.cache)) for path in self.cache.rglob("*.tmp-*"))


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    house = Wheelhouse(tmp_path / "cache", tmp_path / "wheels")
    house.wheels.mkdir()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORTBENCH_CACHE", str(house.cache))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house.wheels))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return house


def make_wheel(
    folder: Path, name: str, version: str, files: dict[str, bytes] | None = None, tag: str = "py3-none-any"
) -> Path:
    """Write a wheel that installs `files` (a module of its own name unless told)."""
    info = f"{name}-{version}.dist-info"
    content = dict(files or {f"{name}.py": f"VERSION = {version!r}\n".encode()})
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    content[f"{info}/RECORD"] = ("".join(lines) + f"{info}/RECORD,,\n").encode()
    target = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(target, "w") as wheel:
        for path, data in content.items():
            wheel.writestr(path, data)
    return target


@dataclass
class Site:
    """A web server's pages by path. `announced` overrides a page's length; `stall` holds its second half back."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    announced: dict[str, int] = field(default_factory=dict)
    stall: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(**pages: bytes) -> Iterator[Site]:
    """Serve pages on this machine."""
    site = Site(pages=dict(pages))

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.begin(self.path.lstrip("/"))

        def begin(self, path: str) -> bool:
            if path not in site.pages:
                self.send_error(404)
                return False
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(site.announced.get(path, len(site.pages[path]))))
            self.end_headers()
            return True

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            if not self.begin(path):
                return
            site.asked.append(path)
            body = site.pages[path]
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            if path in site.stall:
                site.stalled.set()
                site.go_on.wait(30)
            with contextlib.suppress(OSError):  # whoever asked has gone
                self.wfile.write(body[half:])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def start_python(code: str) -> "subprocess.Popen[str]":
    """Start another Python that can import this tree, with this process's environment variables."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def closed_port() -> str:
    """Return the URL of a port where nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    server.server_close()
    return url
