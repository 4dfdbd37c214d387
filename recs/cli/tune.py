"""`recs tune`: learn from a site's own links how to re-order its related lists."""

from pathlib import Path

import click

from recs.cli.common.option_values import CollectionOptions
from recs.cli.common.options import collection_options, file_option, judgments_option, quiet_option, source_argument
from recs.cli.common.session import opened_collection, report_lost_tokens
from recs.cli.common.terminal import estimate, say
from recs.text.counts import counted


@click.command("tune")
@source_argument
@file_option("-o --output", "Write what was learned to FILE.")
@judgments_option
@quiet_option
@collection_options
def command(*, source: str, output: Path | None, judgments: Path | None, quiet: bool, setup: CollectionOptions) -> None:
    """Learn from the links in SOURCE how its author relates items, for `recs related --tuned FILE`.

    It starts from the default ranking, so that few links change little. It measures the gain by cross-validation, and
    writes nothing if the gain may as well be chance.
    """
    from recs.errors import OutputError
    from recs.evaluation.tuning import tune_related
    from recs.readers.read import read_records

    # The notes of the ranking name the items of which the model knows no token.
    with opened_collection(source, setup, quiet=quiet, report=report_lost_tokens) as (collection, options):
        tuning = tune_related(collection, judgments=read_records(judgments) if judgments else None, **options)
    for note in tuning.notes:
        say(f"note: {note}")
    if not quiet:
        sources = counted(tuning.sources, "item that links", "items that link")
        say(f"{sources} to others; nDCG@10, cross-validation:")
        say(f"  before {estimate(tuning.before)}")
        say(f"  after  {estimate(tuning.after)}")
        say(f"  gain   {estimate(tuning.gain, sign=True)}")
    if tuning.tuned is None:
        if output:
            raise OutputError(f"{output}: not written: the gain cannot be told from none; keep the ranking as it is.")
        say("no gain that could be told from none: keep the ranking as it is")
        return
    if output:
        tuning.tuned.save(output)
    if not quiet:
        for name, weight in sorted(tuning.tuned.weights.items(), key=lambda pair: -abs(pair[1])):
            say(f"  {weight:+7.3f}  {name}")
        hint = f"to use it: recs tune {source} -o tuned.json; recs related … --tuned tuned.json"
        say(f"wrote {output}" if output else hint)
