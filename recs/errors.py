"""Every exception that recs raises on purpose.

RecsError
├── SourceError             a source could not be read: missing, torn, wrong encoding, duplicate ids
├── OptionError             an option has a value that cannot be used            (also a ValueError)
│   └── TooFewLabelsError   the labelled items are too few to judge a classifier
├── ModelError              a model cannot be used
│   ├── ModelNotFoundError  no files of the model are on this machine
│   └── WeightsError        the files are not what the architecture or the registry says
├── EmbeddingError          vectors that cannot be compared: NaN, zero, wrong shape
│   ├── FingerprintMismatchError   vectors of two models were about to be compared
│   └── TextTooLongError    a text is past the context window and overflow is "error"
├── CacheError              a vector cache is damaged, not ours, or of a newer schema
├── OutputError             a result could not be written; the earlier file is untouched
└── MissingDependencyError  an optional part is not installed                    (also an ImportError)

Each message says in one line where it happened, what was found, what was expected and what to do. The command line
prints it and exits with 1.
"""

DISTRIBUTION = "recs-toolkit"
"""The name of the package for pip. The module and the command are called `recs`."""


class RecsError(Exception):
    """Base class of every error that recs raises on purpose."""


class SourceError(RecsError):
    """A source could not be read."""


class OptionError(RecsError, ValueError):
    """An option has a value that cannot be used."""


class TooFewLabelsError(OptionError):
    """The labelled items are too few to judge a classifier."""


class ModelError(RecsError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError):
    """No files of the model are on this machine, and no installed package carries them."""


class WeightsError(ModelError):
    """The files of a model are not what its architecture or the registry says."""


class EmbeddingError(RecsError):
    """Vectors that cannot be compared: NaN, zero, wrong shape."""


class FingerprintMismatchError(EmbeddingError):
    """Vectors of two different models were about to be compared."""


class TextTooLongError(EmbeddingError):
    """A text is longer than the context window and the caller asked for an error."""


class CacheError(RecsError):
    """A vector cache is damaged, not ours, or of a newer schema."""


class OutputError(RecsError):
    """A result could not be written; the file that was there before is untouched."""


class MissingDependencyError(RecsError, ImportError):
    """An optional part of recs is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install '{DISTRIBUTION}[{extra}]'")
