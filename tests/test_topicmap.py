import json
import re
from types import SimpleNamespace
from typing import Any, cast

from recs.items import Item
from recs.topicmap import topic_map


def test_topic_map_hostile_titles_stay_data() -> None:
    titles = ["</script><img src=x onerror=alert(1)>", "\"'\\", "a\u2028b", "x" * 10_000, "<!--<script>"]
    items = [Item(id=str(at), text=title, title=title, url="javascript:alert(1)") for at, title in enumerate(titles)]
    clustering: Any = SimpleNamespace(topics=[SimpleNamespace(id=3, name=titles[0])], assigned=[3, 3, -1, -1, 3])
    page = topic_map(cast("Any", clustering), items, [[at, at * at] for at in range(5)])
    found = re.search(r'id="d">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["titles"] == [title[:200] for title in titles]
    assert data["urls"] == [""] * 5
    assert page.count("</script") == 2
    assert "<img" not in page
    assert "\u2028" not in page
