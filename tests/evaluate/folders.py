"""Evaluation sets of little pictures, and what is given to a task that is to be tried on one."""

import json
import tarfile
from io import BytesIO

import torch

from tests.model import tiny
from wit_builder.evalset import sets
from wit_builder.evaluate.embed import embed
from wit_builder.evaluate.work import Work
from wit_builder.model.loaded import opened
from wit_builder.model.ranks import Ranks

ALONE = Ranks(0, 1, torch.device("cpu"))
NAMES = ("blue thing", "red thing", "green thing", "old thing", "new thing", "thing")
TEMPLATES = ("a photo of a {c}.", "the {c}", "a {c} in a video game")


def folders(folder, per_class=4, names=NAMES):
    """An ImageFolder."""
    for number, name in enumerate(names):
        own = folder / f"{number} {name}"
        own.mkdir(parents=True)
        for at in range(per_class):
            (own / f"{at}.jpg").write_bytes(tiny.picture(number * 100 + at, (40 + at, 48), "jpeg"))
    (folder / "classnames.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "zeroshot_classification_templates.txt").write_text("".join(f"{one}\n" for one in TEMPLATES))
    return folder


def benchmark(folder, per_class=4, names=NAMES):
    """The same pictures as CLIP_benchmark lays them out."""
    (folder / "test").mkdir(parents=True)
    with tarfile.open(folder / "test" / "0.tar", "w") as tar:
        for number in range(len(names) * per_class):
            label, at = divmod(number, per_class)
            add(tar, f"s{number:07d}.jpg", tiny.picture(label * 100 + at, (40 + at, 48), "jpeg"))
            add(tar, f"s{number:07d}.cls", str(label).encode())
    (folder / "test" / "nshards.txt").write_text("1")
    (folder / "classnames.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "zeroshot_classification_templates.txt").write_text("".join(f"{one}\n" for one in TEMPLATES))
    return folder


def add(tar, name, body):
    """A file of that name."""
    member = tarfile.TarInfo(name)
    member.size = len(body)
    tar.addfile(member, BytesIO(body))


def work(folder, cache, precision="fp32", loaded=None):
    """A tiny model on the set in that folder."""
    loaded, which = loaded or opened(*tiny.files()), sets.read(folder)
    embedded = embed(loaded, which, ALONE, cache, precision)
    return Work(loaded, which, "test", embedded, ALONE, precision)


def saved(folder, config=tiny.CONFIG, seed=0, **more):
    """(config, checkpoint) of a tiny model as files of that folder."""
    (folder / "model.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": more}))
    torch.save(tiny.network(config, seed).state_dict(), folder / "model.pt")
    return str(folder / "model.json"), str(folder / "model.pt")
