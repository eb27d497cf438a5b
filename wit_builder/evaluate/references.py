"""Accuracies of published models on ImageNet and its shifts: what robustness is measured against.

A CSV with the columns model, group, and one for each set, in percent; cells may be empty. `imagenet1k` is ImageNet's
validation set, `imagenet1k@imagenet-a` what of it is of ImageNet-A's 200 classes, among which alone a model chooses.

references.csv, which is carried, has 35 of the 204 models of imagenet-testbed (Taori et al. 2020; its public results,
modestyachts/imagenet-testbed@28477dc7912d robustness_top1s.csv, MIT; 22 of them trained in the standard way, by its
model_types), and two rows of the CLIP paper's table 16. imagenetv2 is its matched-frequency set; imagenet_vid and
youtube_bb are pm-0; ImageNet-A was chosen against resnet50, whose cell is empty.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from wit_builder.errors import ConfigError

FITTED = (
    "standard"  # the group that the line goes through: trained on ImageNet alone, with nothing against shifts
)
IMAGENET = "imagenet1k"
CARRIED = "references.csv"

MAX_BYTES = 16 << 20
_NONE = 0.01  # of ImageNet; no published model is that bad


@dataclass(frozen=True, slots=True)
class Reference:
    """A published model. accuracy: by set, shares of 1."""

    model: str
    group: str
    accuracy: Mapping[str, float]


def carried() -> tuple[Reference, ...]:
    """Those that come with the package: of imagenet-testbed (Taori et al. 2020), and of the CLIP paper's table 16."""
    return _read(files("wit_builder.evaluate").joinpath(CARRIED).read_text(encoding="utf-8"), CARRIED)


def read(path: Path) -> tuple[Reference, ...]:
    """Those of that file. Raises ConfigError, in one sentence, where it is not as it must be."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} has {path.stat().st_size:,} bytes, {MAX_BYTES:,} are read")
        return _read(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "--references FILE.csv") from error


def _read(text: str, where: str) -> tuple[Reference, ...]:
    rows = csv.DictReader(text.splitlines())
    names = rows.fieldnames or []
    sets = [name for name in names if name not in ("model", "group", "source")]
    if {"model", "group", IMAGENET} - set(names) or len(sets) < 2:
        raise ConfigError(
            f"{where} has the columns {', '.join(names)[:200] or 'none'}",
            f"model, group, {IMAGENET}, and the name of a shift such as imagenetv2",
        )
    try:
        return tuple(_reference(row, sets) for row in rows)
    except (ValueError, TypeError, csv.Error) as error:
        raise ConfigError(f"line {rows.line_num} of {where} is no row of percentages: {error}") from error


def _reference(row: Mapping[str, str], sets: Sequence[str]) -> Reference:
    accuracy = {name: _share(row[name]) for name in sets if row[name]}
    if 0 < accuracy.get(IMAGENET, 0) <= _NONE:
        raise ValueError(f"{row[IMAGENET]} on {IMAGENET} is a share of 1, and 70 is 70 %")
    return Reference(row["model"], row["group"], accuracy)


def _share(said: str) -> float:
    percent = float(said)
    if not 0 <= percent <= 100:
        raise ValueError(f"{said} is no share of 100")
    return percent / 100
