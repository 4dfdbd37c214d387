"""The plugin for Django and Wagtail, in Django itself: pages of Wagtail, and plain models."""

import json
import os
import shutil
from copy import copy

import pytest
from real_sites import posts, python_with, run

pytestmark = pytest.mark.system

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
USE_TZ = True
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "de"
DATABASES = {"default": {"ENGINE": "django.db.backends.%s", "NAME": %r}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"] + %r + [
    "recs.plugins.django", "site_app"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "DIRS": [BASE_DIR / "templates"],
    "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}]
WAGTAIL_SITE_NAME = "Hedge & Hinge"
WAGTAILADMIN_BASE_URL = "http://localhost"
RECS = {"MODEL": "", "CACHE": False, **%r}
"""

WAGTAIL_APPS = ["taggit", "modelcluster", "wagtail.users", "wagtail.documents", "wagtail.images", "wagtail.search"]
WAGTAIL_APPS += ["wagtail.admin", "wagtail"]

WAGTAIL_MODELS = """
from wagtail import blocks
from wagtail.fields import RichTextField, StreamField
from wagtail.models import Page

class PostPage(Page):
    intro = RichTextField(blank=True)
    body = StreamField([("heading", blocks.CharBlock()), ("text", blocks.RichTextBlock())], blank=True)
    template = "post.html"
"""

WAGTAIL_URLS = """
from django.urls import include, path
from wagtail import urls
urlpatterns = [path("blog/", include(urls))]
"""

POST = "{% load recs %}<h1>{{ page.title }}</h1>{% related_pages page as similar %}"
POST += '{% include "recs/related.html" with pages=similar %}{% related_pages page 2 as two %}<b>{{ two|length }}</b>'

FILL = """
import json, sys
from wagtail.models import Page, Site
from site_app.models import PostPage
root = Page.objects.get(depth=1)
home = root.add_child(instance=Page(title="Home", slug="garden"))
Site.objects.all().delete()
Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
for post in json.load(open("posts.json")):
    first, _, rest = post["content_html"].partition("</p>")
    page = home.add_child(instance=PostPage(title=post["title"], slug=post["id"], intro=first + "</p>",
        body=[("heading", post["category"]), ("text", rest)]))
    page.save_revision().publish()
"""

# Requests every page, and every link in a list; prints the slugs in the list of each page.
VISIT = """
import json, re
from django.test import Client
from site_app.models import PostPage
client, lists = Client(SERVER_NAME="localhost"), {}
for page in PostPage.objects.live():
    answer = client.get(page.url)
    html = answer.content.decode()
    part = html.partition("<aside")[2].partition("</aside>")[0]
    links = re.findall('href="([^"]+)"', part)
    for link in links:
        assert client.get(link).status_code == 200, link
    lists[page.slug] = [link.strip("/").rpartition("/")[2] for link in links]
print("LISTS" + json.dumps(lists))
"""


DJANGO = {"DJANGO_SETTINGS_MODULE": "settings"}


class Project:
    """A project of Django in a folder."""

    def __init__(self, folder, apps, models, urls, *, database=("sqlite3", "db.sqlite3"), **recs):
        self.folder = folder
        self.python = python_with("wagtail")
        (folder / "site_app" / "migrations").mkdir(parents=True)
        (folder / "site_app" / "migrations" / "__init__.py").write_text("")
        (folder / "templates").mkdir()
        (folder / "site_app" / "__init__.py").write_text("")
        (folder / "site_app" / "models.py").write_text(models)
        (folder / "settings.py").write_text(SETTINGS % (*database, apps, recs))
        (folder / "urls.py").write_text(urls)
        (folder / "posts.json").write_text(json.dumps(posts()), encoding="utf-8")
        self.manage("makemigrations", "-v0", "site_app")
        self.manage("migrate", "-v0")

    def manage(self, *words):
        return run([self.python, "-m", "django", *words, "--pythonpath", "."], self.folder, **DJANGO)

    def execute(self, code):
        return self.manage("shell", "-v0", "-c", code)

    def lists(self):
        output = self.execute(VISIT)
        return json.loads(output.partition("LISTS")[2])


def fill(folder, **options):
    project = Project(folder, WAGTAIL_APPS, WAGTAIL_MODELS, WAGTAIL_URLS, **options)
    (project.folder / "templates" / "post.html").write_text(POST)
    project.execute(FILL)
    return project


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A project with 80 pages; each test has a copy of it."""
    return fill(tmp_path_factory.mktemp("wagtail"))


@pytest.fixture
def wagtail(filled, tmp_path):
    project = copy(filled)
    project.folder = tmp_path / "project"
    shutil.copytree(filled.folder, project.folder)
    return project


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, tmp_path):
    """The project in SQLite, or in the PostgreSQL that PGHOST names."""
    if request.param == "sqlite":
        yield request.getfixturevalue("wagtail")
        return
    if "PGHOST" not in os.environ or shutil.which("createdb") is None:
        pytest.skip("PGHOST names no PostgreSQL")
    python_with("psycopg")
    name = f"recs_test_{os.getpid()}"
    run(["createdb", name], tmp_path)
    try:
        yield fill(tmp_path, database=("postgresql", name))
    finally:
        run(["dropdb", name], tmp_path)


