"""How many links of related lists are right in Hugo, in 22 layouts of a site, by both ways of the recipe.

The posts are those of datasets/posts.json; three of them have hostile titles. HUGO names the programs, separated as in
PATH. A link is right if it leads to the page of the post that recs put at that place of the list. "named" is the way
that docs/recipes/hugo.md names for the layout. Exits with 1 if a link by that way is missing or wrong, or if the other
way shows a wrong one.

    HUGO=/usr/bin/hugo:build/systems/hugo/bin/hugo python benchmarks/hugo_variants.py [VARIANT …]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from checks.hugo import VARIANTS, build, installed, write_site
from checks.posts import sample_posts

RECIPES = ("getpage", "export")


def main(names: list[str]) -> int:
    """Print a line for each layout, version and way; return the exit status."""
    posts = sample_posts()
    is_right = True
    for version, hugo in installed().items():
        for name in names or VARIANTS:
            variant = VARIANTS[name]
            for recipe in RECIPES:
                with tempfile.TemporaryDirectory() as folder:
                    write_site(Path(folder), variant, posts)
                    report, printed = build(hugo, Path(folder), variant, recipe)
                is_named = recipe == variant.recipe
                told = " (it says so)" * ("recs: " in printed)
                line = f"{version:9}{name:38}{recipe:9}{'named' * is_named:7}"
                print(f"{line}{report.right} right, {report.shown} shown, {report.expected} expected{told}", flush=True)
                is_right &= report.is_right if is_named else report.right == report.shown
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
