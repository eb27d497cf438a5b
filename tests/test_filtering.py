import pytest

from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict, judge


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


def test_the_first_filter_that_drops_decides():
    rules = [lambda _: KEPT, lambda _: Verdict("second"), lambda _: Verdict("third")]
    assert judge("item", rules) == Verdict("second")
    assert judge("item", rules[:1]) is KEPT
