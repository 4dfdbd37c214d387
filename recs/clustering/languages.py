"""What vectors say about languages, taken out of them: topics of a collection in several languages are by subject.

A model of many languages puts a text beside its translation, but most texts of one language are a little nearer to
each other than to those of another. The means of the languages differ in the directions that say so. Vectors without
these directions are compared by what is left. A direction needs no guess of a language for a new item, or for one whose
text is too short for a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from recs.arrays import Float64Array, FloatArray, unit_rows
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.models.registry import model_languages
from recs.text.languages import item_languages

if TYPE_CHECKING:
    from recs.embedding.cache import Cache

_FEWEST = 20  # items of a language: the mean of fewer says more about their subjects
_SAMPLE = 2000  # items of which languages are guessed
_SMALLEST = 1e-6  # of a length of 1: a vector of which less is left says nothing else


@dataclass(frozen=True, slots=True, eq=False)
class LanguageMeans:
    """The mean vector of each language of a collection; of one language or none where vectors stay as they are.

    Attributes
    ----------
    codes
        ISO 639-1 codes of the languages, sorted.
    means : float64 array of shape (languages, d)
    """

    codes: tuple[str, ...]
    means: Float64Array

    @classmethod
    def none(cls, dim: int) -> Self:
        """Return means that leave vectors as they are."""
        return cls((), np.zeros((0, dim)))

    @classmethod
    def of(cls, items: Sequence[Item], embeddings: Embeddings, cache: Cache | None = None) -> Self:
        """Return the means of those languages that at least twenty items surely are in.

        Languages that the model was not trained for do not count: of them, vectors say little.

        Parameters
        ----------
        embeddings
            Of the same items, in the same order.
        cache
            Where guesses of languages are kept.
        """
        none = cls.none(embeddings.dim)
        covered = model_languages(embeddings.model)
        if len(covered) == 1:
            return none
        rows = np.unique(np.linspace(0, len(items) - 1, min(len(items), _SAMPLE)).astype(int)).tolist()
        languages = item_languages([items[row] for row in rows], cache)
        rows_of: dict[str, list[int]] = {}
        for row, language in zip(rows, languages, strict=True):
            if language is not None and (not covered or language in covered):
                rows_of.setdefault(language, []).append(row)
        codes = sorted(language for language, own in rows_of.items() if len(own) >= _FEWEST)
        if len(codes) < 2:
            return none
        means = [embeddings.vectors[rows_of[language]].mean(axis=0, dtype=np.float64) for language in codes]
        return cls(tuple(codes), np.stack(means))

    def removed_from(self, embeddings: Embeddings) -> Embeddings:
        """Return embeddings whose vectors do not say which of the languages a text is in.

        Each row changes by itself. A vector that says nothing else stays as it is.

        Examples
        --------
        >>> means = LanguageMeans(("de", "en"), np.array([[1.0, 0.0], [-1.0, 0.0]]))
        >>> means.removed_from(Embeddings.from_array(["a"], [[3.0, 4.0]], model="mine")).vectors.tolist()
        [[0.0, 1.0]]
        """
        if len(self.codes) < 2:
            return embeddings
        return replace(embeddings, vectors=self.without(embeddings.vectors, scaled=embeddings.similarity == "cosine"))

    def without(self, vectors: FloatArray, *, scaled: bool) -> FloatArray:
        """Return rows that do not say which language a text is in, `scaled` to unit length; each changes by itself."""
        if len(self.codes) < 2:
            return vectors
        directions = self._directions()
        exact = vectors.astype(np.float64)
        # Sums of einsum do not depend on how many rows there are, as those of a matrix product do.
        rest = exact - np.einsum("nk,kd->nd", np.einsum("nd,kd->nk", exact, directions), directions)
        left = np.linalg.norm(rest, axis=1) > _SMALLEST * np.linalg.norm(exact, axis=1)
        rest = np.where(left[:, None], rest, exact)
        shared: FloatArray = (unit_rows(rest) if scaled else rest).astype(np.float32)
        return shared

    def _directions(self) -> Float64Array:
        """Return orthonormal directions in which the means differ, shape (at most languages - 1, d)."""
        differences = self.means - self.means.mean(axis=0)
        _, lengths, directions = np.linalg.svd(differences, full_matrices=False)
        return np.asarray(directions[lengths > _SMALLEST * max(float(lengths[0]), 1.0)])


@dataclass(frozen=True, slots=True, eq=False)
class BySubject:
    """The vectors of the items of a clustering as topics compare them, and what was taken out of them.

    Attributes
    ----------
    vectors
        Without what says in which language a text is; as the model emits them in a collection of one language.
    languages
        What was taken out: of an earlier clustering, or of these items.
    notes
        What a user should know.
    """

    vectors: Embeddings
    languages: LanguageMeans
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, items: Sequence[Item], embeddings: Embeddings, earlier: LanguageMeans | None, *, cache: Cache | None
    ) -> Self:
        """Take out what an earlier clustering took out, so that its topics can go on; else what these items say."""
        own = LanguageMeans.of(items, embeddings, cache)
        languages = own if earlier is None else earlier
        return cls(languages.removed_from(embeddings), languages, tuple(_notes(languages, own)))


def _notes(languages: LanguageMeans, own: LanguageMeans) -> Iterator[str]:
    if len(languages.codes) >= 2:
        named = ", ".join(languages.codes)
        yield f"topics are by subject: what sets the languages {named} apart was taken out of the vectors."
    elif len(own.codes) >= 2:
        yield (
            f"previous: its topics keep the languages {', '.join(own.codes)} apart, and so do these; "
            "for topics by subject in all languages, run once without the earlier topics."
        )
