"""Which store a URL means, and in what words one that cannot be had is refused."""

import pytest

from wit_builder import store
from wit_builder.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "path"),
    [("S3://b/Run", "b/Run"), ("HTTPS://a.test/B?c=d", "https://a.test/B?c=d"), ("memory://a/b", "/a/b")],
)
def test_a_protocol_has_no_case(url, path):
    assert store.of(url)[1] == path


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/a cannot be reached: its host does not answer"),
        ("reference://a", "reference://a does not say all that reference:// needs: .*'fo'"),
        ("nosuch://a", "nosuch://a is no path or URL that is known: Protocol not known: nosuch"),
    ],
)
def test_what_cannot_be_had_is_said(url, said):
    with pytest.raises(ConfigError, match=said):
        store.of(url)
