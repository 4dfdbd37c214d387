"""The language of a text, by its declared code or by py3langid where it is sure."""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from recs.items import Item

_log = logging.getLogger(__name__)

# Below this many characters a guess is worth nothing; beyond the second number more text changes nothing.
_SHORTEST, _LONGEST = 200, 1500
_SURE = 0.99

# ISO 639-1, and of what is written most also the three-letter codes, the English name and withdrawn codes.
_LANGUAGES = """
aa,ab,ae,af,ak,am,an,ar ara arabic,as,av,ay,az,ba,be,bg bul bulgarian,bh,bi,bm,bn ben bengali,
bo,br,bs,ca cat catalan,ce,ch,co,cr,cs ces cze czech,cu,cv,cy,da dan danish,de deu ger german deutsch,
dv,dz,ee,el ell gre greek,en eng english,eo,es spa spanish castilian,et est estonian,eu eus baq basque,
fa fas per persian farsi,ff,fi fin finnish,fj,fo,fr fra fre french,fy,ga,gd,gl,gn,gu,gv,ha,
he heb hebrew iw,hi hin hindi,ho,hr hrv croatian,ht,hu hun hungarian,hy,hz,ia,id ind indonesian in,ie,
ig,ii,ik,io,is,it ita italian,iu,ja jpn japanese jp,jv,ka,kg,ki,kj,kk,kl,km,kn,ko kor korean,kr,
ks,ku,kv,kw,ky,la,lb,lg,li,ln,lo,lt lit lithuanian,lu,lv lav latvian,mg,mh,mi,mk,ml,mn,mr,
ms msa may malay,mt,my,na,nb,nd,ne,ng,nl nld dut dutch,nn,no nor norwegian,nr,nv,ny,oc,oj,om,or,
os,pa,pi,pl pol polish,ps,pt por portuguese,qu,rm,rn,ro ron rum romanian,ru rus russian,rw,sa,sc,sd,
se,sg,sh,si,sk slk slo slovak,sl slv slovenian,sm,sn,so,sq,sr srp serbian,ss,st,su,sv swe swedish,
sw swa swahili,ta tam tamil,te tel telugu,tg,th tha thai,ti,tk,tl,tn,to,tr tur turkish,ts,tt,tw,ty,
ug,uk ukr ukrainian,ur urd urdu,uz,ve,vi vie vietnamese,vo,wa,wo,xh,yi yid yiddish ji,yo,za,
zh zho chi chinese mandarin cn,zu
"""
_CODES = {name: names.split()[0] for names in _LANGUAGES.split(",") for name in names.split()}

# A guess is kept as one byte: the place of its code in this list, from 1, or 0 for none.
_LISTED = sorted(set(_CODES.values()))
_RECORD_OF = {code: bytes([place]) for place, code in enumerate(_LISTED, 1)}
_CODE_OF = {record: code for code, record in _RECORD_OF.items()}
_NONE = bytes([0])
# Another list, or another meaning of a record, must not find the records of an older version.
_VERSION = "language/2"


def primary_language(code: str | None) -> str | None:
    """Return the ISO 639-1 code of a language code or English name: "pt" for "pt-BR", "por" and "Portuguese".

    None for what is none of them: a language that nobody else writes so would stand alone in its collection.
    """
    found = re.match(r"[a-z]+", (code or "").strip().lower())
    return _CODES.get(found[0]) if found else None


class Records(Protocol):
    """Where guesses are kept between runs: a store of short records by key."""

    def get_chunks(self, keys: Sequence[bytes], /) -> Mapping[bytes, bytes]: ...

    def put_chunks(self, records: Mapping[bytes, bytes], /) -> None: ...


def item_languages(items: Sequence[Item], store: Records | None = None) -> list[str | None]:
    """Return the language of each item: declared, or guessed where the guess is sure; None where it is not.

    Cost: about a millisecond an item without a declared language and not in `store`, and a second to load the guesser.
    """
    languages = [primary_language(item.lang) for item in items]
    unknown = [i for i, language in enumerate(languages) if language is None and len(items[i].text) >= _SHORTEST]
    samples = {i: items[i].text[:_LONGEST] for i in unknown}
    texts = {i: f"{_VERSION}\n{sample}".encode("utf-8", "replace") for i, sample in samples.items()}
    keys = {i: hashlib.sha256(text).digest()[:20] for i, text in texts.items()}
    known = dict(store.get_chunks(list(keys.values()))) if store is not None else {}
    made: dict[bytes, bytes] = {}
    for i, sample in samples.items():
        if keys[i] not in known:
            try:
                known[keys[i]] = made[keys[i]] = _RECORD_OF.get(_guess(sample), _NONE)
            except OSError as error:  # the guesser unpacks its tables into a temporary file
                _log.warning("languages are not told apart: %s", error)
                break
        languages[i] = _CODE_OF.get(known[keys[i]])
    if store is not None and made:
        store.put_chunks(made)
    return languages


def uncovered_note(languages: Iterable[str | None], covered: Sequence[str], model: str) -> str | None:
    """Say which languages of a collection a model was not trained for; None if there are none."""
    foreign = Counter(language for language in languages if language and language not in covered)
    if not covered or not foreign:
        return None
    most = sorted(foreign.items(), key=lambda pair: (-pair[1], pair[0]))
    listed = ", ".join(f"{count} in {language!r}" for language, count in most)
    advice = "Their lists will be poor: choose a multilingual model with --model."
    return f"{model} was trained for {', '.join(covered)}; of the items {listed}. {advice}"


def _guess(sample: str) -> str:
    language, probability = _identifier().classify(sample)
    return str(language) if probability >= _SURE and len(str(language)) == 2 else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
