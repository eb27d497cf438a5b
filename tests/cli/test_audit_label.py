"""`wit audit label` as a process: labels by HTTP, Ctrl-C, and an audit that follows."""

import json
import re
import signal
import subprocess
import urllib.request

import pytest

from tests.audit.folders import audited, held, jpeg, rows, shards, told
from tests.cli.processes import WIT, environment
from tests.images.pictures import encoded


@pytest.fixture
def out(tmp_path):
    """An audit of a set whose two images are near samples 0 and 1, in other qualities."""
    from tests.audit.folders import picture

    shards(tmp_path / "shards", [jpeg(n) for n in range(3)])
    held(tmp_path / "mine", [encoded(picture(n), quality=40) for n in range(2)])
    return audited(tmp_path, tmp_path / "mine")


def get(address, path):
    return urllib.request.urlopen(address + path, timeout=20).read()


def test_what_people_say_moves_the_threshold_and_the_audit_follows(out, tmp_path):
    assert told(out)["sets"][0]["overlap"] == 2
    run = subprocess.Popen(
        [*WIT, "audit", "label", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", run.stderr.readline())[0]
        token = re.search(r'token = "([^"]+)"', get(address, "/").decode())[1]
        for _ in range(2):
            number = json.loads(get(address, "/next"))["pair"]["number"]
            said = json.dumps({"number": number, "same": False}).encode()
            request = urllib.request.Request(address + "/label", said, {"X-Token": token})
            assert urllib.request.urlopen(request, timeout=20).status == 200
        assert get(address, f"/image/set/{number}")[:2] == b"\xff\xd8"
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=120)
    finally:
        run.kill()
    assert re.search(r"^mine: pdq from (0\.9|1\.0)\d+ on, before 0\.8", said, re.MULTILINE)
    assert max(row["similarity"] for row in rows(out)) < told(out)["sets"][0]["thresholds"]["pdq"] <= 1
    assert told(out)["sets"][0]["overlap"] == 0
    assert re.search(r"^  mine +2 +0 ", said, re.MULTILINE)
    assert (out / "report.html").exists()


def test_a_folder_without_an_audit_is_one_sentence(tmp_path):
    run = subprocess.run(
        [*WIT, "audit", "label", str(tmp_path)], capture_output=True, text=True, env=environment()
    )
    assert run.returncode == 2
    assert "holds no finished audit" in run.stderr
