from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict, judge, may_drop


def test_a_verdict_is_neither_true_nor_false():
    with pytest.raises(TypeError, match=r"read verdict\.kept"):
        bool(KEPT)


@pytest.mark.parametrize("reason", ["too_dark", "x", "http_404"])
def test_a_reason_in_snake_case_drops(reason):
    assert not Verdict(reason).kept


@pytest.mark.parametrize("reason", ["Bad Reason!", "tooDark", "", "4_times", "a-b"])
def test_a_reason_of_another_shape_is_refused(reason):
    with pytest.raises(ConfigError, match="snake_case"):
        Verdict(reason)


@pytest.mark.parametrize(
    ("reason", "evidence", "scores", "said"),
    [
        (5, "", (), "reason is 5, expected snake_case"),
        ("dark", 5, (), "evidence is 5, expected a text"),
        ("dark", None, (), "evidence is None"),
        (None, "", (("x", float("nan")),), "scores are .*nan.*, expected a name and a finite number of each"),
        (None, "", (("x", float("inf")),), "scores are"),
        (None, "", (("x", "high"),), "scores are"),
        (None, "", (("x", None),), "scores are"),
        (None, "", ("x", 0.5), "scores are"),
        (None, "", {"x": 0.5}, "scores are"),
        (None, "", ((5, 0.5),), "scores are"),
        (None, "", (("x", 0.5), ("x", 1.0)), "scores are .*no name twice"),
    ],
)
def test_a_verdict_that_no_table_could_hold_is_refused(reason, evidence, scores, said):
    with pytest.raises(ConfigError, match=f"a verdict's {said}"):
        Verdict(reason, evidence, scores)


@pytest.mark.parametrize("score", [0, -1.5, np.float32(0.5), np.int64(3)])
def test_any_finite_number_is_a_score(score):
    assert Verdict(scores=(("x", score), ("y", 1))).kept


def test_a_score_that_two_filters_give_names_the_second():
    class Again(Batch):
        """The same."""

    with pytest.raises(ConfigError, match=r"filter Again: a verdict's scores .*no name twice"):
        judge(["1c"], [Batch("a"), Again("a")], lambda _: b"")


def test_the_first_filter_that_drops_decides():
    rules = [lambda _: KEPT, lambda _: Verdict("second"), lambda _: Verdict("third")]
    assert judge(["item"], rules) == [Verdict("second")]
    assert judge(["item"], rules[:1])[0] is KEPT


@dataclass
class Batch:
    """Drops what ends in `letter`; remembers what it saw."""

    letter: str
    seen: list = field(default_factory=list)

    def judge(self, items, images):
        self.seen += zip(items, images, strict=True)
        return [
            Verdict("ends" if item[-1] == self.letter else None, scores=((self.letter, 1.0),))
            for item in items
        ]


def test_a_batch_filter_sees_what_is_left_and_its_images():
    first, second = Batch("a"), Batch("b")
    rules = [first, lambda item: Verdict("starts") if item[0] == "x" else KEPT, second]
    verdicts = judge(["1a", "x1", "1b", "1c"], rules, lambda item: item.encode())
    assert [verdict.reason for verdict in verdicts] == ["ends", "starts", "ends", None]
    assert first.seen[1] == ("x1", b"x1")
    assert second.seen == [("1b", b"1b"), ("1c", b"1c")]


def test_scores_of_all_rules_that_saw_an_item_add_up():
    kept, dropped = judge(["1c", "1b"], [Batch("a"), Batch("b")], lambda _: b"")
    assert kept.scores == dropped.scores == (("a", 1.0), ("b", 1.0))


class Forgets:
    """One verdict for two items."""

    def judge(self, items, images):
        return [KEPT]


class Divides:
    """By zero."""

    def __call__(self, item):
        return KEPT if 1 / item > 0 else Verdict("low")


class SaysNothing:
    """Without a verdict."""

    def __call__(self, item):
        return None


class SaysOne:
    """One verdict for all."""

    def judge(self, items, images):
        return KEPT


class SaysItWrong:
    """A reason of two words."""

    def __call__(self, item):
        return Verdict("Too Low")


@pytest.mark.parametrize(
    ("rule", "kind", "words"),
    [
        (Forgets(), ConfigError, "filter Forgets: judge returns 1 verdict of 2 items"),
        (SaysOne(), ConfigError, "filter SaysOne: judge returns Verdict.*, expected a list of Verdicts"),
        (Divides(), RuntimeError, "filter Divides: ZeroDivisionError: division by zero"),
        (SaysNothing(), ConfigError, "filter SaysNothing: it returns None, expected a Verdict"),
        (SaysItWrong(), ConfigError, "filter SaysItWrong: .*'Too Low', expected snake_case"),
    ],
)
def test_what_goes_wrong_in_a_filter_names_it(rule, kind, words):
    with pytest.raises(kind, match=words):
        judge([1, 0], [rule], lambda _: b"")


def test_columns_of_which_a_filter_says_too_little_are_found_out():
    class Short:
        def may_drop(self, rows):
            return pa.array([True])

    with pytest.raises(ValueError, match="says 1 times of 2 rows"):
        may_drop(Short(), pa.table({"a": [1, 2]}))


def test_a_filter_is_called_only_for_what_it_may_drop():
    @dataclass
    class Screens:
        seen: list = field(default_factory=list)

        def __call__(self, item):
            self.seen.append(item)
            return Verdict("dark")

    rule = Screens()
    called_for = [np.array([True, False, True]), np.array([True, True, False])]
    verdicts = judge(["a", "b", "c"], [rule, lambda _: Verdict("last")], None, called_for)
    assert rule.seen == ["a", "c"]
    assert [verdict.reason for verdict in verdicts] == ["dark", "last", "dark"]


def test_a_filter_that_says_nothing_of_columns_is_called_for_all():
    assert may_drop(Verdict, pa.table({"url": ["a", "b"]})).tolist() == [True, True]
