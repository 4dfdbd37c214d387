"""One record of a source, with its fields by meaning, whatever names the exports give them."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from recs.readers.field_names import ALIASES, is_known_name
from recs.readers.folders.locales import in_language, is_localised, values_by_language
from recs.readers.values import Repeated, as_date, fold, is_missing, plain, switch
from recs.readers.visibility.judge import WRAPPERS, nested_fields

_T = TypeVar("_T")


class Record:
    """The fields of one record by meaning.

    Attributes
    ----------
    record
        The fields as the source has them.
    fields
        These, and the fields of objects such as "meta", as pairs; they decide on visibility.
    values, folded
        The fields that the item is made of, and their names by folded name.
    used, unread
        The names of fields that were read, and of those that could not be read.
    languages
        The language codes of a record that holds one value for each language.

    Examples
    --------
    >>> record = Record({"Headline": "Garlic", "meta": {"lang": "en"}}, mapped={})
    >>> record.first("title"), record.first("lang")
    ('Garlic', 'en')
    """

    def __init__(self, record: Mapping[str, object], mapped: Mapping[str, str]) -> None:
        self._mapped = mapped
        self.record = {str(name): _plain(str(name), value, mapped) for name, value in record.items()}
        fields = [*self.record.items(), *nested_fields(self.record)]
        self.fields = [(name, values_by_language(value)) for name, value in fields]
        self.values: dict[str, object] = {}
        self.folded: dict[str, str] = {}
        self.used: set[str] = set()
        self.unread: set[str] = set()
        self.languages: tuple[str, ...] = ()
        self._by_meaning: Mapping[str, tuple[str, ...]] = {}
        self.add(self.record)
        for name, inside in self.record.items():
            if isinstance(inside, Mapping) and fold(name) in WRAPPERS:
                self.used.add(name)
                self.add(inside)

    def add(self, more: Mapping[str, object]) -> None:
        """Add fields that the record does not have yet. If values are in several languages, take the first one."""
        for name, value in more.items():
            if isinstance(value, Mapping) and is_localised(value) and not self.languages:
                self.languages = tuple(map(str, value))
            if fold(str(name)) not in self.folded:
                self.folded[fold(str(name))] = str(name)
                chosen = in_language(value, self.languages[0]) if self.languages else value
                self.values[str(name)] = _plain(str(name), chosen, self._mapped)
        self._by_meaning = _names_by_meaning(tuple(self.folded))

    def first(self, meaning: str) -> object:
        """Return the first value that is not missing, under any name with this meaning."""
        for name in self.names(meaning):
            value = self.values.get(name)
            if not is_missing(value):
                return value[-1] if isinstance(value, Repeated) else value
        return None

    def read(self, meaning: str, convert: Callable[[object], _T]) -> _T | None:
        """Return the first value that `convert` can read, under any name with this meaning.

        The names of values that it cannot read are added to `unread`.
        """
        for name in self.names(meaning):
            value = self.values.get(name)
            if is_missing(value):
                continue
            converted = convert(value)
            if converted:
                return converted
            if switch(value) is None:
                self.unread.add(name)
        return None

    def name_of(self, meaning: str) -> str:
        """Return the name of the field that `first` reads; "" if there is none."""
        return next((name for name in self.names(meaning) if not is_missing(self.values.get(name))), "")

    def date(self) -> tuple[str, object]:
        """Return the name and the value of the field with the date of publication. A yes or no is not a date.

        A time or a time zone in a field of its own is added to the value.
        """
        for name in self.names("published"):
            value = as_date(self.values.get(name))
            if is_missing(value):
                continue
            time_and_zone = {meaning: self.first(meaning) for meaning in ("time", "timezone")}
            time_and_zone = {meaning: text for meaning, text in time_and_zone.items() if isinstance(text, str)}
            if time_and_zone and isinstance(value, str):
                return name, {"date": value, **time_and_zone}
            return name, value
        return "", None

    def meta(self, body_name: str) -> dict[str, object]:
        """Return the fields without a place in an item, and the fields with tags or a category under another name."""
        labels = {name for meaning in ("tags", "category") for name in self.names(meaning) if fold(name) != meaning}
        unused = self.values.keys() - (self.used - labels) - {body_name}
        return {name: value for name, value in self.values.items() if name in unused}

    def used_fields(self, body_name: str) -> Iterator[tuple[str, str]]:
        """Yield the meaning and the name of each field that is read and not empty; `body_name` holds the text."""
        if body_name:
            yield "text", body_name
        for meaning, aliases in self._by_meaning.items():
            if (aliases or meaning in self._mapped) and meaning != "text" and (name := self.name_of(meaning)):
                yield meaning, name

    def names(self, meaning: str) -> Iterator[str]:
        """Yield the names of the fields with a meaning, best first."""
        if meaning in self._mapped:
            names = [self._mapped[meaning]]
        else:
            names = [self.folded[alias] for alias in self._by_meaning[meaning]]
        for name in names:
            self.used.add(name)
            yield name


@lru_cache(maxsize=256)  # most records of a source have the same fields
def _names_by_meaning(folded: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return for each meaning which of these folded names have it, best first."""
    return {meaning: tuple(alias for alias in aliases if alias in folded) for meaning, aliases in ALIASES.items()}


def _plain(name: str, value: object, mapped: Mapping[str, str]) -> object:
    try:
        return plain(value)
    except TypeError as error:
        if is_known_name(fold(name)) or name in mapped.values():
            raise TypeError(f"its {name} is {error}; expected text, a number, a list or a date") from error
        return value
