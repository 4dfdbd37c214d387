"""What is counted while the records of a source are read."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Account:
    """What was seen while records were read, by which a person is told what was made of them.

    Attributes
    ----------
    seen, ignored
        Names of fields, and in how many records each has no place.
    teasers, longer
        Fields from which the text of an item was read for want of a body, and longer fields that were not read then.
    id_fields, id_names, positional
        How many ids came from what means an id or a URL, the names of these fields, and how many ids are positions.
    opted_in, unpublished
        Ids by the field that says yes to publication, and by the moment of publication that is empty; moments has the
        fields of such moments that some item fills.
    unread
        Fields that are known and whose value could not be read, by how many records.
    languages
        Of records that keep a value a language: the codes, of which the first was read.
    hidden_blocks
        Blocks of bodies that say they are hidden.
    """

    seen: set[str] = field(default_factory=set)
    ignored: Counter[str] = field(default_factory=Counter)
    teasers: Counter[str] = field(default_factory=Counter)
    longer: Counter[str] = field(default_factory=Counter)
    id_fields: Counter[str] = field(default_factory=Counter)
    id_names: set[str] = field(default_factory=set)
    positional: int = 0
    opted_in: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unpublished: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    moments: set[str] = field(default_factory=set)
    unread: Counter[str] = field(default_factory=Counter)
    languages: Counter[tuple[str, ...]] = field(default_factory=Counter)
    hidden_blocks: int = 0
