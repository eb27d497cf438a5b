"""A web of one host, one page and four pictures, and what a recipe needs to be run on it."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

SEED = "http://site.test/"
CAPTIONS = {  # file: caption, pixels of the shorter side
    "a.png": ("A red square on a green field", 300),
    "b.png": ("The old stairs of a house by the sea", 260),
    "c.png": ("Blue sky", 240),
    "d.png": ("A small boat far away", 90),
}


def write(hosts: Path) -> None:
    """The files below the folder `hosts`."""
    site = hosts / "site.test"
    site.mkdir(parents=True)
    tags = []
    for seed, (name, (caption, side)) in enumerate(CAPTIONS.items()):
        _picture(seed, side).save(site / name)
        tags.append(f'<p><img src="{name}" alt="{caption}"></p>')
    (site / "index.html").write_text(f"<!doctype html><html lang=en><title>Tiny</title>{''.join(tags)}")


def reach(port: int) -> list[str]:
    """The options that lead there, and nowhere else."""
    return ["--connect-to", f"site.test=127.0.0.1:{port}", "--connect-to", "*="]


def hurried(recipe: str) -> str:
    """The recipe file with a second function around it that asks loopback, and without delay."""
    return f"""{recipe}

from dataclasses import replace
from wit_builder.web.settings import Politeness

_as_written = recipe


def recipe(seeds: tuple[str, ...], contact: str) -> Recipe:
    made = _as_written(seeds=seeds, contact=contact)
    hurry = Politeness(host_delay_s=0.0, ip_delay_s=0.0)
    return replace(made, web=replace(made.web, allow_network=("127.0.0.0/8",), politeness=hurry))
"""


def _picture(seed: int, side: int) -> Image.Image:
    """Rectangles, another lot for each seed."""
    rng = random.Random(seed)
    image = Image.new("RGB", (side * 4 // 3, side), "green")
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        x, y = rng.randrange(image.width), rng.randrange(image.height)
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.rectangle((x, y, x + rng.randrange(5, side), y + rng.randrange(5, side)), fill=colour)
    return image
