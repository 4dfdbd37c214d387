"""Tells which elements of HTML a plugin or a template put into a body: lists of related posts, share buttons, marks."""

import re
from collections.abc import Mapping

from recs.text.html_elements import HEADINGS, names_in

# Plugins whose names nobody else uses, and parts that are not words of the author: share buttons, footnote marks,
# anchors of headings, line numbers of code, words for screen readers. Any element with such a class or id is left out.
_MARKS = (
    r"sharedaddy|sd-sharing|jp-post-flair|addtoany[\w-]*|a2a_kit|addthis_[\w-]+|shareaholic-canvas"
    r"|post-navigation|toc_container|ez-toc-container|lwptoc"
    r"|screen-reader-text|sr-only|visually-hidden|headerlink|header-anchor|heading-anchor|anchorjs-link"
    r"|footnote-ref|footnote-backref|reversefootnote|footnote-return|fnref[\w:.-]*"
    r"|gutter|lineno|linenos|linenodiv|rouge-gutter|line-numbers-rows|hljs-ln-numbers"
)
_PLUGINS = (
    r"yarpp[\w-]*|crp_related[\w-]*|jp-relatedposts[\w-]*|rp4wp[\w-]*|wp_rp_[\w-]+|zem_rp_[\w-]+"
    r"|zemanta-(?:related|article)[\w-]*|related_post_title|nrelate[\w-]*|linkwithin[\w-]*|relpost[-_][\w-]+"
    r"|rpbt[-_][\w-]+|yuzo_related[\w-]*|trc_related_container|outbrain|ob-widget|taboola[\w-]*"
    r"|read-next[\w-]*|more-topics__[\w-]+|sqs-block-summary-v2|elementor-widget-posts"
    r"|wp-block-(?:latest-(?:posts|comments)|query|post-template|archives|tag-cloud|calendar|rss)"
    r"(?:__[\w-]+)?"
)
# Names that many plugins and themes use. They count on a container only: a link or a paragraph with such a class may
# be the author's. "related-links", "further-reading", "recommended-reading" and "see-also" are not here: authors give
# these names to lists of their own.
_CHOSEN = r"related|recommended|similar|suggested|popular|recent|latest|trending"
_WRITINGS = r"posts?|articles?|stories|story|entries|entry|topics?|news"
_PREFIX = r"(?:(?!(?:no|has|hide|show|with|without|is|field)[-_])[a-z0-9]{1,30}[-_]{1,2}){0,4}"
_LIST_NAME = re.compile(
    rf"{_PREFIX}(?:{_CHOSEN})[-_]?(?:{_WRITINGS})(?:[-_][\w-]*|s?(?:list|box|wrap|wrapper|container|widget))?"
    rf"|{_PREFIX}related[-_]content(?:[-_][\w-]*)?"
    r"|wp-block-[\w-]*?(?:related|latest|recent|popular)-(?:posts|articles|links)[\w-]*",
    re.IGNORECASE,
)
_ANY_NAME = re.compile(f"{_MARKS}|{_PLUGINS}", re.IGNORECASE)
_CONTAINERS = names_in("aside details div dl fieldset footer nav ol section table ul")
# Tools give a section the words of its heading as its id, and the author wrote the heading.
_SECTION_NAME = re.compile(r"section|level[1-6]|sect[1-6]")
_LONGEST_NAME = 100


def is_injected(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Whether the author did not write an element: its class or id is that of a plugin, or of a list in a template.

    Examples
    --------
    >>> is_injected("div", {"class": "yarpp yarpp-related"}), is_injected("ul", {"class": "related-posts"})
    (True, True)
    >>> is_injected("h2", {"id": "related-posts"}), is_injected("p", {"class": "related"})
    (False, False)
    """
    classes = [name for name in (attributes.get("class") or "").split() if len(name) <= _LONGEST_NAME]
    names = [*classes, *(name for name in (attributes.get("id") or "").split() if len(name) <= _LONGEST_NAME)]
    if any(map(_ANY_NAME.fullmatch, names)):
        return True
    if tag in HEADINGS:
        return any(map(_LIST_NAME.fullmatch, classes))
    if tag not in _CONTAINERS:
        return False
    is_section = tag == "section" or any(map(_SECTION_NAME.fullmatch, classes))
    return any(map(_LIST_NAME.fullmatch, classes if is_section else names))
