"""Filters are tried on a made-up item before a crawl begins."""

from dataclasses import dataclass
from types import SimpleNamespace

import pyarrow as pa
import pytest

from tests.model import tiny
from wit_builder.cli.rehearsal import try_filters
from wit_builder.curation.settings import Duplicates, Semantic, Top
from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.images.picture import ImageSpec
from wit_builder.records import Candidate, Sample
from wit_filters.model import ClipScore
from wit_pipelines import demo


@dataclass(frozen=True)
class Says:
    what: object

    def __call__(self, item):
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


def recipe(candidate_filters=(), sample_filters=(), duplicates=Duplicates(), top=None, format="jpg"):  # noqa: B008
    return SimpleNamespace(
        candidate_filters=candidate_filters,
        sample_filters=sample_filters,
        duplicates=duplicates,
        top=top,
        image=ImageSpec(format=format),
    )


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(KEPT, "none"), (Verdict(None, "", (("aesthetic", 5.0),)), "aesthetic")],
)
def test_the_best_by_a_score_that_nothing_stores_are_refused(verdict, said):
    with pytest.raises(ConfigError, match=f"top is by 'clip_score'; scores of sample_filters: {said}$"):
        try_filters(recipe(sample_filters=(Says(verdict),), top=Top("clip_score")))


def test_the_best_by_a_score_that_a_rule_stores_pass():
    try_filters(recipe(sample_filters=(Says(Verdict("dull", "", (("x", 0.5),))),), top=Top("x")))


def test_the_filters_of_the_demo_pass():
    try_filters(demo.recipe())


@pytest.mark.parametrize("verdict", [KEPT, Verdict("too_dark")])
def test_both_verdicts_pass(verdict):
    try_filters(recipe((Says(verdict),), (Says(verdict),)))


@pytest.mark.parametrize("said", [True, False, None, (False, "too_dark"), "too_dark"])
@pytest.mark.parametrize("place", ["candidate_filters", "sample_filters"])
def test_what_is_no_verdict_is_refused(said, place):
    with pytest.raises(ConfigError, match=r"filter Says: it returns .*, expected a Verdict"):
        try_filters(recipe(**{place: (Says(said),)}))


def test_a_filter_that_fails_says_where():
    with pytest.raises(
        ConfigError, match=r"filter Says fails: .*test_rehearsal\.py, line \d+: KeyError: 'x'"
    ):
        try_filters(recipe((Says(KeyError("x")),)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([False], "drops what its may_drop passes over"),
        ([], "fails: .*may_drop says 0 times of 1 rows"),
        ([True, True], "fails: .*may_drop says 2 times of 1 rows"),
    ],
)
def test_a_filter_that_would_not_be_called_for_what_it_drops_is_refused(rows, words):
    class Screens(Says):
        def may_drop(self, _):
            return pa.array(rows, pa.bool_())

    with pytest.raises(ConfigError, match=f"filter Screens {words}"):
        try_filters(recipe((Screens(Verdict("too_dark")),)))
    with pytest.raises(ConfigError, match=r"filter Screens fails: .*KeyError"):
        try_filters(recipe((Screens(KeyError("x")),)))


def test_each_kind_of_filter_gets_its_kind_of_item():
    seen = []

    class Looks:
        def __call__(self, item):
            seen.append(item)
            return KEPT

    try_filters(recipe((Looks(),), (Looks(),)))
    assert [type(item) for item in seen[::2]] == [Candidate, Sample]
    assert seen[-1].original_width > 0


def broken(folder):
    """A checkpoint that is none."""
    (folder / "broken.pt").write_text("weights")
    return tiny.files()[0], str(folder / "broken.pt")


def test_a_rule_that_asks_a_model_judges_a_made_up_picture():
    try_filters(recipe(sample_filters=(ClipScore(*tiny.files()),), duplicates=meant(*tiny.files())))


def meant(model, checkpoint):
    return Duplicates(semantic=Semantic(model, checkpoint, eps=0.1))


def test_a_wrong_checkpoint_is_found_out(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^filter ClipScore: .* is no checkpoint that can be read"
    ) as caught:
        try_filters(recipe(sample_filters=(ClipScore(*broken(tmp_path)),)))
    assert "state dict" in caught.value.hint
    with pytest.raises(ConfigError, match=r"is no checkpoint that can be read"):
        try_filters(recipe(duplicates=meant(*broken(tmp_path))))


def test_a_batch_filter_whose_answer_is_no_verdict_is_refused():
    class Batch:
        def judge(self, items, images):
            return [image[:4] for image in images]

    with pytest.raises(ConfigError, match=r"filter Batch: it returns b'\\x89PNG', expected a Verdict"):
        try_filters(recipe(sample_filters=(Batch(),), format="png"))


@pytest.mark.parametrize(
    ("format", "begins"), [("jpg", b"\xff\xd8\xff"), ("png", b"\x89PNG"), ("webp", b"RIFF")]
)
def test_a_made_up_picture_has_the_format_that_the_recipe_stores(format, begins):
    seen = []

    class Reads:
        def judge(self, items, images):
            seen.extend(images)
            return [KEPT for _ in items]

    try_filters(recipe(sample_filters=(Reads(),), format=format))
    assert seen[0].startswith(begins)


def test_a_batch_filter_with_one_verdict_whatever_it_is_given_is_refused():
    class Batch:
        def judge(self, items, images):
            return [KEPT]

    with pytest.raises(ConfigError, match="filter Batch: judge returns 1 verdict of 2 items"):
        try_filters(recipe(sample_filters=(Batch(),)))


def test_a_score_of_a_candidate_is_refused_as_nothing_stores_it():
    with pytest.raises(ConfigError, match="filter Says: it gives scores, which a candidate does not store"):
        try_filters(recipe((Says(Verdict(scores=(("x", 0.5),))),)))


def test_a_score_that_two_rules_store_is_refused():
    rule = Says(Verdict(scores=(("x", 0.5),)))
    with pytest.raises(ConfigError, match="two of sample_filters store a score 'x'"):
        try_filters(recipe(sample_filters=(rule, rule)))
