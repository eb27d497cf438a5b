"""What is imported when: the door opens at once, and torch stays out of the data road."""

import resource
import subprocess
import sys

import pytest

from tests.cli.processes import WIT, environment
from tests.structure.documents import ROOT, modules

HEAVY = {"torch", "pyarrow", "aiohttp", "PIL", "numpy", "faiss", "rich"}


def loaded(code):
    """The top modules that are loaded when the code has run."""
    code += "\nprint('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "typed",
    [
        ["--help"],
        ["build", "--help"],
        ["show", "--help"],
        ["retry", "--help"],
        ["fetch", "--help"],
        ["train", "--help"],
        ["eval", "--help"],
        ["shwo"],
    ],
)
def test_help_imports_nothing_heavy(typed):
    code = f"from wit_builder.cli import main; sys.argv = ['wit', *{typed}]\ntry: main()\nexcept SystemExit: pass"
    assert HEAVY & loaded(code) == set()


@pytest.mark.parametrize(
    ("module", "none_of"),
    [
        ("cli.fetch", {"email"}),  # by importlib.metadata, which finds recipes
        ("cli.fetched", {"aiohttp", "jinja2", "simplejpeg", "cykooz_resizer", "aiodns", "fsspec"}),
        ("cli.fetched", {"PIL", "asyncio", "protego"}),
        ("fetch.fetch", {"aiohttp", "simplejpeg", "PIL", "aiodns", "fsspec"}),
        ("fetch.child", {"tempfile", "asyncio", "pyarrow"}),
        ("archive.collect", {"asyncio", "protego"}),
        ("build", {"aiohttp", "simplejpeg", "aiodns", "fsspec", "faiss", "PIL", "asyncio"}),
    ],
)
def test_nothing_is_imported_that_may_not_be_needed(module, none_of):
    """Servers and pages, decoders and loops outside of their processes, name servers, stores."""
    assert loaded(f"import wit_builder.{module}") & none_of == set()


@pytest.mark.parametrize("name", ["common_crawl", "crawl", "demo", "url_list"])
def test_a_recipe_imports_no_decoder(name):
    assert {"PIL", "simplejpeg", "cykooz_resizer"} & loaded(f"import wit_pipelines.{name}") == set()


def test_an_interval_takes_no_second_of_scipy_stats():
    loaded("import wit_builder.planning.plan\nassert 'scipy.stats' not in sys.modules")


@pytest.mark.parametrize("module", ["cli.fetched", "fetch.fetch", "curation.near", "engine.hashes"])
def test_loops_that_nobody_has_called_import_no_numba(module):
    assert "numba" not in loaded(f"import wit_builder.{module}")


def test_a_fetch_without_listed_hashes_imports_no_faiss():
    code = "from wit_builder.blocklist.blocked import Blocked\nfrom wit_builder.fetch import fetch\n"
    assert "faiss" not in loaded(code + "Blocked.of_tombstones()")


def test_no_module_of_the_data_road_imports_torch():
    """Only model/, train/, evaluate/ and three of the audit do, and what is there for recipes and flags does not."""
    names = [
        ".".join(path.with_suffix("").parts[-(len(path.parts) - path.parts.index(root)) :])
        for path in modules()
        for root in ("wit_builder", "wit_filters", "wit_pipelines")
        if root in path.parts and path.stem not in ("__main__", "__init__")
        if path.parent.name not in ("model", "train", "evaluate")
        or path.stem in ("load", "names", "settings")
        if path.parent.name != "learned" or path.stem not in ("embed", "network", "train")
    ]
    assert len(names) > 100
    assert "torch" not in loaded("\n".join(f"import {name}" for name in names))


def cpu_seconds(typed):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*WIT, *typed], capture_output=True, cwd=ROOT, env=environment(), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    ("typed", "most"),
    [
        (["--help"], 0.3),
        (["build", "--help"], 0.5),
        (["show", "--help"], 0.5),
        (["build", "demo", "--help"], 1.5),
    ],
)
def test_help_is_quick(typed, most):
    """One of ten tries is: others may be at work on the machine."""
    assert any(cpu_seconds(typed) < most for _ in range(10))
