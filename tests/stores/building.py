"""A driver to be killed: `python -m tests.stores.building URL SCRATCH PORT`."""

import sys
from pathlib import Path
from types import SimpleNamespace

from tests.stores.test_root import run

if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), SimpleNamespace(connect_to={"*": f"127.0.0.1:{sys.argv[3]}"}))
