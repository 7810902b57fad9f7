"""One tokenizer for every search index and every query, so that both databases find the same rows.

A token is a run of letters with their marks, digits and private-use characters, after NFKC and casefolding. Everything
else separates tokens: `priya.rao@example.in` is four tokens, `₹1,500` is two, and Hindi vowel signs stay in their word.
Decimal digits of every script become ASCII digits.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_TOKEN = 100  # characters; a longer run is cut, in rows and queries alike
# \w without the underscore holds letters and digits of every script but no combining marks, so those are added below.
_LETTER_OR_DIGIT = re.compile(r"[^\W_]+")


def tokenize(text: str) -> list[str]:
    """Return the tokens of `text` in their order; an empty list where it has none."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if folded.isascii():
        return [token[:LONGEST_TOKEN] for token in _LETTER_OR_DIGIT.findall(folded)]
    kept = "".join(_as_kept(character) for character in folded)
    return [token[:LONGEST_TOKEN] for token in kept.split() if _has_letter(token)]


def tokens_text(text: str | None) -> str | None:
    """Return the tokens separated by one space, as the index stores them; None for no text."""
    return None if text is None else " ".join(tokenize(text))


def _as_kept(character: str) -> str:
    """Return the character, a decimal digit of any script as ASCII, or a space for what separates tokens."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return character if category[0] in "LNM" or category == "Co" else " "


def _has_letter(token: str) -> bool:
    """Return whether the token holds a letter or digit: a mark alone is not a word."""
    return any(unicodedata.category(character)[0] != "M" for character in token)