def shown(lists):
    return {slug for slugs in lists.values() for slug in slugs}


CHANGE = "from site_app.models import PostPage\nfrom datetime import *\nfrom django.utils import timezone\n"
CHANGE += "page = PostPage.objects.get(slug={slug!r})\n{change}\n"

HIDING = {
    "unpublished": "page.unpublish()",
    "deleted": "page.delete()",
    "expired": "PostPage.objects.filter(pk=page.pk).update(expire_at=timezone.now() - timedelta(minutes=1))",
    "scheduled": "PostPage.objects.filter(pk=page.pk).update(go_live_at=timezone.now() + timedelta(days=1))",
    "restricted": "from wagtail.models import PageViewRestriction as R\n"
    "R.objects.create(page=page, restriction_type='password', password='x')",
}


def test_80_pages_of_wagtail_show_lists_and_a_hidden_page_is_gone_at_once(either):
    wagtail = either
    assert "80 lists" in wagtail.manage("recs_update")
    lists = wagtail.lists()
    assert set(lists) == {post["id"] for post in posts()}
    assert all(1 <= len(slugs) <= 5 and slug not in slugs for slug, slugs in lists.items())
    hidden = set()
    for slug, change in zip(sorted(shown(lists)), HIDING.values(), strict=False):
        wagtail.execute(CHANGE.format(slug=slug, change=change))
        hidden.add(slug)
    after = wagtail.lists()  # the lists were not made anew
    assert not hidden & shown(after)
    assert all(len(after[slug]) == 5 for slug in after if len(lists[slug]) == 5 and slug not in hidden)
    assert "75 lists" in wagtail.manage("recs_update")
    assert not hidden & shown(wagtail.lists())
    assert not any(slug in (wagtail.folder / "recs-related.json").read_text(encoding="utf-8") for slug in hidden)


def test_pages_before_the_first_update_have_no_lists(wagtail):
    assert shown(wagtail.lists()) == set()


def test_the_tag_and_the_template(wagtail):
    wagtail.manage("recs_update", "--cached-only")
    page = wagtail.execute(
        "from django.test import Client\nfrom site_app.models import PostPage\n"
        "page = PostPage.objects.order_by('pk').first()\n"
        "print(Client(SERVER_NAME='localhost').get(page.url).content.decode())"
    )
    assert "Auch interessant" in page
    assert "<b>2</b>" in page
    folder = wagtail.folder / "templates" / "recs"
    folder.mkdir()
    (folder / "related.html").write_text("<p>{{ pages|length }} more</p>")
    page = wagtail.execute(
        "from django.test import Client\nfrom site_app.models import PostPage\n"
        "page = PostPage.objects.order_by('pk').first()\n"
        "print(Client(SERVER_NAME='localhost').get(page.url).content.decode())"
    )
    assert "<p>5 more</p>" in page


MODELS = """
from django.db import models
class Post(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    is_published = models.BooleanField(default=True)
    def __str__(self):
        return self.title
    def get_absolute_url(self):
        return f"/{self.pk}/"
def posts():
    return Post.objects.filter(is_published=True)
"""

RENDER = """
import json
from django.template import Context, Template
from site_app.models import Post
template = Template('''{% load recs %}{% related_pages post as others %}
{% include "recs/related.html" with pages=others %}''')
pages = {post.pk: template.render(Context({"post": post})) for post in Post.objects.all()}
print("PAGES" + json.dumps(pages))
"""


def test_objects_of_a_plain_model(tmp_path):
    project = Project(tmp_path, [], MODELS, "urlpatterns = []", QUERYSET="site_app.models.posts")
    project.execute(
        "import json\nfrom site_app.models import Post\n"
        "for post in json.load(open('posts.json')):\n"
        "    Post.objects.create(title=post['title'] + ' & <b>', body=post['content_html'])\n"
    )
    project.manage("recs_update")
    pages = json.loads(project.execute(RENDER).partition("PAGES")[2])
    assert all("<li><a href=" in page for page in pages.values())
    assert "&amp; &lt;b&gt;</a>" in pages["1"]
    project.execute("from site_app.models import Post\nPost.objects.exclude(pk=1).update(is_published=False)")
    pages = json.loads(project.execute(RENDER).partition("PAGES")[2])
    assert all("href" not in page or 'href="/1/"' in page for page in pages.values())


def test_without_a_queryset_the_error_says_what_to_do(tmp_path):
    project = Project(tmp_path, [], MODELS, "urlpatterns = []")
    with pytest.raises(AssertionError, match="must name a function"):
        project.manage("recs_update")
