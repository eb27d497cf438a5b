"""What would be trained on? The head of each shard, looked at before a run, without bringing any of them here."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles

from wit_builder import remote
from wit_builder.errors import Dropped, WitError
from wit_builder.images.square import decoded
from wit_builder.model.tokens import Tokenizer
from wit_builder.shards import index
from wit_builder.shards.sample import captions, fields, image
from wit_builder.shards.tar import BLOCK
from wit_builder.shardset.shard import Shard

HEAD = 8 << 20  # bytes at the beginning of each shard that are looked at
MAX_LOOKED_AT = 200  # samples of each,
MAX_IN_ALL = 200_000  # and of all of them, but at least one of each
_AT_ONCE = 8

Spread = tuple[
    float, float, float
]  # the tenth, the fiftieth and the ninetieth of a hundred, in order of size


@dataclass(slots=True)
class Facts:
    """What was found."""

    shards: int = 0
    bytes: int = 0
    samples: int = 0  # as manifests, stats or headers have it
    looked_at: int = 0  # samples
    counts: Counter[str] = field(
        default_factory=Counter
    )  # what is amiss with them and beside them, by reason; of the whole shard where its headers were read
    problems: list[str] = field(default_factory=list)  # a sentence each, with the shard's name
    characters: list[int] = field(default_factory=list)  # of captions
    tokens: list[int] = field(default_factory=list)  # of captions, cut ones at the context's length
    truncated: int = 0  # captions longer than the context
    captions: int = 0  # of the samples looked at, alternative texts among them
    short_sides: list[int] = field(
        default_factory=list
    )  # of the images decoded, one of each shard, in pixels

    def add(self, other: "Facts") -> None:
        """What was found in another shard too."""
        self.looked_at += other.looked_at
        self.captions += other.captions
        self.truncated += other.truncated
        self.counts.update(other.counts)
        self.problems += other.problems
        self.characters += other.characters
        self.tokens += other.tokens
        self.short_sides += other.short_sides

    @property
    def truncated_share(self) -> float:
        """Of the captions."""
        return self.truncated / max(1, self.captions)


def spread(values: Sequence[int]) -> Spread:
    """Tenth, half and ninetieth percentile; zeros where there is nothing."""
    if len(values) < 2:
        return (float(values[0]),) * 3 if values else (0.0, 0.0, 0.0)
    cuts = quantiles(values, n=10, method="inclusive")
    return cuts[0], cuts[4], cuts[8]


def inspect(found: Sequence[Shard], context: int) -> Facts:
    """Look at each shard: names and keys, one image decoded, captions and their tokens, the end mark."""
    facts = Facts(len(found), sum(shard.bytes for shard in found), sum(shard.samples for shard in found))
    most = max(1, min(MAX_LOOKED_AT, MAX_IN_ALL // max(1, len(found))))
    look = partial(_looked_at, most=most, tokenizer=Tokenizer(context + 1), context=context)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one in pool.map(look, found):
            facts.add(one)
    return facts


def _looked_at(shard: Shard, most: int, tokenizer: Tokenizer, context: int) -> Facts:
    facts = Facts()
    try:
        head, tail = _ends(shard)
    except WitError as error:
        facts.problems.append(str(error))
        return facts
    made = index.index(head)
    if len(head) < shard.bytes:
        del made.counts["cut"]  # it goes on
    if tail.strip(b"\0") and not made.counts["cut"]:
        made.counts["cut"] = 1
    facts.counts += Counter(dict(shard.passed_over)) or made.counts
    for reason in ("cut", "damaged"):
        if made.counts[reason]:
            facts.problems.append(f"{shard.name} is {reason}: its samples up to there are used")
    if not made.bounds:
        facts.problems.append(
            f"{shard.name} begins with no sample: KEY.jpg with KEY.txt or KEY.json was expected"
        )
    for number in range(min(most, len(made.bounds) // 2)):
        begin, end = made.bounds[2 * number : 2 * number + 2]
        _sample(facts, shard, head[begin:end], number == 0, tokenizer, context)
    return facts


def _sample(
    facts: Facts, shard: Shard, sample: bytes, look: bool, tokenizer: Tokenizer, context: int
) -> None:
    parts = index.parts_of(sample)
    found = captions(sample, parts, fields(sample, parts))
    facts.looked_at += 1
    facts.captions += len(found)
    if not found:
        facts.counts["no_caption"] += 1
    for caption in found:
        tokens = len(tokenizer(caption))
        facts.characters.append(len(caption))
        facts.tokens.append(min(tokens, context))
        facts.truncated += tokens > context
    if look:
        key = next(iter(parts.values())).key
        try:
            facts.short_sides.append(min(decoded(image(sample, parts)).shape[:2]))
        except Dropped as why:
            facts.counts[why.reason] += 1
            facts.problems.append(f"{shard.name}: the image of {key} cannot be read ({why})")


def _ends(shard: Shard) -> tuple[bytes, bytes]:
    """The shard's head, and where its end mark should be."""
    with remote.opened(shard.url) as file:
        head = file.read(HEAD)
        if len(head) < shard.bytes:
            file.seek(shard.bytes - 2 * BLOCK)
            return head, file.read(2 * BLOCK)
        return head, head[-2 * BLOCK :]
