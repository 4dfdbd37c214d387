"""`{% load recs %}`: `{% related_pages page as others %}` and `{% related_heading %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.core.exceptions import ValidationError
from django.utils.translation import get_language

from recs.plugins.common import heading
from recs.plugins.django.pages import lists_path, public_objects, related_lists, setting

register = template.Library()


@register.simple_tag(takes_context=True)
def related_pages(context: template.Context, page: Any, count: int | None = None) -> list[Any]:
    """Return the objects that are related to one, best first: those that visitors may see at this moment."""
    ids = [entry["id"] for entry in related_lists(lists_path()).get(getattr(page, "pk", None))]
    if not ids:
        return []
    objects = public_objects()
    if hasattr(objects, "in_site") and "request" in context:
        from wagtail.models import Site

        site = Site.find_for_request(context["request"])
        objects = objects.in_site(site) if site is not None else objects
    try:
        by_id = {str(each.pk): each for each in objects.filter(pk__in=ids)}
    except (ValueError, ValidationError):  # a file with the ids of another model
        return []
    listed = [by_id[name] for name in ids if name in by_id]
    return listed[: setting("COUNT", 5) if count is None else count]


@register.simple_tag
def related_heading() -> str:
    """Return the heading of a list, in the active language."""
    return heading(get_language(), setting("HEADING", None))
