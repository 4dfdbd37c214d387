"""Related lists in Django and Wagtail: `INSTALLED_APPS += ["recs.plugins.django"]`.

`manage.py recs_update` makes the lists; `{% load recs %}{% related_pages page as others %}` gives the objects of the
list that visitors may see now. The setting `RECS` is a dict; its keys, with their defaults:

    "QUERYSET"     the path of a function that returns the objects that visitors may see: "blog.recs.posts".
                   Wagtail needs none: these are the pages that are live, public, not expired and not scheduled
    "PAGE"         the path of a function from an object to the dict that recs reads; see recs.plugins.django.pages
    "FILE"         BASE_DIR / "recs-related.json": where lists are kept
    "COUNT"        5: entries in a list
    "HEADING"      None: the heading; None for the active language
    "MODEL"        None: the name of a model; None for the default one; "" ranks by terms alone
    "CACHE"        True: where vectors are kept: True for the user's cache folder, or a folder

The list is the template recs/related.html; one in the project's templates replaces it.
"""
