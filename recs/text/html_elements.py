"""The elements of HTML: which names exist, which begin a new line, which hold no text of the author."""

# What separates two pieces of text, as the number of newlines between them.
NO_BREAK = 0
LINE_BREAK = 1
BLOCK_BREAK = 2
SECTION_BREAK = 3


def names_in(names: str) -> frozenset[str]:
    """Return the names in a string, where white space separates them."""
    return frozenset(names.split())


HEADINGS = names_in("h1 h2 h3 h4 h5 h6")
BLOCKS = names_in(
    """address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer
    header hgroup hr legend li listing main menu ol p pre search section summary table tr ul xmp"""
)
_LINES = names_in("caption dd dt li tr")
# The break before each element. The same break follows it, except that a heading is followed by a block break.
BREAKS = dict.fromkeys(BLOCKS, BLOCK_BREAK)
BREAKS |= dict.fromkeys(_LINES, LINE_BREAK)
BREAKS |= dict.fromkeys(HEADINGS, SECTION_BREAK)

CELLS = names_in("td th")
LISTS = names_in("dir menu ol ul")
# The walk counts how many elements of each of these kinds are open.
KINDS = {
    **dict.fromkeys(names_in("listing pre xmp"), "verbatim"),
    **dict.fromkeys(names_in("kbd samp x-code x-tt"), "code"),
    **dict.fromkeys(names_in("article main"), "article"),
    **dict.fromkeys(names_in("blockquote figure"), "quote"),
}

# Elements whose content is never text. Those with "x-" were renamed by `recs.text.html_taming`.
DROPPED = names_in(
    """annotation annotation-xml audio canvas datalist embed frame frameset head iframe input map nav noembed noframes
    noscript rp rt script style svg template textarea title video
    x-applet x-button x-form x-object x-select x-template"""
)
PAGE_PARTS = names_in("aside footer header")
PAGE_ROLES = names_in("banner complementary contentinfo navigation search")

_ELEMENTS = DROPPED.union(
    BREAKS,
    names_in(
        """a abbr acronym applet area b base basefont bdi bdo big blink body br button cite code col colgroup data del
        dfn dialog em font form html i img ins kbd label link mark marquee math meta meter nobr object optgroup option
        output param picture progress q rb rtc ruby s samp select slot small source span strike strong sub sup
        tbody td tfoot th thead time track tt u var wbr"""
    ),
)


def is_element(name: str) -> bool:
    """Whether HTML has an element with this name. A name in mixed case is taken for a component of JSX.

    Examples
    --------
    >>> is_element("blockquote"), is_element("T"), is_element("Table")
    (True, False, False)
    """
    return (name.islower() or name.isupper()) and name.lower() in _ELEMENTS


def is_block(name: str) -> bool:
    """Whether an element with this name stands on lines of its own.

    Examples
    --------
    >>> is_block("p"), is_block("em")
    (True, False)
    """
    return name in BREAKS
