"""The documents of the repository, and the examples in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python_in(document: Path) -> list[str]:
    """The Python files that a document shows, as written."""
    return re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
