"""The files of the repository that tests read, and the examples in its documents."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "wit_builder", ROOT / "filters" / "wit_filters", ROOT / "pipelines" / "wit_pipelines"]


def documents() -> list[Path]:
    """Everything written for readers."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "filters" / "README.md"]


def modules() -> list[Path]:
    """Every Python file of the three packages."""
    return sorted(path for package in PACKAGES for path in package.rglob("*.py"))


def python_in(document: Path) -> list[str]:
    """The Python files that a document shows, as written."""
    return re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
