import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.builds import GOOD, SUBJECTS, Killed, Silent, image_url
from tests.journeys.folders import ROOT, kept, lost, tars
from tests.site.told import REACH, Say, picture, told
from wit_builder import build, ledger, place, publish, retry
from wit_builder.curation.settings import Balance
from wit_builder.engine.local import LocalExecutor
from wit_builder.errors import ConfigError, ShardError
from wit_builder.ledger import Funnel
from wit_builder.lists.settings import UrlList
from wit_builder.queries.settings import Queries
from wit_builder.shards import manifest

NEW, COPY = 9, 10  # images that failed with 500, and come now: one is new, one is a copy of image 1


@pytest.fixture(scope="module")
def web():
    """The tiny web, after it was mended."""
    with told() as told_web:
        builds.tell(told_web)
        told_web.answers |= {image_url(NEW): Say(picture(NEW)), image_url(COPY): Say(picture(1))}
        yield told_web


@pytest.fixture(scope="module")
def finished():
    """A build from before it was mended."""
    return builds.finished()


@pytest.fixture(scope="module")
def retried(web, finished, tmp_path_factory):
    """A retry of all that was found broken; do not change it."""
    out = shutil.copytree(finished, tmp_path_factory.mktemp("retried") / "out")
    assert again(out, ["5xx", "http_404"], web) == (3, 1)
    return out


@pytest.fixture
def out(finished, tmp_path):
    """A copy of the finished build."""
    return shutil.copytree(finished, tmp_path / "out")


def again(out, only, web=None, **how):
    """(tried, kept) of a retry."""
    with closing(LocalExecutor(1)) as executor:
        return retry.run(out, only, web.connect_to if web else {REACH: None}, executor, Silent(), **how)


def reasons(out):
    return sorted((row[1], row[2]) for row in lost(out))


def test_what_comes_now_is_in_a_new_shard_and_the_old_ones_keep_their_bytes(finished, retried):
    before, after = tars(finished), tars(retried)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"00003.tar"}
    assert {url for url, _ in set(kept(retried)) - set(kept(finished))} == {image_url(NEW)}


def test_what_fails_again_stays_in_the_ledger_once(retried):
    found = reasons(retried)
    assert [reason for reason, _ in found] == ["duplicate_image", "duplicate_image", "http_404", "not_image"]
    assert {url for _, url in found} >= {image_url(COPY), image_url(8), image_url(11)}


def test_a_copy_of_a_published_image_names_it(retried):
    (evidence,) = [
        row["evidence"]
        for table in ledger.read(retried, "clean")
        for row in table.to_pylist()
        if row["url"] == image_url(COPY)
    ]
    published = next(row["id"] for row in _rows(retried) if row["url"] == image_url(1))
    assert evidence.endswith(f"first is {published}")


def test_everything_adds_up_after_a_retry(retried):
    funnel = Funnel.from_json(json.loads((retried / "funnel.json").read_text()))
    publish.check(retried, funnel)
    manifest.verify(retried)
    assert (funnel["fetch"].seen, funnel["fetch"].kept, funnel["clean"].kept) == (12, 10, GOOD + 1)
    assert (retried / "shards" / "__len__").read_text() == str(GOOD + 1)


def test_nothing_of_the_work_is_left(retried):
    assert not (retried / "retry").exists()


def test_the_card_keeps_its_command_and_counts_anew(retried):
    text = (retried / "README.md").read_text()
    assert f"{GOOD + 1} pairs of image and text" in text
    assert "wit build ./tiny.py" in text


def test_a_second_retry_takes_up_what_is_left_and_can_come_to_nothing(web, retried, tmp_path):
    out = shutil.copytree(retried, tmp_path / "out")
    assert again(out, ["4xx"], web) == (1, 0)
    assert (tars(out), reasons(out)) == (tars(retried), reasons(retried))


def test_only_what_was_named_is_asked_for(web, out):
    web.asked.clear()
    again(out, ["not_image"], web)
    assert web.asked == [image_url(11)]


def test_it_asks_as_slowly_as_told_and_the_recipe_stays(web, out):
    recipe = json.loads((out / "build.json").read_text())["recipe"]
    web.log.clear()
    again(out, ["http_404", "not_image"], web, delay_s=0.5)
    when = [at for at, _, url in web.log if url in (image_url(8), image_url(11))]
    assert len(when) == 2 and when[1] - when[0] > 0.45
    assert json.loads((out / "build.json").read_text())["recipe"] == recipe


@pytest.mark.parametrize(("deadline_s", "kept"), [(1.0, 0), (30.0, 1)])
def test_it_waits_as_long_as_told(out, deadline_s, kept):
    with told() as slow:
        slow.answers[image_url(8)] = Say(picture(8), wait=2.0)
        assert again(out, ["http_404"], slow, deadline_s=deadline_s) == (1, kept)
    assert ("timeout" in [reason for reason, _ in reasons(out)]) is not bool(kept)


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (["4xx"], ["http_404"]),
        (["5xx", "dns"], ["dns", "http_500", "http_503"]),
        (["http_503"], ["http_503"]),
        (["5xx", "http_503"], ["http_500", "http_503"]),
        (["4xx", "tls"], ["http_404"]),
        (["http_404", "http_403"], ["http_404"]),  # however alike they look
    ],
)
def test_words_are_reasons_or_families_of_them(only, found):
    present = {"http_404": 3, "http_500": 1, "http_503": 1, "dns": 2}
    assert retry._reasons(only, present) == found


