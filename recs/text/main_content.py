"""Finds the element of an HTML page that holds its article, by what standards say and not by the names of themes."""

from typing import Any

from recs.text.hidden.attributes import is_hidden
from recs.text.html_elements import DROPPED

# Who marks the text of an article: HTML and ARIA, then schema.org, microformats 2 and hAtom.
_MAIN = "main, [role=main]"
_MARKED = '[itemprop~="articleBody"], .e-content, .entry-content'
_BESIDE = ("aside", "footer", "header", "nav")
_LEAST_SHARE = 0.5  # of the letters of the main part, so that a card or a quotation in it is not taken for the article


def main_content(tree: Any) -> Any:
    """Return the node that holds the article of a page; its body if the page does not tell, None if it has no body.

    The main part is the only `main`, else the only `article`. In it, the article is the only element that is marked as
    its text, else the only `article`, if that holds at least half of the letters without those in headers, footers,
    asides and navigation. Lists of other posts often follow there.
    """
    root = _only(tree.css(_MAIN)) or _only(tree.css("article")) or tree.body
    if root is None:
        return None
    marked = _only(root.css(_MARKED))
    articles = [node for node in root.css("article") if node.mem_id != root.mem_id and not _is_inside(node, root)]
    article = marked or _only(articles)
    if article is None:
        return root
    beside = [node for node in root.css(", ".join(_BESIDE)) if not _is_inside(node, root)]
    letters = _letters(root) - sum(map(_letters, beside))
    return article if _letters(article) >= _LEAST_SHARE * letters else root


def _only(nodes: list[Any]) -> Any:
    """Return the only node of a list; None if there are others, or if it stands in a part that is not shown."""
    return nodes[0] if len(nodes) == 1 and _is_shown(nodes[0]) else None


def _is_shown(node: Any) -> bool:
    while node is not None and node.is_element_node:
        if (
            node.tag in DROPPED
            or (node.tag == "dialog" and "open" not in node.attributes)
            or is_hidden(node.attributes)
        ):
            return False
        node = node.parent
    return True


def _is_inside(node: Any, root: Any) -> bool:
    """Whether an article is part of another one, or of what stands beside it."""
    parent = node.parent
    while parent is not None and parent.mem_id != root.mem_id:
        if parent.tag == "article" or parent.tag in _BESIDE:
            return True
        parent = parent.parent
    return False


def _letters(node: Any) -> int:
    """Return how many letters an element holds, without those of scripts and styles."""
    texts = [node.text(separator=" "), *(code.text() for code in node.css("script, style"))]
    letters, *of_code = [sum(map(len, text.split())) for text in texts]
    return letters - sum(of_code)
