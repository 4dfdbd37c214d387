"""`manage.py recs_update`: makes the related lists of all public pages."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import recs
from recs.plugins.django.pages import SPARE, lists_path, pages, setting


class Command(BaseCommand):
    """Run it after a deployment, and by a timer or after a publication; if nothing has changed, it only reads."""

    help = "Makes the related lists of all public pages."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option of the command."""
        parser.add_argument("--cached-only", action="store_true", help="load no model; new pages are ranked by terms")

    def handle(self, *arguments: Any, **options: Any) -> None:  # noqa: ARG002  (Django hands arguments over)
        """Make the lists, and report notes."""
        model = setting("MODEL", None)
        listed = pages()
        try:
            lists = recs.update_related(
                listed,
                lists_path(),
                k=setting("COUNT", 5) + SPARE,
                signals="terms,mentions" if model == "" else "auto",
                embedder=model or None,
                cache=setting("CACHE", True),
                cached_only=options["cached_only"],
            )
        except recs.RecsError as error:
            raise CommandError(str(error)) from error
        for note in lists.notes:
            (self.stderr if note.level == "warning" else self.stdout).write(f"{note.level}: {note}")
        if options["verbosity"]:
            self.stdout.write(f"{len(lists)} lists in {lists_path()}")
