"""`wit demo-web`."""

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="To listen on; 0 for any free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--pages",
    type=click.IntRange(10, 1_000_000),
    default=300,
    show_default=True,
    help="Content pages; about 150 exhibits come besides.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Number that the web is drawn from.")
@click.option(
    "--eval-set",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write pictures of that web's kind with their classes there, for zero-shot tests, and serve nothing.",
)
def command(port: int, host: str, pages: int, seed: int, eval_set: str | None) -> None:
    """Serve the demo web until Ctrl-C: many hosts under demo.test, with every habit and trap of the real one.

    \b
    Example:
      wit demo-web --port 8000
      wit build crawl --seeds http://start.demo.test/ --connect-to '*.demo.test=127.0.0.1:8000' \\
          --allow-network 127.0.0.0/8 --scope domain --delay 0 --deadline 2
      wit demo-web --eval-set out/demo-eval
    """
    from pathlib import Path

    from wit_builder.demo_web import evalset, serve
    from wit_builder.demo_web.web import Web

    demo = Web(pages, seed)
    if eval_set is None:
        serve.serve(demo, host, port)
    else:
        evalset.write_eval_set(Path(eval_set), demo)
