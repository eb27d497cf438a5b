"""Evaluation sets made for a test."""

import io
import tarfile

import numpy as np
from PIL import Image


def picture(number, kind="jpeg"):
    """A small image of one colour, another one for each number."""
    body = io.BytesIO()
    colour = (37 * number % 256, 91 * number % 256, 173 * number % 256)
    Image.new("RGB", (12, 10), colour).save(body, kind, lossless=True)
    return body.getvalue()


def vector(*values, kind=np.uint8):
    """A row of labels as an .npy file."""
    body = io.BytesIO()
    np.save(body, np.array(values, kind))
    return body.getvalue()


def tar(path, members):
    """A tar of these (name, bytes); returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, body in members:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))
    return path


def benchmark(folder, labels, kind="cls", shards=1, split="test", image="jpg"):
    """CLIP_benchmark's layout with an image for each label, dealt out to so many tars; returns the folder."""
    labels = [one if isinstance(one, bytes) else str(one).encode() for one in labels]
    for shard in range(shards):
        members = []
        for number in range(shard, len(labels), shards):
            members.append((f"s{number}.{image}", picture(number, image.replace("jpg", "jpeg"))))
            members.append((f"s{number}.{kind}", labels[number]))
        tar(folder / split / f"{shard}.tar", members)
    (folder / split / "nshards.txt").write_text(f"{shards}\n")
    return folder


def beside(folder, names=(), templates=(), kind=""):
    """The files beside the splits; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, lines in (
        ("classnames.txt", names),
        ("zeroshot_classification_templates.txt", templates),
        ("dataset_type.txt", [kind] if kind else ()),
    ):
        if lines:
            (folder / file).write_text("".join(f"{line}\n" for line in lines))
    return folder


def classes(folder, names, count=2, kind="jpeg"):
    """A folder a class; returns the folder."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.{kind}").write_bytes(picture(number, kind))
    return folder
