"""One row of the table of fields that close or unlist an item; the rows are in `closings`."""

from dataclasses import dataclass

from recs.readers.visibility import readings


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes
    ----------
    names
        Names of fields, folded by `fold` and without a leading "is".
    says
        What the values mean, for the documentation.
    whose
        The tools that use these fields.
    read
        Returns the visibility for a value.
    """

    names: str
    says: str
    whose: str
    read: readings.Reading
