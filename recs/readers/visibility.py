"""Whether an item may be shown: the one table of fields and values that close or unlist, and how it is read.

Closed items (draft, private, scheduled, expired, not understood) are in nothing that recs makes. Unlisted items are
published, but their author keeps them from lists or from search engines: they are in nothing either, unless the reader
of a collection asks for them. A field of the table whose value is not understood closes the item.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from recs.items import Visibility
from recs.readers import readings
from recs.readers.values import Repeated, fold, is_missing, text_of

_EXCLUDED_FROM = re.compile(
    r"(?:no|not|donot|exclude[ds]?|hide|hidden|ignored?)(?:in|from|on)?(?:the)?"
    r"(?:search|searchindex|nav|navigation|sitemap|lists?|listings?|home|homepage|homelist|index|collections?)"
    r"|(?:search|nav|navigation|sitemap|lists?|listings?|home|homepage|index)(?:exclude[ds]?|hide|hidden|ignored?|disabled?)"
)


class Verdict(NamedTuple):
    """What the fields of a record say together, and the field and the value that closed it ("" where none did)."""

    visibility: Visibility
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: fields (folded by `fold`, without "is" before them), what they say, whose fields they are.

    says is for the documentation; the visibility is what `read` returns.
    """

    names: str
    says: str
    whose: str
    read: readings.Reading


PUBLISHED_DATES = ("date", "datepublished", "publishedat", "pubdate")
# A record that leaves these empty, where others of its source fill them, was never published.
PUBLICATION_MOMENTS = frozenset({"publishedat", "firstpublishedat", "publishedon"})
# Where one item says yes to this, an item that does not is not published: the tool publishes nothing else.
OPT_IN = frozenset({"dgpublish"})

TABLE: tuple[Rule, ...] = (
    Rule(
        "status visibility poststatus access privacy audience stage publishstatus publicationstatus publicationstate "
        "contentstatus reviewstate reviewstatus workflowstate workflowstatus moderationstate",
        "a word of the list below; any other closes",
        "WordPress, Ghost, Pelican, Substack (audience), Drupal, Plone, Micropub, Kirby, Directus",
        readings.status_word,
    ),
    Rule("state", "a word of the list below; any other is ignored", "Tumblr, Craft", readings.status_or_other),
    Rule(
        "published publish live public",
        "false: draft; a date: as dates",
        "Jekyll, Hexo, dev.to, Obsidian Publish, Wagtail",
        readings.opened_by("draft", dated=True),
    ),
    Rule("visible", "false: draft", "Grav, Discourse", readings.opened_by("draft", dated=True)),
    Rule(
        "dgpublish",
        "false, or absent where other notes say true: draft",
        "Obsidian Digital Garden",
        readings.opened_by("draft"),
    ),
    Rule(
        "listed searchable indexed indexable discoverable makediscoverable insearchindex",
        "false: unlisted",
        "Bear, Zola, generic",
        readings.opened_by("unlisted"),
    ),
    Rule(
        "navigation index article pagefind",
        "false: unlisted; any other value is ignored",
        "Nuxt Content, VuePress, Starlight",
        readings.opened_by("unlisted", strict=False),
    ),
    Rule(
        "render enabled active routable",
        "false: private; any other value is ignored",
        "Zola, Craft, Django, Grav",
        readings.opened_by("private", strict=False),
    ),
    Rule(
        "draft unpublished wip workinprogress",
        "true: draft",
        "Hugo, Astro, Eleventy, Docusaurus",
        readings.closed_by("draft"),
    ),
    Rule(
        "private passwordprotected protected expired encrypted encrypt secret confidential membersonly subscribersonly "
        "deleted deletedat trashed trashedat disabled withdrawn retracted",
        "true, or any other value that is not false: private",
        "Hexo, WordPress REST, Statamic, generic",
        readings.closed_by("private"),
    ),
    Rule(
        "unlisted headless hidden archived dghide bookhidden geekdochidden tochide hidesummary robotsnoindex noindex "
        "booksearchexclude",
        "true: unlisted",
        "Docusaurus, Hugo and its themes, Hexo, Digital Garden",
        readings.closed_by("unlisted"),
    ),
    Rule("scheduled", "true, or a date to come: scheduled", "generic", readings.closed_by("scheduled")),
    Rule("password postpassword", "anything but false or empty: private", "WordPress, Hexo", readings.password),
    Rule(
        "date datepublished publishedat firstpublishedat pubdate publishdate publishon publishat scheduledat "
        "scheduledfor goliveat embargo embargountil embargodate availablefrom visiblefrom publishfrom",
        "a date to come: scheduled; one that cannot be read closes",
        "Hugo, Wagtail (go_live_at), Drupal, feeds",
        readings.publication,
    ),
    Rule(
        "expirydate expiry expires expiresat expireson expireat expirationdate unpublishdate unpublishat unpublishon "
        "publishuntil visibleuntil availableuntil",
        "a date that has passed: private; one that cannot be read closes",
        "Hugo, Wagtail (expire_at), Craft, Drupal",
        readings.expiry,
    ),
    Rule(
        "build",
        "render never or link: private; list never or local: unlisted",
        "Hugo (build, _build)",
        readings.hugo_build,
    ),
    Rule("permalink", "false: private (no page is written)", "Eleventy", readings.permalink),
    Rule(
        "eleventyexcludefromcollections",
        "true, or names of collections: unlisted",
        "Eleventy",
        readings.excluded_collections,
    ),
    Rule("exclude", "true: unlisted; ids are those of `excludes`", "Jekyll, generic", readings.exclude),
    Rule(
        "hide",
        "true: unlisted; parts of a page (toc, navigation, …): public",
        "Material for MkDocs, Hexo",
        readings.hide,
    ),
    Rule(
        "search",
        "false, or {exclude: true}: unlisted",
        "Material for MkDocs, Minimal Mistakes, Quarto",
        readings.page_option("exclude excluded disable disabled hide hidden", paths=False),
    ),
    Rule(
        "sitemap",
        "false, or {disable: true}: unlisted",
        "Hugo, Jekyll, Eleventy, Nuxt",
        readings.page_option("disable disabled exclude excluded ignore noindex hide hidden", paths=True),
    ),
    Rule("robots metarobots googlebot", "noindex or none: unlisted", "HTML, Yoast, Hugo themes", readings.robots),
    Rule("sidebar", "{hidden: true}: unlisted", "Starlight", readings.hiding_settings("hidden hide")),
    Rule(
        "redirectto redirecturl",
        "anything but false: unlisted (a page that leads elsewhere)",
        "Jekyll",
        readings.redirect,
    ),
    Rule("layout", "redirect: unlisted", "Jekyll", readings.layout),
    Rule(
        "tags tag categories category keywords labels",
        "a tag draft or private: that",
        "Obsidian, generic",
        readings.closing_tag,
    ),
    Rule("id", "drafts.…: draft", "Sanity", readings.draft_id),
    Rule("folder", "a folder drafts or private: that", "Jekyll and Hexo (_drafts), generic", readings.closing_tag),
    Rule("itunes:block itunesblock", "true: unlisted", "podcast feeds", readings.closed_by("unlisted", strict=False)),
)
_RULE_OF = {fold(name): rule for rule in TABLE for name in rule.names.split()}
_EXCLUSION = Rule(
    "…", "nav_exclude, search_exclude, hidden_from_home, …: true: unlisted", "themes", readings.closed_by("unlisted")
)
# Fields that have another place too: they are not left out of the account of fields without one.
_ELSEWHERE = frozenset(
    ("tags", "tag", "categories", "category", "keywords", "labels", "id", "permalink", "layout", "exclude", "folder")
)
# Objects that hold further fields of the same record, and those that may say something of its visibility as well.
WRAPPERS = frozenset(("attributes", "fields", "frontmatter", "metadata", "meta", "params", "extra"))
_TELLING = WRAPPERS | {"seo", "sys", "system", "data", "content", "yoastheadjson"}


