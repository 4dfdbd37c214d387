"""The exceptions of recs.

RecsError
├── SourceError             a source could not be read: missing, incomplete, wrong encoding, duplicate ids
├── OptionError             an option has a value that cannot be used            (also a ValueError)
│   └── TooFewLabelsError   there are too few labelled items to judge a classifier
├── ModelError              a model cannot be used
│   ├── ModelNotFoundError  no files of the model are on this machine
│   └── WeightsError        the files do not agree with the architecture or the registry
├── EmbeddingError          vectors that cannot be compared: NaN, zero, wrong shape
│   ├── FingerprintMismatchError   vectors of two models cannot be compared
│   └── TextTooLongError    a text is longer than the context window and overflow is "error"
├── CacheError              a vector cache is damaged, not of recs, or of a newer schema
├── OutputError             a result could not be written; the earlier file is unchanged
├── ShardsError             some shards of a large collection could not be computed
└── MissingDependencyError  an optional part is not installed                    (also an ImportError)

Each message says in one line where the error is, what was found, what was expected and what to do. The command line
prints it and exits with status 1.
"""

DISTRIBUTION = "recs-toolkit"
"""The name of the package for pip. The module and the command are called `recs`."""


class RecsError(Exception):
    """The base class of all errors of recs.

    Examples
    --------
    >>> import recs
    >>> try:
    ...     recs.Item(id="garlic", text="Plant the cloves.", visibility="hidden")
    ... except recs.RecsError as error:
    ...     print(error)
    item 'garlic': its visibility is 'hidden', expected public, unlisted, draft, private, scheduled, unknown.
    """


class SourceError(RecsError):
    """A source could not be read."""


class OptionError(RecsError, ValueError):
    """An option has a value that cannot be used."""


class TooFewLabelsError(OptionError):
    """There are too few labelled items to judge a classifier."""


class ModelError(RecsError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError):
    """No files of the model are on this machine, and no installed package contains them."""


class WeightsError(ModelError):
    """The files of a model do not agree with its architecture or with the registry."""


class EmbeddingError(RecsError):
    """Vectors that cannot be compared: NaN, zero, wrong shape."""


class FingerprintMismatchError(EmbeddingError):
    """Vectors of two models cannot be compared."""


class TextTooLongError(EmbeddingError):
    """A text is longer than the context window and the caller asked for an error."""


class CacheError(RecsError):
    """A vector cache is damaged, is not a cache of recs, or has a newer schema."""


class OutputError(RecsError):
    """A result could not be written; the earlier file is unchanged."""


class ShardsError(RecsError):
    """Some shards of a run could not be computed; the others are done, and the next run begins from them."""


class MissingDependencyError(RecsError, ImportError):
    """An optional part of recs is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install '{DISTRIBUTION}[{extra}]'")
