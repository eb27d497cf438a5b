"""`wit verify OUT`."""

import click


@click.command()
@click.argument("out")
def command(out: str) -> None:
    """Compare every shard of OUT with the manifest, and the ledger with the funnel.

    Exit 1 and name the first file that differs, or the first number.

    \b
    Example:
      wit verify out/demo
      wit verify s3://BUCKET/RUN
    """
    from wit_builder import place, publish, report
    from wit_builder.errors import ConfigError, ShardError, many
    from wit_builder.shards import manifest

    there = place.at(out)
    if report.is_fetched(there):
        raise ConfigError(
            f"{there.name} holds shards of `wit fetch`, which have no manifest to be compared with",
            "`wit fetch` itself finds shards that are missing: the same command again",
        )
    if there.size(manifest.FILE) is None:
        raise ConfigError(
            f"{there.name} holds no finished build: {manifest.FILE} is not there",
            "give the folder that `wit build --out` wrote",
        )
    publish.refuse_half_forgotten(there)
    if isinstance(there, place.Remote):  # it lies there only while OUT is being changed
        publish.refuse_half_retried(there)
    try:
        manifest.verify(there)
        with place.brought(there, ("funnel.json", "ledger/*/*", manifest.FILE)) as near:
            funnel = publish.verify_accounts(near)
    except ShardError:
        publish.refuse_half_retried(there)
        raise
    kept, lost = funnel["clean"].kept, sum(funnel[stage].dropped.total() for stage in funnel)
    click.echo(
        f"{there.name}: every shard is what its manifest says; {many(kept, 'pair')} kept "
        f"and {many(lost, 'item')} lost are what was seen",
        err=True,
    )
