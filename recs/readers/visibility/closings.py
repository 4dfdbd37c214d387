"""The table of all fields and values that close or unlist an item, and the tools that use each of them."""

import re
from functools import cache

from recs.readers.values import fold
from recs.readers.visibility import members, readings
from recs.readers.visibility.rules import Rule

_EXCLUDED_FROM = (
    r"(?:no|not|donot|exclude[ds]?|hide|hidden|ignored?)(?:in|from|on)?(?:the)?"
    r"(?:search|searchindex|searchengines?|nav|navigation|sitemap|lists?|listings?|home|homepage|homelist|index|collections?)"
    r"|(?:search|nav|navigation|sitemap|lists?|listings?|home|homepage|index)(?:exclude[ds]?|hide|hidden|ignored?|disabled?)"
)


TABLE: tuple[Rule, ...] = (
    Rule(
        "status visibility poststatus access privacy audience stage publishstatus publicationstatus publicationstate "
        "contentstatus reviewstate reviewstatus workflowstate workflowstatus workflowstep moderationstate "
        "privacystatus articlestatus pagestatus statut 状态 状態",
        "a word of the list below; any other value closes the item",
        "WordPress, Ghost, Pelican, Substack (audience), Drupal, Plone, Micropub, Kirby, Directus",
        readings.status_word,
    ),
    Rule(
        "state estado stato availability",
        "a word of the list below; a number below 1: draft; any other value is ignored",
        "Tumblr, Craft, Joomla",
        readings.status_or_other,
    ),
    Rule(
        "published publish live public currentlypublished approved show",
        "false: draft; a date is read as the field date",
        "Jekyll, Hexo, dev.to, Obsidian Publish, Wagtail",
        readings.opened_by("draft", dated=True),
    ),
    Rule("visible", "false: draft", "Grav, Discourse", readings.opened_by("draft", dated=True)),
    Rule(
        "dgpublish",
        "false: draft; absent, if another note says true: draft",
        "Obsidian Digital Garden",
        readings.opened_by("draft"),
    ),
    Rule(
        "listed searchable indexed indexable allowindexing discoverable makediscoverable insearchindex",
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
        "private passwordprotected protected expired encrypted encrypt secret confidential membersonly "
        "subscribersonly emailonly "
        "deleted trashed intrash disabled withdrawn retracted premium paywalled paidonly",
        "true, or any other value except false: private",
        "Hexo, WordPress REST, Ghost (email_only), Statamic, generic",
        readings.HELD_BACK,
    ),
    Rule(
        "unlisted delisted headless hidden archived dghide bookhidden geekdochidden tochide hidesummary "
        "robotsnoindex noindex "
        "booksearchexclude",
        "true: unlisted",
        "Docusaurus, Hugo and its themes, Hexo, Digital Garden",
        readings.closed_by("unlisted"),
    ),
    Rule(
        "yoastwpseometarobotsnoindex genesisnoindex aioseopnoindex seopressrobotsindex jetpackseonoindex "
        "epexcludefromsearch",
        "true: unlisted; any other value is ignored",
        "plugins of WordPress for search engines",
        readings.closed_by("unlisted", strict=False),
    ),
    Rule(
        "emailtype archivalmode",
        "public, archival, enabled or archive_only: public; any other value: private",
        "Buttondown",
        members.newsletter,
    ),
    Rule("scheduled", "true, or a date in the future: scheduled", "generic", readings.closed_by("scheduled")),
    Rule(
        "password postpassword pagepassword passphrase passcode pwd",
        "any value except false or an empty one: private",
        "WordPress, Hexo",
        readings.password,
    ),
    Rule(
        "date datepublished publishedat firstpublishedat pubdate publishdate publishon publishat scheduledat "
        "scheduledfor goliveat embargo embargountil embargodate availablefrom visiblefrom publishfrom",
        "a date in the future: scheduled; a date that cannot be read closes the item",
        "Hugo, Wagtail (go_live_at), Drupal, feeds",
        readings.publication,
    ),
    Rule(
        "expirydate expiry expires expiresat expireson expireat expirationdate unpublishdate unpublishat unpublishon "
        "publishuntil visibleuntil availableuntil",
        "a date in the past: private; a date that cannot be read closes the item",
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
    Rule(
        "exclude",
        "true: unlisted; any other value is read as the field `excludes`",
        "Jekyll, generic",
        readings.exclude,
    ),
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
    Rule(
        "robots metarobots googlebot rankmathrobots",
        "noindex or none: unlisted",
        "HTML, Yoast, Rank Math, Hugo themes",
        readings.robots,
    ),
    Rule("sidebar", "{hidden: true}: unlisted", "Starlight", readings.hiding_settings("hidden hide")),
    Rule(
        "redirectto redirecturl",
        "any value except false: unlisted (the page leads to another page)",
        "Jekyll",
        readings.redirect,
    ),
    Rule("layout", "redirect: unlisted", "Jekyll", readings.layout),
    Rule(
        "tags tag categories category keywords labels taglist internaltags",
        "a closing tag, such as draft or private (see below): its visibility",
        "Obsidian, Ghost (internal tags), generic",
        readings.closing_tag,
    ),
    Rule("id", "an id that begins with drafts. or versions.: draft", "Sanity", readings.draft_id),
    Rule(
        "folder",
        "the name of a closing tag, such as drafts or private: its visibility",
        "Jekyll and Hexo (_drafts), generic",
        readings.closing_tag,
    ),
    Rule(
        "itunes:block itunesblock googleplay:block podcast:block media:restriction",
        "true: unlisted",
        "podcast feeds, Media RSS",
        readings.closed_by("unlisted", strict=False),
    ),
)
_RULE_OF = {fold(name): rule for rule in TABLE for name in rule.names.split()}
_ON = r"(?:at|on|date|time|datetime|from|after|up|gmt)+"
# Rows for names with too many variants to list.
PATTERNS: tuple[tuple[re.Pattern[str], Rule], ...] = (
    (
        re.compile(_EXCLUDED_FROM),
        Rule(
            "nav_exclude search_exclude hidden_from_home no_index …",
            "true: unlisted",
            "themes of Hugo, Jekyll and others",
            readings.closed_by("unlisted"),
        ),
    ),
    (
        members.FIELDS,
        Rule(
            "_members_access_role _wpmem_block restrict_content content_restriction …",
            "any value except false, none or everyone: private",
            "plugins of WordPress for members",
            members.restriction,
        ),
    ),
    (
        re.compile(rf"(?:delete|trash|archive|discard|remove|withdraw|hide|hidden|retract|suppress)(?:d|n)?{_ON}"),
        Rule(
            "deleted_at archived_on removed_at …",
            "any value except false or an empty one: private",
            "databases, Contentful",
            readings.closed_by("private"),
        ),
    ),
    (
        re.compile(
            rf"(?:pub|publish|published|publication|release|released|posted|golive|live|schedule|scheduled|embargo)"
            rf"{_ON}|effective|(?:embargo|hidden)until"
        ),
        Rule(
            "pub_datetime published_date publish_up release_date …",
            "a date in the future: scheduled; a date that cannot be read closes the item",
            "Astro, Bear, Joomla, Plone",
            readings.publication,
        ),
    ),
    (
        re.compile(
            r"(?:expire[sd]?|expir(?:y|ation)|unpublish(?:ed)?)(?:at|on|date|time)*"
            r"|(?:valid|available|visible|publish|published)(?:until|to|down)|dateexpires|expires?date"
        ),
        Rule(
            "expire expired_at publish_down valid_until …",
            "a date in the past: private; a date that cannot be read closes the item",
            "Joomla, Craft, Drupal",
            readings.expiry,
        ),
    ),
)
# Fields that have another meaning too. If an item has no place for one, it is reported as ignored.
_ELSEWHERE = frozenset(
    ("tags", "tag", "categories", "category", "keywords", "labels", "taglist", "id", "permalink", "layout", "exclude")
).union({"folder"})

# Prefixes of names in exports: "is_draft", "wp:status", "post_password", "article_state".
_BEFORE = re.compile(r"(?:is|wp|post|item|article|page|entry|content)(?=.)")


@cache
def rule_of(name: str) -> Rule | None:
    """Return the row of the table for a folded name; None if the field says nothing about visibility.

    Examples
    --------
    >>> rule_of("isdraft").says, rule_of("color")
    ('true: draft', None)
    """
    bare = _BEFORE.sub("", name, count=1) if _BEFORE.match(name) else name
    for one in dict.fromkeys((name, bare)):
        if one in _RULE_OF and not (one != name and one in _ELSEWHERE):
            return _RULE_OF[one]
        for pattern, rule in PATTERNS:
            if pattern.fullmatch(one):
                return rule
    return None


def is_only_visibility(name: str) -> bool:
    """Whether a folded name is in the table and has no other meaning.

    Examples
    --------
    >>> is_only_visibility("draft"), is_only_visibility("tags")
    (True, False)
    """
    return rule_of(name) is not None and name not in _ELSEWHERE
