"""Where the real data is that several tests read: ../shared/data beside the checkout, never part of it."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("WIT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def shared_data(path: str) -> Path:
    """The file or folder in the shared data; skips the test where it is absent, fails it in CI."""
    found = ROOT / path
    if not found.exists():
        message = f"no {path} in the shared data ({ROOT}); set WIT_SHARED_DATA to where it is"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
