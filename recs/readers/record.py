"""One record of a source: its fields by what they mean, under all the names that exports give them."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from recs.readers.field_names import ALIASES, is_known_name
from recs.readers.folders.locales import in_language, is_localised, values_by_language
from recs.readers.values import Repeated, as_date, fold, is_missing, plain, switch
from recs.readers.visibility.judge import WRAPPERS, nested_fields

_T = TypeVar("_T")


class Record:
    """The fields of one record by what they mean."""

    def __init__(self, record: Mapping[str, object], mapped: Mapping[str, str]) -> None:
        self._mapped = mapped
        self.record = {str(name): _plain(str(name), value, mapped) for name, value in record.items()}
        said = [*self.record.items(), *nested_fields(self.record)]
        self.said = [(name, values_by_language(value)) for name, value in said]
        self.values: dict[str, object] = {}
        self.folded: dict[str, str] = {}
        self.used: set[str] = set()
        self.unread: set[str] = set()
        self.languages: tuple[str, ...] = ()
        self.add(self.record)
        for name, inside in self.record.items():
            if isinstance(inside, Mapping) and fold(name) in WRAPPERS:
                self.used.add(name)
                self.add(inside)

    def add(self, more: Mapping[str, object]) -> None:
        """Take fields that the record itself does not have; of values in several languages those in the first."""
        for name, value in more.items():
            if isinstance(value, Mapping) and is_localised(value) and not self.languages:
                self.languages = tuple(map(str, value))
            if fold(str(name)) not in self.folded:
                self.folded[fold(str(name))] = str(name)
                chosen = in_language(value, self.languages[0]) if self.languages else value
                self.values[str(name)] = _plain(str(name), chosen, self._mapped)

    def first(self, meaning: str) -> object:
        """Return the first value under any name of a field that is not missing."""
        for name in self.names(meaning):
            value = self.values.get(name)
            if not is_missing(value):
                return value[-1] if isinstance(value, Repeated) else value
        return None

    def read(self, meaning: str, convert: Callable[[object], _T]) -> _T | None:
        """Return the first value under any name of a field that can be read; those that cannot be are remembered."""
        for name in self.names(meaning):
            value = self.values.get(name)
            if is_missing(value):
                continue
            found = convert(value)
            if found:
                return found
            if switch(value) is None:
                self.unread.add(name)
        return None

    def name_of(self, meaning: str) -> str:
        """Return the name of the field that `first` takes."""
        return next((name for name in self.names(meaning) if not is_missing(self.values.get(name))), "")

    def date(self) -> tuple[str, object]:
        """Return the field that says when an item was published and its value; a yes or no says nothing of it.

        An hour or a zone in fields of their own belong to it.
        """
        for name in self.names("published"):
            value = as_date(self.values.get(name))
            if is_missing(value):
                continue
            beside = {meaning: self.first(meaning) for meaning in ("time", "timezone")}
            beside = {meaning: said for meaning, said in beside.items() if isinstance(said, str)}
            return name, {"date": value, **beside} if beside and isinstance(value, str) else value
        return "", None

    def meta(self, body_name: str) -> dict[str, object]:
        """Return the fields without a place, and those taken for tags or a category that have another name."""
        labels = {name for meaning in ("tags", "category") for name in self.names(meaning) if fold(name) != meaning}
        unused = self.values.keys() - (self.used - labels) - {body_name}
        return {name: value for name, value in self.values.items() if name in unused}

    def names(self, meaning: str) -> Iterator[str]:
        """Yield the names of the fields that mean something, the better first."""
        if meaning in self._mapped:
            names = [self._mapped[meaning]]
        else:
            names = [self.folded[alias] for alias in ALIASES[meaning] if alias in self.folded]
        for name in names:
            self.used.add(name)
            yield name


def _plain(name: str, value: object, mapped: Mapping[str, str]) -> object:
    try:
        return plain(value)
    except TypeError as error:
        if is_known_name(fold(name)) or name in mapped.values():
            raise TypeError(f"its {name} is {error}; expected text, a number, a list or a date") from error
        return value
