"""Everything public says what it is, by the syntax tree: nothing is imported for it."""

import ast

import pytest

from tests.structure.documents import ROOT, modules


def is_public(name):
    return not name.startswith("_")


def is_stub(node):
    """A member of a protocol: its body is `...`."""
    return isinstance(node.body[-1], ast.Expr) and getattr(node.body[-1].value, "value", None) is ...


def silent(node, within=""):
    """Public modules, classes and functions without a docstring, or with one of a single word."""
    if len((ast.get_docstring(node) or "").split()) < 2:
        yield within or "module"
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and is_public(child.name):
            if isinstance(child, ast.ClassDef):
                yield from silent(child, f"{within}{child.name}.")
            elif not is_stub(child) and len((ast.get_docstring(child) or "").split()) < 2:
                yield f"{within}{child.name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_has_a_docstring(path):
    assert list(silent(ast.parse(path.read_text()))) == []


CODE = '''"""A module."""
class A:
    """A thing."""
    def f(self): pass
    def _g(self): pass
def h():
    """Word."""
'''


def test_what_says_nothing_is_found():
    assert list(silent(ast.parse(CODE))) == ["A.f", "h"]
    assert list(silent(ast.parse("x = 1"))) == ["module"]