@cache
def rule_of(name: str) -> Rule | None:
    """Return the row of the table for a folded name; None for a field that says nothing of visibility."""
    bare = name.removeprefix("is")
    return _RULE_OF.get(name) or _RULE_OF.get(bare) or (_EXCLUSION if _EXCLUDED_FROM.fullmatch(bare) else None)


def is_known(name: str) -> bool:
    """Whether a folded name is of the table and of nothing else."""
    return rule_of(name) is not None and name not in _ELSEWHERE


class Judge:
    """Reads the table for the records of one source.

    now
        What is dated later is scheduled.
    opened
        What the person who runs recs says is public, as (folded field, its value as `text_of` gives it).
    """

    def __init__(self, now: datetime, opened: Iterable[tuple[str, str]] = ()) -> None:
        self._now = now
        self._opened = {(fold(name), value.strip().casefold()) for name, value in opened}

    def verdict(
        self, fields: Iterable[tuple[str, object]], also: Sequence[tuple[str, object, readings.Reading]] = ()
    ) -> Verdict:
        """Return the most closed of what (name, value) pairs say, a name as the source spells it, perhaps often.

        `also` are values of fields that are not of the table, each with how it is to be read.
        """
        found = [Verdict("public")]
        for name, value in fields:
            rule = rule_of(fold(name.rpartition(".")[2]))
            if rule is not None:
                found += [self._said(name, said, rule.read) for said in _each(value, rule.read)]
        found += [self._said(name, said, read) for name, value, read in also for said in _each(value, read)]
        return min(found, key=lambda verdict: readings.ORDER.index(verdict.visibility))

    def _said(self, name: str, value: object, read: readings.Reading) -> Verdict:
        if is_missing(value):
            return Verdict("public")
        shown = read(value, self._now)
        if shown == "public":
            return Verdict("public")
        said = "(set)" if read is readings.password else text_of(value)
        is_opened = (fold(name), said.casefold()) in self._opened
        return Verdict("public") if is_opened else Verdict(shown, name, said)


def _each(value: object, read: readings.Reading) -> Sequence[object]:
    """Return what is to be read one by one: each value of a name that comes twice, each tag."""
    values: Sequence[object] = value if isinstance(value, Repeated) else (value,)
    return [tag for one in values for tag in readings.tag_names(one)] if read is readings.closing_tag else values


def nested_fields(record: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """Yield the fields of the objects that a record keeps more of its own fields in, as ("meta.status", value)."""
    for outer, inside in record.items():
        if isinstance(inside, Mapping) and fold(outer) in _TELLING:
            for name, value in inside.items():
                yield f"{outer}.{name}", value
