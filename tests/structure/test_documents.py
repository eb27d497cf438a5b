"""The documents say what is there."""

import json
import re

import pytest

from tests.cli.processes import ran
from tests.structure.documents import ROOT, documents, python_in
from wit_builder.cli import COMMANDS
from wit_builder.cli.build import common_options
from wit_builder.cli.eval import command as evaluate
from wit_builder.cli.fetch import command as fetch
from wit_builder.cli.forget import command as forget
from wit_builder.cli.retry import command as retry
from wit_builder.cli.train import command as train

COMMANDS_PAGE = ROOT / "docs" / "commands.md"
SCALE_PAGE = ROOT / "docs" / "scale.md"
EXAMPLES = [
    (document, text) for document in (ROOT / "README.md", COMMANDS_PAGE) for text in python_in(document)
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_docs(name):
    assert f"| `wit {name}" in COMMANDS_PAGE.read_text()


@pytest.mark.parametrize(
    "option",
    [
        option.opts[0]
        for option in [*common_options(), *retry.params, *forget.params]
        if option.opts[0][0] == "-"
    ],
)
def test_every_common_option_stands_in_the_docs(option):
    assert re.search(rf"`[^`]*{option}\b[^`]*`", COMMANDS_PAGE.read_text())


@pytest.mark.parametrize("option", [option.opts[0] for option in fetch.params if option.opts[0][0] == "-"])
def test_every_option_of_fetch_stands_in_the_docs(option):
    assert re.search(rf"`(?:--)?{option.removeprefix('--')}\b", COMMANDS_PAGE.read_text())


@pytest.mark.parametrize(
    "option",
    [option.secondary_opts[0] if option.secondary_opts else option.opts[0] for option in train.params],
)
def test_every_option_of_train_stands_in_the_docs(option):
    section = COMMANDS_PAGE.read_text().partition("\n## wit train\n")[2].partition("\n## ")[0]
    assert re.search(rf"`[^`]*{option}\b[^`]*`", section)


@pytest.mark.parametrize("option", [option.opts[0] for option in evaluate.params])
def test_every_option_of_eval_stands_in_the_docs(option):
    section = COMMANDS_PAGE.read_text().partition("\n## wit eval\n")[2].partition("\n## ")[0]
    assert re.search(rf"`[^`]*{option}\b[^`]*`", section)


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_wit_command_in_a_document_exists(document):
    typed = set(re.findall(r"^ {4}(?:\.venv/bin/)?wit ([\w-]+)", document.read_text(), re.MULTILINE))
    assert typed <= set(COMMANDS)


@pytest.mark.parametrize(("document", "text"), EXAMPLES, ids=[document.name for document, _ in EXAMPLES])
def test_a_recipe_in_a_document_shows_its_help(document, text, tmp_path):
    name = re.match(r"# (\w+\.py)\n", text)[1]
    (tmp_path / name).write_text(text)
    said = ran("build", f"./{name}", "--help", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert f"wit build ./{name}" in said.stdout
    assert f"wit build ./{name}" in document.read_text()


def test_the_cluster_file_is_one_that_ray_takes():
    ray = pytest.importorskip("ray.autoscaler._private.util", reason="pip install ray")
    yaml = pytest.importorskip("yaml")
    (text,) = re.findall(r"```yaml\n(.*?)```", SCALE_PAGE.read_text(), re.DOTALL)
    ray.validate_config(ray.prepare_config(yaml.safe_load(text)))


def test_the_rights_in_a_store_are_json():
    (text,) = re.findall(r"```json\n(.*?)```", SCALE_PAGE.read_text(), re.DOTALL)
    assert {statement["Effect"] for statement in json.loads(text)["Statement"]} == {"Allow"}


def test_there_are_two_such_recipes():
    assert [document.name for document, _ in EXAMPLES] == ["README.md", "commands.md"]
