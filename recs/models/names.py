"""Names of models: one grammar for the command line, the library, the cache and the server.

NAME                  a model of the registry, in any case, or a hub id: all-MiniLM-L6-v2, intfloat/e5-small
FOLDER                the path of a folder that holds a model
NAME=FOLDER           a model of the registry whose files are in a folder
NAME@DIM, FOLDER@DIM  the same, with vectors cut to their first DIM numbers
URL#MODEL?OPTIONS     a model of a service; MODEL and OPTIONS may be left out
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class ModelName:
    """The parts of a model's name.

    Attributes
    ----------
    text
        The whole name.
    base
        A name of the registry, a hub id, the path of a folder, or the name of a model of a service. "" for the only
        model of a service.
    dim
        How many numbers of each vector are kept; None for all.
    folder
        The folder of NAME=FOLDER; "" in every other form.
    url, model, options
        The URL of a service, MODEL (with @DIM), and OPTIONS; "" for a model on this machine.

    Examples
    --------
    >>> name = ModelName.parse("LEALLA-small=/models/lealla@64")
    >>> name.base, name.folder, name.dim
    ('LEALLA-small', '/models/lealla', 64)
    >>> ModelName.parse("http://127.0.0.1:8000/v1#e5?max_tokens=512").base
    'e5'
    """

    text: str
    base: str
    dim: int | None = None
    folder: str = ""
    url: str = ""
    model: str = ""
    options: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a name. The path of an existing folder is not split, whatever characters it has."""
        if text.startswith(("http://", "https://")):
            url, _, rest = text.partition("#")
            model, _, options = rest.partition("?")
            base, dim = _split_dim(model)
            return cls(text, base, dim, url=url, model=model, options=options)
        if expanded(text).is_dir():
            return cls(text, text)
        name, _, folder = text.partition("=")
        base, dim_of_name = _split_dim(name)
        folder, dim_of_folder = _split_dim(folder)
        return cls(text, base, dim_of_folder or dim_of_name, folder=folder)

    @property
    def is_service(self) -> bool:
        """Whether the model belongs to a service."""
        return bool(self.url)


def expanded(path: str) -> Path:
    """Return a path in which ~ is replaced by the user's home folder."""
    with suppress(RuntimeError):  # the home folder of an unknown user
        return Path(path).expanduser()
    return Path(path)


def _split_dim(name: str) -> tuple[str, int | None]:
    """Return NAME and DIM of NAME@DIM. DIM is None if the name has none, or is the path of an existing folder."""
    base, _, dim = name.rpartition("@")
    if not base or not dim.isdecimal() or expanded(name).is_dir():
        return name, None
    return base, int(dim)
