"""The addresses of pages against those that site generators gave them when they built the same files.

Hugo 0.168.0, Jekyll 4.3.1, Hexo 8, Eleventy 3.1, Pelican 4.12, MkDocs 1.6.1 with Material 9, Docusaurus 3.10 built the
sites of this table. An address of Hugo is the permalink of the page; any other is the file that holds the page.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from recs import read_items

NOW = "2026-11-01"
# A site begins with ===, its configuration ends with ---. Then each line is a file, its front matter, and its address.
BUILT = Path(__file__).with_name("permalinks.txt").read_text(encoding="utf-8")
A = "---\ntitle: A\n---\nx"
HEXO = "source_dir: source\nurl: https://example.org\n"


def _write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _urls(folder, files):
    return {item.id: item.url for item in read_items(_write(folder, files), now=NOW)}


def _links(folder, files, item_id):
    (item,) = [item for item in read_items(_write(folder, files), now=NOW) if item.id == item_id]
    return {link.anchor: link.target for link in item.links}


def _sites():
    for site in BUILT.strip().removeprefix("=== ").split("\n=== "):
        head, lines = site.split("\n---\n")
        name, config = head.split("\n", 1)
        yield name, config, [[cell.strip() for cell in line.split("|")] for line in lines.splitlines()]


def _file(path, matter, config_name):
    lines = matter.replace("; ", "\n")
    if config_name == "pelicanconf.py":
        return f"{lines}\n\nText.\n"
    title = "" if "title:" in lines else "# Heading Title `code`\n\n"
    return f"---\n{lines}\n---\n{title}Text.\n"


def _pages(url, base):
    """Return the files that a server may send for a URL."""
    path = unquote(urlsplit(url).path).removeprefix(base)
    return {f"{path}index.html"} if path.endswith("/") else {path, f"{path}.html", f"{path}/index.html"}


def _base(config):
    return next((base for base in ("/blog", "/docs") if f"example.org{base}" in config or f": {base}" in config), "")


@pytest.mark.parametrize(("name", "config", "rows"), list(_sites()))
def test_address_is_that_of_the_page_that_the_generator_built(tmp_path, name, config, rows):
    files = {path: _file(path, matter, name) for path, matter, _ in rows}
    urls = _urls(tmp_path, {name: config, **files})
    for path, _, built in rows:
        if not built:
            continue
        url = urls[path.rpartition(".")[0].removesuffix("/index")]
        assert url, path
        if built.startswith("https://"):
            assert url == built
        else:
            base = "/blog" if "pathPrefix: '/blog/'" in config else _base(config)
            assert urlsplit(url).path.startswith(base), path
            assert built in _pages(url, base)


@pytest.mark.parametrize(
    ("files", "item_id"),
    [
        ({"_config.yml": "permalink: /:mood/:title/", "_posts/2024-01-05-a.md": A}, "_posts/2024-01-05-a"),
        ({"_config.yml": "permalink: '/{{ page.x }}/'", "_posts/2024-01-05-a.md": A}, "_posts/2024-01-05-a"),
        ({"_config.yml": "title: x", "_plain/a.md": A}, "_plain/a"),
        ({"_config.yml": "title: x", "a.md": "A file without front matter."}, "a"),
        ({"_config.yml": HEXO, "source/_posts/a.md": A}, "source/_posts/a"),
        ({"_config.yml": HEXO + "permalink: :hash/", "source/_posts/a.md": "date: 2024\n---\nx"}, "source/_posts/a"),
        ({"hugo.toml": "[permalinks]\nposts = '/:year/:slug/'", "content/posts/a.md": A}, "content/posts/a"),
        ({"hugo.toml": "[module]\n[[module.mounts]]\nsource = 'x'", "content/posts/a.md": "x"}, "content/posts/a"),
        ({".eleventy.js": "", "p/a.md": "---\npermalink: '/{{ slug }}/'\n---\nx"}, "p/a"),
        ({".eleventy.js": "", "p/p.json": '{"permalink": "/{{ slug }}/"}', "p/a.md": "x"}, "p/a"),
        ({".eleventy.js": "", "p/p.11tydata.js": "", "p/a.md": "x"}, "p/a"),
        ({".eleventy.js": "c.addGlobalData('permalink', () => x)", "p/a.md": "x"}, "p/a"),
        ({"docusaurus.config.js": "url: process.env.URL, baseUrl: '/'", "docs/a.md": "x"}, "docs/a"),
        ({"docusaurus.config.js": "url: 'https://e.org', routeBasePath: '/'", "docs/a.md": "x"}, "docs/a"),
        ({"pelicanconf.py": "SITEURL = os.environ['URL']", "content/a.md": "Title: A\n\nx"}, "content/a"),
        ({"pelicanconf.py": "PATH = 'content'", "content/a.md": "Title: 日本\n\nx"}, "content/a"),
        ({"astro.config.mjs": "site: 'https://e.org'", "src/content/blog/a.md": "x"}, "src/content/blog/a"),
        ({".obsidian/app.json": "{}", "a.md": "x"}, "a"),
        ({"a.md": "x"}, "a"),
    ],
)  # fmt: skip
def test_address_is_none_if_something_unknown_decides(tmp_path, files, item_id):
    assert _urls(tmp_path, files) == {item_id: None}


def test_address_of_astro_needs_the_route_of_its_collection(tmp_path):
    files = {
        "astro.config.mjs": "export default defineConfig({ site: 'https://e.org', base: '/x' });",
        "src/pages/blog/[...slug].astro": "",
        "src/content/blog/My Post.md": "x",
        "src/pages/about.md": "x",
    }
    urls = {"src/content/blog/My Post": "https://e.org/x/blog/my-post/", "src/pages/about": "https://e.org/x/about/"}
    assert _urls(tmp_path, files) == urls


def test_address_of_a_folder_inside_the_site_is_the_same(tmp_path):
    _write(tmp_path, {"hugo.toml": "baseURL = 'https://e.org/'", "content/posts/sub/a.md": "x"})
    (item,) = read_items(tmp_path / "content" / "posts", now=NOW)
    assert (item.id, item.url) == ("sub/a", "https://e.org/posts/sub/a/")


def test_address_reads_the_permalinks_of_hugo_in_a_file_of_their_own(tmp_path):
    files = {
        "config/_default/hugo.toml": "baseURL = 'https://e.org/'",
        "config/_default/permalinks.toml": "[page]\nposts = '/p/:contentbasename/'",
        "content/posts/a.md": "x",
    }
    assert _urls(tmp_path, files) == {"content/posts/a": "https://e.org/p/a/"}


def test_hexo_is_told_from_jekyll_and_its_drafts_and_themes_stay_closed(tmp_path):
    files = {
        "_config.yml": "url: https://e.org\n",
        "source/_posts/a.md": "---\ntags: red wine\ndate: 2024-01-05\n---\nx",
        "source/_drafts/b.md": "---\ntitle: B\n---\nx",
        "themes/t/README.md": "x",
        "scaffolds/post.md": "---\ntitle: '{{ title }}'\n---\n",
    }
    collection = read_items(_write(tmp_path, files), now=NOW)
    assert collection.format == "a folder of Hexo, by its configuration"
    public = {item.id: (item.url, item.tags) for item in collection.public}
    assert public == {"source/_posts/a": ("https://e.org/2024/01/05/a/", ("red wine",))}


def test_docusaurus_drafts_unlisted_and_authors_are_no_posts(tmp_path):
    files = {
        "docusaurus.config.js": "url: 'https://e.org', baseUrl: '/'",
        "blog/authors.yml": "me: {name: Me}",
        "blog/2024-01-05-a.md": "x",
        "blog/2024-01-06-b.md": "---\ndraft: true\n---\nx",
        "docs/c.md": "---\nunlisted: true\n---\nx",
        "docs/_part.md": "x",
    }
    collection = read_items(_write(tmp_path, files), now=NOW)
    assert [item.url for item in collection.public] == ["https://e.org/blog/2024/01/05/a"]


def test_links_of_hugo_resolve_by_ref_address_and_alias(tmp_path):
    body = (
        '[1]({{< ref "c.md" >}}) [2]({{% relref "/posts/c" %}}) [3]({{< ref "posts/sub/d.md#x" >}}) [4](/b/2024/my-c/)'
        ' [5](/b/old-c/) [6](c.md) [7](sub/d.md) [8](https://e.org/b/2024/my-c/) [no1](d.md) [no2](/x/my-c/)'
        ' [no3]({{< ref "nope/c.md" >}})'
    )  # fmt: skip
    files = {
        "hugo.toml": "baseURL = 'https://e.org/b/'\n[permalinks]\nposts = '/:year/:slug/'\n",
        "content/posts/a.md": body,
        "content/posts/c.md": "---\nslug: my-c\naliases: [/old-c/]\ndate: 2024-01-02\n---\nx",
        "content/posts/sub/d.md": "---\ntitle: D\ndate: 2024-01-02\n---\nx",
    }
    c, d = "content/posts/c", "content/posts/sub/d"
    expected = {"1": c, "2": c, "3": d, "4": c, "5": c, "6": c, "7": d, "8": c}
    assert _links(tmp_path, files, "content/posts/a") == expected


def test_links_of_jekyll_resolve_by_tag_base_and_redirect(tmp_path):
    body = (
        "---\ntitle: A\n---\n[1]({% post_url 2024-01-03-c %}) [2]({{ site.baseurl }}{% link _posts/2024-01-03-c.md %})"
        " [3](/b/2024/01/03/c/) [4](/old.html) [5]({{ '/2024/01/03/c/' | relative_url }}) "
        "[6]({{ site.baseurl }}/about/)"
    )
    files = {
        "_config.yml": "url: https://e.org\nbaseurl: /b\npermalink: pretty\n",
        "_posts/2024-01-02-a.md": body,
        "_posts/2024-01-03-c.md": "---\ntitle: C\nredirect_from: /old.html\n---\nx",
        "about.md": "---\ntitle: About\n---\nx",
    }
    expected = {**dict.fromkeys("12345", "_posts/2024-01-03-c"), "6": "about"}
    assert _links(tmp_path, files, "_posts/2024-01-02-a") == expected


def test_links_of_mkdocs_lead_from_file_to_file(tmp_path):
    files = {
        "mkdocs.yml": "site_name: x\nsite_url: https://e.org/d/\n",
        "docs/a.md": "Text.",
        "docs/b.md": "The other one.",
        "docs/g/a.md": "[1](../a.md) [2](b.md#x) [3](../b.md) [no](nope.md)",
        "docs/g/b.md": "Text.",
    }
    assert _links(tmp_path, files, "docs/g/a") == {"1": "docs/a", "2": "docs/g/b", "3": "docs/b"}


def test_links_of_obsidian_resolve_by_name(tmp_path):
    files = {".obsidian/app.json": "{}", "a.md": "[[B]] [[sub/B|words]]", "sub/B.md": "x"}
    assert _links(tmp_path, files, "a") == {"B": "sub/B", "words": "sub/B"}


def test_an_address_that_is_unknown_still_resolves_links(tmp_path):
    files = {"_config.yml": "source: pages\n", "b.md": "---\ntitle: B\n---\nSee [about](/about-us/)."}
    files["a.md"] = "---\ntitle: A\npermalink: /about-us/\n---\nx"
    assert _links(tmp_path, files, "b") == {"about": "a"}
    assert _urls(tmp_path, files)["a"] is None
