"""Counts what is seen while the records of a source are read."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Account:
    """What was seen while the records of a source were read, for the report to the user.

    Attributes
    ----------
    seen
        The names of all fields.
    ignored
        Fields that have no place in an item, with the number of records.
    teasers
        Fields with a teaser that was read as the text, because the record has no body, with the number of records.
    longer
        Fields with more text than that teaser. They were not read, since their names are not known.
    id_fields
        How many ids came from a field that means "id", and how many from one that means "url".
    id_names
        The names of these fields.
    positional
        How many ids are positions in the source.
    opted_in
        Ids of items by the field that says yes to publication.
    unpublished
        Ids of items by the field with the moment of publication, where that field is empty.
    moments
        The fields of the kind in `unpublished` that are not empty in at least one item.
    unread
        Fields with a known name and a value that could not be read, with the number of records.
    languages
        Language codes of records with one value for each language, with the number of records. The first was read.
    hidden_blocks
        How many blocks of bodies are marked as hidden.
    used
        How many records have each field that is read, by the meaning and the name of the field.
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
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
