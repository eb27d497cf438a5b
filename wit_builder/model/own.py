"""What a checkpoint of `wit train` says of its own network, so that no file beside it has to."""

import json
from collections.abc import Mapping
from typing import Any

from wit_builder.errors import ConfigError
from wit_builder.images.prepared import MEAN, STD

Config = dict[str, Any]
Told = tuple[
    Config, Config | None
]  # the model's config, and how pictures are prepared: None in older checkpoints

_LONGEST = 60  # characters of a value in a sentence


def told(found: Any) -> Told | None:
    """What the content of a file says of its network; None where it is of another trainer, or older."""
    try:
        said = found["wit"]
        config = json.loads(said["config"])
        prepare = json.loads(said["preprocess"]) if "preprocess" in said else None
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    return (config, prepare) if isinstance(config, dict) and isinstance(prepare, dict | None) else None


def plain(config: Mapping[str, Any]) -> Config:
    """The config without what a run sets for its own training: patch dropout, and the scale that it begins with."""
    rest = {name: value for name, value in config.items() if name != "init_logit_scale"}
    if isinstance(rest.get("vision_cfg"), dict):
        rest["vision_cfg"] = {
            name: value for name, value in rest["vision_cfg"].items() if name != "patch_dropout"
        }
    return rest


def preprocessing(prepare: Mapping[str, Any]) -> Config:
    """The whole `preprocess_cfg`: OpenAI's values where none are given."""
    return {"mean": list(MEAN), "std": list(STD), **prepare}


def check(
    before: Told | None, checkpoint: str, name: str, config: Config, prepare: Mapping[str, Any]
) -> None:
    """Raises ConfigError, naming the first difference, where a checkpoint was trained as another model than this.

    before: what the checkpoint says. config, prepare: of the model `name` as it is now.
    """
    if before is None:
        return
    seen, now = _flat(before[0], before[1]), _flat(config, None if before[1] is None else prepare)
    for at in sorted(seen.keys() | now.keys()):
        if seen.get(at) != now.get(at):
            raise ConfigError(
                f"{checkpoint!r} was trained with another config than {name!r} has now: {at} is {_shown(now, at)}, "
                f"then it was {_shown(seen, at)}",
                "put the file back as it was or name the model that it was trained as; `wit export` writes its "
                "config too",
            )


def _flat(config: Mapping[str, Any], prepare: Mapping[str, Any] | None) -> Config:
    """Values by their place, such as `vision_cfg.width`."""
    parts = plain(config) | ({} if prepare is None else {"preprocess_cfg": preprocessing(prepare)})
    flat: Config = {}
    for name, part in json.loads(json.dumps(parts)).items():
        flat |= (
            {f"{name}.{key}": value for key, value in part.items()}
            if isinstance(part, dict)
            else {name: part}
        )
    return flat


def _shown(flat: Config, at: str) -> str:
    return repr(flat[at])[:_LONGEST] if at in flat else "not given"