@pytest.mark.parametrize(
    ("only", "said", "hint"),
    [
        (
            ["http_403"],
            "no download failed for 'http_403'; seen were http_404, http_500",
            "--only http_404",
        ),
        (["tls"], "no download failed for 'tls'", None),
        (["htp_404"], "no download failed for 'htp_404'", "--only http_404"),
        (["h.*"], "no download failed for 'h.*'", None),
        ([], "which failures shall be retried", "--only dns,timeout,5xx"),
    ],
)
def test_a_word_that_means_nothing_is_said_with_the_nearest_and_nothing_begins(out, only, said, hint):
    with pytest.raises(ConfigError) as caught:
        again(out, only)
    assert said in str(caught.value) and caught.value.hint == hint
    assert not (out / "retry").exists()


def test_a_failure_whose_candidate_is_gone_is_not_passed_over(web, out):
    (part,) = (out / "candidates").glob("part-*.parquet")
    table = pq.read_table(part)
    (gone,) = [row[2] for row in lost(out) if row[:2] == ("fetch", "http_404")]
    pq.write_table(table.filter(pc.not_equal(table.column("url"), gone)), part)
    with pytest.raises(ShardError, match=f"candidates lacks what failed, such as {gone}"):
        again(out, ["5xx", "http_404"], web)
    assert not (out / "retry").exists()
    assert again(out, ["5xx"], web)[0] == 2


def test_an_unfinished_build_is_not_retried(tmp_path):
    build.start(tmp_path / "out", builds.recipe(), resume=False)
    with pytest.raises(ConfigError, match="is not finished"):
        again(tmp_path / "out", ["5xx"])


def test_a_folder_without_a_build_is_not_retried(tmp_path):
    with pytest.raises(ConfigError, match="holds no build"):
        again(tmp_path, ["5xx"])


@pytest.mark.parametrize("change", [{"type": "wit_builder.recipe:Recipe", "colour": "red"}, {"name": "tiny"}])
def test_a_recipe_that_this_version_does_not_know_is_said(out, change):
    state = json.loads((out / "build.json").read_text())
    (out / "build.json").write_text(json.dumps(state | {"recipe": change}))
    with pytest.raises(ConfigError, match=r"colour|is none"):
        again(out, ["5xx"])


def test_an_unfinished_retry_of_other_reasons_comes_first(out):
    retry._begin(place.at(out), out / "retry", ["5xx"])
    with pytest.raises(ConfigError, match="has an unfinished retry of 5xx") as caught:
        again(out, ["not_image"])
    assert caught.value.hint == f"wit retry {out} --only 5xx"


def test_while_one_command_works_another_is_refused(out):
    with build.only_one(out), pytest.raises(ConfigError, match="another wit command"):
        again(out, ["5xx"])


def test_a_build_without_a_shard_gets_its_first(tmp_path):
    out = tmp_path / "out"
    with told() as web:
        web.page(builds.SEED, {image_url(n): "A picture of a boat" for n in range(2)})
        builds.run(out, web.connect_to)
        web.answers[image_url(1)] = Say(picture(1))
        assert again(out, ["http_404"], web) == (2, 1)
    assert list(tars(out)) == ["00000.tar"]
    assert reasons(out) == [("http_404", image_url(0))]


def test_what_comes_now_has_the_captions_of_its_url_as_if_it_had_come_at_once(tmp_path):
    made = builds.recipe(source=UrlList(files=(str(tmp_path / "list.csv"),)))
    texts = [
        (0, "A boat on a lake"),
        (1, "A red tower"),
        (1, "The tower at dawn"),
        (2, "A picture of a hill"),
    ]
    lines = ["url,caption", *(f"{image_url(n)},{text}" for n, text in texts)]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    with told() as web:
        web.answers |= {image_url(n): Say(picture(n)) for n in range(3)}
        builds.run(tmp_path / "whole", web.connect_to, made)
        web.answers[image_url(1)] = Say(status=503)
        builds.run(tmp_path / "out", web.connect_to, made)
        web.answers[image_url(1)] = Say(picture(1))
        assert again(tmp_path / "out", ["5xx"], web) == (1, 1)
    whole, mended = (
        {row["url"]: (row["caption"], row["alt_texts"]) for row in _rows(out) if row["status"] == "success"}
        for out in (tmp_path / "whole", tmp_path / "out")
    )
    assert mended == whole
    assert "pages" not in json.loads((tmp_path / "out" / "funnel.json").read_text())
    assert len(mended[image_url(1)][1]) == 1


