"""Builds of a tiny web, run in this process: what tests of build, publish and retry share."""

import atexit
import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from tests.site.told import REACH, Say, Web, picture, told
from wit_builder import build
from wit_builder.crawl.settings import Crawl
from wit_builder.engine.local import LocalExecutor
from wit_builder.ledger import Funnel
from wit_builder.recipe import Recipe
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.settings import Politeness, WebSettings

SEED = "http://site.test/"
GOOD = 7  # pictures that are had and kept
SUBJECTS = [
    "boat",
    "tree",
    "house",
    "river",
    "bridge",
    "cat",
    "dog",
    "bird",
    "flower",
    "mountain",
    "snow",
    "road",
]


def recipe(**more) -> Recipe:
    """Every image of the tiny web, 3 to a shard, without delay."""
    polite = Politeness(host_delay_s=0.0, ip_delay_s=0.0, retries=0)
    values = {
        "name": "tiny",
        "source": Crawl(seeds=(SEED,)),
        "web": WebSettings(politeness=polite, allow_network=("127.0.0.0/8",)),
        "shards": ShardSpec(samples_per_shard=3),
    }
    return Recipe(**(values | more))


def image_url(n: int) -> str:
    return f"http://images-{n % 3}.test/{n}.png"


def tell(web: Web) -> None:
    """One page with 12 images: 7 are good, 1 is a copy, 1 is missing, 2 are broken for now, 1 is none."""
    web.page(SEED, {image_url(n): f"A picture of a {subject}" for n, subject in enumerate(SUBJECTS)})
    web.answers |= {image_url(n): Say(picture(n)) for n in range(GOOD)}
    web.answers[image_url(7)] = Say(picture(0))  # a copy
    web.answers[image_url(9)] = web.answers[image_url(10)] = Say(status=500)  # 8 is missing
    web.answers[image_url(11)] = Say(b"no image at all")


@cache
def finished() -> Path:
    """A complete build, made once for all tests: copy it before you change it."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with told() as web:
        tell(web)
        run(folder / "out", web.connect_to, command="wit build ./tiny.py")
    return folder / "out"


class Silent:
    """Watches nothing."""

    def stage(self, name, tasks):
        return lambda counts, done: None

    def say(self, sentence):
        pass


def run(
    out: Path, connect_to=None, made: Recipe | None = None, until: str = "pack", resume=True, **where
) -> Funnel:
    """Begin or go on, as `wit build` does; an empty funnel where the build is complete."""
    made = made or recipe()
    if build.start(out, made, resume):
        return Funnel()
    place = build.Where(out, connect_to or {REACH: None}, **where)
    with closing(LocalExecutor(2)) as executor:
        return build.run(made, place, executor, Silent(), until)


class Killed(BaseException):
    """Stands for a kill: no code of ours catches it."""
