"""What the export file of WordPress and its REST API have in common: types, dates, and fields of plugins."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from recs.readers.values import fold, is_missing, pairs
from recs.readers.visibility.closings import rule_of
from recs.readers.visibility.rules import Rule

UNCATEGORIZED = "uncategorized"  # the category of a post that has none
# Types of WordPress and of common plugins that have no page of their own, or that hold what visitors sent.
_WITHOUT_PAGE = """
attachment revision nav_menu_item custom_css customize_changeset oembed_cache user_request feedback acf
elementor_library et_pb_layout fl-builder-template ct_template wpcf7_contact_form wpforms mc4wp-form flamingo_contact
flamingo_inbound nf_sub jp_mem_plan jp_pay_order jp_pay_product shop_order shop_order_refund shop_coupon
scheduled-action product_variation tablepress_table polylang_mo popup custom-css-js sidebar
"""
_TYPES_WITHOUT_PAGE = frozenset(_WITHOUT_PAGE.split())
_BEGINNINGS = ("wp_", "_", "acf-", "elementor_", "mepr")
_LONGEST_SHOWN = 40
_SERIALIZED = re.compile(r"s:\d{1,9}:\"([^\"]{0,200})\";")
_EMPTY_LIST = "a:0:{}"
_ALL_MOMENTS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def has_page(post_type: str, status: str, link: str) -> bool:
    """Whether posts of a type have pages of their own. WordPress gives no other link to a post without one.

    Examples
    --------
    >>> has_page("page", "draft", ""), has_page("attachment", "inherit", "https://example.org/shed/")
    (True, False)
    >>> has_page("book", "publish", "https://example.org/book/emma/")
    True
    >>> has_page("slide", "publish", "https://example.org/?post_type=slide&p=12")
    False
    """
    if post_type in ("post", "page"):
        return True
    if post_type in _TYPES_WITHOUT_PAGE or post_type.startswith(_BEGINNINGS):
        return False
    return status != "publish" or "?post_type=" not in link


def types_left_out(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield one reason for each type of entries that were left out.

    Examples
    --------
    >>> list(types_left_out({"attachment": 2}))
    ["2 of the type 'attachment', which are not posts or pages"]
    """
    for post_type, count in sorted(counts.items()):
        is_or_are = "which is not a post or page" if count == 1 else "which are not posts or pages"
        yield f"{count:,} of the type {post_type[:_LONGEST_SHOWN]!r}, {is_or_are}"


def real_date(*dates: str) -> str:
    """Return the first date that is one: WordPress writes zeros if there is none.

    Examples
    --------
    >>> real_date("0000-00-00 00:00:00", "2024-03-01 18:30:00")
    '2024-03-01 18:30:00'
    """
    return next((date for date in dates if date and not date.startswith("0000") and "-0001" not in date), "")


def may_hide(name: str) -> bool:
    """Whether the table of visibility has a custom field.

    Examples
    --------
    >>> may_hide("_members_access_role"), may_hide("_edit_lock")
    (True, False)
    """
    return _rule(name) is not None


def hiding_fields(fields: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Return the custom fields that say, by the table of visibility, that a post is hidden.

    A custom field may be about anything, so one whose value is not understood does not count.

    Examples
    --------
    >>> hiding_fields([("_yoast_wpseo_meta-robots-noindex", "1"), ("_wpmem_block", "1"), ("state", "Ohio")])
    {'_yoast_wpseo_meta-robots-noindex': '1', '_wpmem_block': '1'}
    """
    decoded = [(name, _decoded(value)) for name, value in fields]
    return pairs((name, value) for name, value in decoded if _hides(name, value))


def _decoded(value: object) -> object:
    """Return the words in a list that PHP has serialized; any other value as it is."""
    if not isinstance(value, str):
        return value
    words = _SERIALIZED.findall(value) if value.startswith("a:") else []
    return words or ("" if value == _EMPTY_LIST else value)


def _hides(name: str, value: object) -> bool:
    """Whether the table takes a value for hidden, at any moment: now is not known here."""
    rule = _rule(name)
    if rule is None or is_missing(value):
        return False
    return any(rule.read(value, moment) not in ("public", "unknown") for moment in _ALL_MOMENTS)


def _rule(name: str) -> Rule | None:
    return rule_of(fold(name.rpartition(".")[2]))
