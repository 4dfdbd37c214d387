"""Every exception that recs raises on purpose.

RecsError
├── SourceError             a source could not be read: missing, torn, wrong encoding, duplicate ids
├── OptionError             an option has a value that cannot be used            (also a ValueError)
├── ModelError              a model is not usable
│   ├── ModelNotFoundError  no files of that model here
│   └── WeightsError        files are there, but not what the architecture or the registry says
├── EmbeddingError          vectors that no honest comparison can use: NaN, zero, wrong shape
│   ├── FingerprintMismatchError   vectors of two different models were about to meet
│   └── TextTooLongError    text is past the context window and overflow="error"
├── CacheError              a vector cache is corrupt, foreign or of a newer schema
├── OutputError             a result could not be written; what was there before is untouched
└── MissingDependencyError  an optional part is not installed                    (also an ImportError)

The message of each says where, what was found, what was expected and what to do, in one line. The command line prints
it as it is and exits with 1.
"""

DISTRIBUTION = "recs-toolkit"
"""The name to give pip; the import and the command are `recs`."""


class RecsError(Exception):
    """Base class of every error that recs raises on purpose."""


class SourceError(RecsError):
    """A source could not be read."""


class OptionError(RecsError, ValueError):
    """An option has a value that cannot be used."""


class ModelError(RecsError):
    """A model is not usable."""


class ModelNotFoundError(ModelError):
    """No files of the model were found, or an optional package that carries them is missing."""


class WeightsError(ModelError):
    """The files of a model are not what its architecture or the registry says."""


class EmbeddingError(RecsError):
    """Vectors that no honest comparison can use."""


class FingerprintMismatchError(EmbeddingError):
    """Vectors of two different models were about to be compared."""


class TextTooLongError(EmbeddingError):
    """A text is longer than the context window and the caller asked for an error."""


class CacheError(RecsError):
    """A vector cache is corrupt, foreign, or of a newer schema."""


class OutputError(RecsError):
    """A result could not be written; the file that was there before is untouched."""


class MissingDependencyError(RecsError, ImportError):
    """An optional part of recs is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install '{DISTRIBUTION}[{extra}]'")
