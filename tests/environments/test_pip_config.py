"""uv hears what pip was told."""

from pathlib import Path

import pytest
from packaging.tags import sys_tags
from support.wheelhouse import make_wheel

from bench.environments.pip_config import cpu_torch, parse, read_pip_config, uv_arguments, uv_variables

HERE = str(next(sys_tags()))


def flags(arguments: list[str]) -> list[tuple[str, str]]:
    assert arguments[:2] == ["--index-strategy", "unsafe-best-match"]
    return list(zip(arguments[2::2], arguments[3::2], strict=True))


def test_the_command_overrides_global_and_variables_override_both():
    listing = """\
:env:.find-links='/env'
global.find-links='/global'
global.index-url='https://global/simple'
install.index-url='https://install/simple'
global.timeout='60'
"""
    assert parse(listing) == {"find-links": "/env", "index-url": "https://install/simple", "timeout": "60"}


def test_an_empty_variable_counts_as_not_given():
    assert parse(":env:.find-links=''\nglobal.find-links='/global'\n") == {"find-links": "/global"}


def test_values_over_several_lines_are_all_used():
    config = parse("global.extra-index-url='https://a/simple\\nhttps://b/simple'\n")
    assert flags(uv_arguments(config)) == [
        ("--extra-index-url", "https://a/simple"),
        ("--extra-index-url", "https://b/simple"),
    ]


def test_indexes_hosts_and_folders_become_flags(tmp_path):
    config = {"index-url": "https://a/simple", "trusted-host": "a b", "find-links": f"{tmp_path} https://c/wheels"}
    assert flags(uv_arguments(config)) == [
        ("--default-index", "https://a/simple"),
        ("--find-links", str(tmp_path)),
        ("--find-links", "https://c/wheels"),
        ("--allow-insecure-host", "a"),
        ("--allow-insecure-host", "b"),
    ]


def test_a_missing_folder_is_passed_over_as_pip_does(tmp_path):
    missing = tmp_path / "none"
    assert flags(uv_arguments({"find-links": f"{missing} {missing.as_uri()}"})) == []


@pytest.mark.parametrize(("value", "given"), [("1", True), ("true", True), ("0", False), ("no", False)])
def test_no_index_is_passed_on(value, given):
    assert ("--no-index" in uv_arguments({"no-index": value})) is given


def test_certificates_and_proxy_become_variables_unless_the_user_set_those():
    config = {"cert": "/pip.pem", "proxy": "http://proxy:3128"}
    assert uv_variables(config, {}) == {"SSL_CERT_FILE": "/pip.pem", "ALL_PROXY": "http://proxy:3128"}
    assert uv_variables(config, {"SSL_CERT_FILE": "/own.pem"}) == {"ALL_PROXY": "http://proxy:3128"}


def test_pip_itself_is_asked(tmp_path, monkeypatch):
    own = tmp_path / "pip.ini"
    own.write_text("[global]\nextra-index-url =\n    https://a/simple\n    https://b/simple\nfind-links = /global\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(own))
    monkeypatch.setenv("PIP_FIND_LINKS", "/env")
    config = read_pip_config(tmp_path)
    assert config["extra-index-url"].split()[-2:] == ["https://a/simple", "https://b/simple"]
    assert config["find-links"] == "/env"


def test_a_module_called_pip_in_the_way_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", "/env")
    assert read_pip_config(tmp_path / "here")["find-links"] == "/env"


def test_a_cpu_build_of_torch_in_find_links_is_pinned(tmp_path):
    make_wheel(tmp_path, "torch", "2.13.0+cpu", tag=HERE)
    for place in (str(tmp_path), tmp_path.as_uri()):
        assert cpu_torch("torch==2.13.0", {"find-links": place}) == "torch==2.13.0+cpu"


@pytest.mark.parametrize(
    ("version", "tag"), [("2.12.0+cpu", HERE), ("2.13.0", HERE), ("2.13.0+cpu", "cp27-cp27m-win32")]
)
def test_another_version_build_or_platform_is_not(tmp_path: Path, version, tag):
    make_wheel(tmp_path, "torch", version, tag=tag)
    assert cpu_torch("torch==2.13.0", {"find-links": f"{tmp_path} https://c/wheels"}) is None