def test_killed_at_any_step_of_the_publication_the_same_command_ends_the_same(web, out, retried, monkeypatch):
    killed = 0
    while not _gets_through(out, web, killed, monkeypatch):
        killed += 1
        assert publish.read_state(out)["state"] == "complete"
    assert killed > 10
    assert (tars(out), lost(out)) == (tars(retried), lost(retried))
    assert _sidecars(out) == _sidecars(retried)


def _gets_through(out, web, steps, monkeypatch):
    """Whether the retry ends before so many renames; then it is killed."""
    left = steps

    def mortal(rename):
        def call(self, target):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return rename(self, target)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(Path, name, mortal(getattr(Path, name)))
        try:
            again(out, ["5xx", "http_404"], web)
        except Killed:
            return False
    return True


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
def test_killed_at_random_points_the_same_command_ends_the_same(web, out, retried, seed):
    rng = random.Random(seed)
    command = [sys.executable, "-m", "wit_builder", "retry", str(out), "--only", "5xx,http_404", "--quiet"]
    command += ["--connect-to", f"*.test=127.0.0.1:{web.port}"]
    done = None
    while done is None:
        run = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            done = run.wait(rng.uniform(0.3, 2.0) if rng.random() < 0.8 else 60)
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
        _, said = run.communicate()
    assert done == 0, said
    assert (tars(out), lost(out)) == (tars(retried), lost(retried))


def _rows(out):
    return [row for path in sorted(out.glob("shards/*.parquet")) for row in pq.read_table(path).to_pylist()]


def _sidecars(out):
    """The rows of all sidecars, without their times."""
    return [{k: v for k, v in row.items() if k not in ("fetched_at", "found_at")} for row in _rows(out)]


@pytest.fixture(scope="module")
def balanced(tmp_path_factory):
    """A build of at most 3 pairs with "picture", from before the web was mended; do not change it."""
    with told() as told_web:
        builds.tell(told_web)
        out = tmp_path_factory.mktemp("balanced") / "out"
        entries = ("picture", SUBJECTS[0], SUBJECTS[NEW])
        asked = {"queries": Queries(entries=entries), "balance": Balance(per_query=3)}
        builds.run(out, told_web.connect_to, builds.recipe(**asked))
    return out


def test_a_pair_that_no_full_query_brings_in_comes_in_by_its_own(web, balanced, tmp_path):
    out = shutil.copytree(balanced, tmp_path / "out")
    before, had = tars(out), counts(out)
    assert had["picture"] == (GOOD, len(kept(out)), 3)
    assert again(out, ["5xx"], web) == (2, 1)
    assert {name: tars(out)[name] for name in before} == before
    assert counts(out) == {
        "picture": (GOOD + 1, len(kept(out)), 3),
        SUBJECTS[0]: had[SUBJECTS[0]],
        SUBJECTS[NEW]: (1, 1, 1),
    }


def test_a_pair_that_only_a_full_query_holds_does_not_come_in(web, tmp_path):
    out = tmp_path / "out"
    with told() as broken:
        builds.tell(broken)
        asked = {"queries": Queries(entries=("picture",)), "balance": Balance(per_query=None, target=4)}
        builds.run(out, broken.connect_to, builds.recipe(**asked))
    assert len(kept(out)) == 4
    assert again(out, ["5xx"], web) == (2, 0)
    assert [row[2] for row in lost(out) if row[1] == "query_full"].count(image_url(NEW)) == 1
    assert counts(out)["picture"] == (GOOD + 1, 4, 4)


def counts(out):
    """{query: (matched, kept, brought)} of OUT/queries.parquet."""
    rows = pq.read_table(out / "queries.parquet").to_pylist()
    return {row["entry"]: (row["matched"], row["kept"], row["brought"]) for row in rows}


def test_killed_while_the_report_is_drawn_the_same_command_says_the_same(out, web):
    def dies(there):
        raise Killed

    with closing(LocalExecutor(1)) as executor, pytest.raises(Killed):
        retry.run(out, ["5xx"], web.connect_to, executor, Silent(), dies)
    before, drawn = tars(out), []
    with closing(LocalExecutor(1)) as executor:
        assert retry.run(out, ["5xx"], web.connect_to, executor, Silent(), drawn.append) == (2, 1)
    assert tars(out) == before and len(drawn) == 1 and not (out / "retry").exists()


def test_killed_while_it_clears_up_the_same_command_ends_well_and_other_words_are_still_checked(
    out, web, monkeypatch
):
    real = shutil.rmtree

    def dies(path, **more):
        if Path(path).name == ".retry.gone" and Path(path).exists():
            raise Killed
        real(path, **more)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(publish.shutil, "rmtree", dies)
        again(out, ["5xx"], web)
    before = tars(out)
    assert (out / ".retry.gone").exists() and len(before) == 4
    assert again(out, ["5xx"], web) == (0, 0)
    assert tars(out) == before and not (out / ".retry.gone").exists()
    with pytest.raises(ConfigError, match="no download failed for '5xx'"):
        again(out, ["5xx"], web)
