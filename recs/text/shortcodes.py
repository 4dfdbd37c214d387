"""Finds the shortcodes of WordPress in the text of a page."""

import re

_SHORTCODE_NAMES = (
    "audio|caption|column|columns|contact-form(?:-7)?|embed|embedyt|et_pb_[a-z_]+|footnote|gallery|gist|googlemaps|instagram"
    "|latexpage|more|playlist|pullquote|slideshare|sociallinkz|toc|tweet|twitter|video|vc_[a-z_]+|vimeo|wpvideo|youtube"
)
_PAIRED = re.compile(r"\[/([a-zA-Z][\w-]{1,40})\]")


def shortcode_pattern(source: str) -> re.Pattern[str] | None:
    """Return a pattern that matches the WordPress shortcodes of a page, or None if the page cannot hold any.

    A word in brackets is a shortcode if WordPress or a common plugin defines it, if it has attributes, or if there is a
    closing shortcode for it.

    Examples
    --------
    >>> source = 'Look: [gallery ids="1,2"] and [sic].'
    >>> shortcode_pattern(source).sub("", source)
    'Look:  and [sic].'
    """
    if "[" not in source:
        return None
    paired = "|".join(sorted({re.escape(name) for name in _PAIRED.findall(source)})[:50])
    names = f"{_SHORTCODE_NAMES}|{paired}" if paired else _SHORTCODE_NAMES
    value = r"(?:\"[^\"\]]{0,2000}\"|'[^'\]]{0,2000}'|[“”″][^“”″\]]{0,2000}[“”″]|[^\s\]\"']{1,200})"
    attributes = rf"(?:\s+[\w-]{{1,40}}\s?=\s?{value})"
    return re.compile(
        r"\[(?:embed|youtube|vimeo|wpvideo|video|audio|googlemaps)\b[^\[\]]{0,2000}\]\s*https?://[^\s\[]+\s*\[/\w+\]"
        rf"|\[/?(?:{names})(?:\s[^\[\]]{{0,2000}})?/?\]"
        rf"|\[[a-zA-Z][\w-]{{1,40}}{attributes}{{1,20}}\s*/?\]"
    )
