"""Which objects visitors may see, what recs reads of them, and the lists of a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.module_loading import import_string

import recs

SPARE = 5
"""More entries than are shown: some pages may be unpublished before the lists are made anew."""


def setting(name: str, default: Any) -> Any:
    """Return a value of the setting `RECS`."""
    return getattr(settings, "RECS", {}).get(name, default)


def lists_path() -> Path:
    """Return the file of the lists."""
    return Path(setting("FILE", None) or Path(getattr(settings, "BASE_DIR", "."), "recs-related.json"))


@cache
def related_lists(path: Path) -> Any:
    """Return the lists of a file, one object for each process: it looks again when the file changes."""
    return recs.load_related(path)


def public_objects() -> Any:
    """Return a queryset of the objects that visitors may see now."""
    if own := setting("QUERYSET", None):
        return import_string(own)()
    if not apps.is_installed("wagtail"):
        raise ImproperlyConfigured('RECS["QUERYSET"] must name a function that returns the objects for visitors.')
    from django.db.models import Q
    from wagtail.models import Page

    now = timezone.now()
    is_present = Q(expire_at__isnull=True) | Q(expire_at__gt=now)
    is_begun = Q(go_live_at__isnull=True) | Q(go_live_at__lte=now)
    return Page.objects.live().public().filter(is_present, is_begun, depth__gt=2)  # not the home pages


def pages() -> list[dict[str, Any]]:
    """Return what recs reads of all public objects."""
    own = setting("PAGE", None)
    page_of: Callable[[Any], dict[str, Any]] = import_string(own) if own else _page_of
    objects = public_objects().order_by("pk")
    objects = objects.specific() if hasattr(objects, "specific") else objects
    return [{**page_of(each), "id": each.pk} for each in objects.iterator()]


def _page_of(each: Any) -> dict[str, Any]:
    """Return the title and the texts of an object: of a page of Wagtail without those that all pages have."""
    is_wagtail = hasattr(each, "get_verbose_name") and hasattr(each, "locale")
    page: dict[str, Any] = {"title": str(each), "text": "\n\n".join(_texts(each, is_wagtail))}
    if is_wagtail:
        page |= {"title": each.title, "date": each.first_published_at, "updated": each.last_published_at}
        if getattr(settings, "WAGTAIL_I18N_ENABLED", False):
            page["lang"] = each.locale.language_code
    return page


def _texts(each: Any, is_wagtail: bool) -> list[str]:
    """Return the texts of an object in the order of its fields."""
    texts: list[str] = []
    base = apps.get_model("wagtailcore", "Page") if is_wagtail else None
    for field in each._meta.concrete_fields:
        if base is not None and issubclass(base, field.model):  # fields of every page, such as the description
            continue
        value = field.value_from_object(each)
        if hasattr(field, "get_searchable_content"):  # RichTextField and StreamField
            texts += map(str, field.get_searchable_content(value))
        elif field.get_internal_type() == "TextField" and value:
            texts.append(recs.plain_text(str(value), "html"))
    return [text for text in texts if text.strip()]
