"""Two commands on one OUT whose file system has no locks: nothing can refuse the second."""

import json
import subprocess
import sys

from tests import builds
from tests.cli.processes import ROOT, environment
from tests.journeys.folders import kept, lost, tars
from tests.site.told import told

BUILD = """
import json, sys
from pathlib import Path
from tests import builds
from wit_builder.errors import WitError
try:
    builds.run(Path(sys.argv[1]), json.loads(sys.argv[2]))
except (WitError, FileNotFoundError) as error:  # what the other one has finished and cleared away
    sys.exit(str(error))
"""


def begun(out, web):
    words = [sys.executable, "-c", BUILD, str(out), json.dumps(web.connect_to)]
    odd = environment(WIT_ODD_LOCKS="1")
    return subprocess.Popen(words, env=odd, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_one_of_them_ends_with_the_same_data_set_and_the_other_too_or_with_one_sentence(tmp_path):
    with told() as web:
        builds.tell(web)
        both = [begun(tmp_path / "out", web) for _ in range(2)]
        said = [one.communicate(timeout=300)[1] for one in both]
    assert 0 in [one.returncode for one in both], said
    assert not any("Traceback" in words for words in said)
    found, finished = (
        [show(out) for show in (tars, lost, kept)] for out in (tmp_path / "out", builds.finished())
    )
    assert found == finished
