"""Keeping secrets out of text that is shown: by the names that they go by, and by their values.

A rule of thumb, for text of any origin: what looks like no secret, and stands under no name of
one, cannot be told from the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.references import reference_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["REDACTED", "ends_within_key", "hide_secrets", "is_secret_name", "redact", "secrets_in"]

REDACTED: Final = "***"

# What is shorter would hide half of a text.
_LEAST_CHARACTERS: Final = 4

_NAME: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|authorization|nonce|xsrf"
    r"|(?:api|access|account|auth|private|signing|encryption)[_-]?key)"
)
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE)

# All of them take a time that grows with the text, whatever that is: each repetition is bounded
# or cannot be divided in two ways.
_QUOTED: Final = r"""[bru]{0,2}"(?:[^"\\\n]|\\.)*"?|[bru]{0,2}'(?:[^'\\\n]|\\.)*'?"""
_BRACKETED: Final = r"\[[^\]\n]*\]?|\([^)\n]*\)?|\{[^}\n]*\}?"
_SCHEME: Final = r"(?:(?:bearer|basic|digest|negotiate|token)[ \t]+)?"
_GIVEN: Final = r"""[\w.\[\]-]{0,64}\\?["']?[ \t]{0,8}(?:=>|[:=])[ \t]{0,8}"""

_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY: Final = re.compile(rf"{_KEY_BEGIN.pattern}[\s\S]*?(?:-----END [^\n]*|\Z)")
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_LINE: Final = re.compile(r"[A-Za-z0-9+/=]{1,80}\r?\n")
_HEADER: Final = re.compile(
    r"""((?:cookie|authorization)["']?[ \t]{0,8}[:=][ \t]{0,8})"""
    rf"(?:{_QUOTED}|{_BRACKETED}|[^\n]+)",
    re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(
    rf"({_NAME}{_GIVEN}{_SCHEME})(?:{_QUOTED}|{_BRACKETED}|[^\s,;&)\]}}'\"]+)", re.IGNORECASE
)
_ARGUMENT: Final = re.compile(
    rf"(?<![\w-])(--?[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}[ \t]+)(?:{_QUOTED}|[^\s-]\S*)", re.IGNORECASE
)
_BEARER: Final = re.compile(r"\b(bearer[ \t]+)[\w.~+/=-]{8,}", re.IGNORECASE)
_IN_ADDRESS: Final = re.compile(r"(://[^/\s:@]{0,256}:)[^/\s@]{1,256}(?=@)")


def is_secret_name(name: str) -> bool:
    """Return whether what goes by this name is most likely a secret."""
    return _SECRET_NAME.search(name) is not None


def secrets_in(value: Any) -> frozenset[str]:
    """Return the text that stands under names of secrets in JSON values, such as a spec."""
    return frozenset(text for text in _texts(value, secret=False) if len(text) >= _LEAST_CHARACTERS)


def _texts(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        if _is_reference(value):
            return
        for name, one in value.items():
            yield from _texts(one, secret=secret or is_secret_name(str(name)))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, secret=secret)
    elif secret and isinstance(value, str):
        yield value


def hide_secrets(value: Any) -> Any:
    """Return JSON values, such as a spec, without the text that looks like a secret.

    What stands under the name of one is left out whole; other text as :func:`redact` has it.
    """
    return _hidden(value, secrets_in(value), secret=False)


def _hidden(value: Any, known: Collection[str], *, secret: bool) -> Any:
    if isinstance(value, dict):
        if _is_reference(value):
            return value
        return {
            name: _hidden(one, known, secret=secret or is_secret_name(str(name)))
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(one, known, secret=secret) for one in value]
    if not isinstance(value, str):
        return value
    return REDACTED if secret else redact(value, known)


def _is_reference(value: dict[Any, Any]) -> bool:
    """Return whether it names a secret instead of holding it: what is wrong is no reference."""
    try:
        return reference_in(value) is not None
    except InvalidInput:
        return False


def redact(text: str, known: Collection[str] = ()) -> str:
    """Return a text without what looks like a secret.

    Parameters
    ----------
    text : str
        Of one line or many, whoever has written it.
    known : collection of str
        Secrets that are known, wherever they stand.
    """
    # The longest first: one may be the beginning of another.
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _without_ends_of_keys(_KEY.sub(REDACTED, text))
    text = _HEADER.sub(rf"\1{REDACTED}", text)
    text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    text = _ARGUMENT.sub(rf"\1{REDACTED}", text)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    return _IN_ADDRESS.sub(rf"\1{REDACTED}", text)


def ends_within_key(text: str) -> bool:
    """Return whether a private key begins in a text whose end is not there."""
    begins = [found.start() for found in _KEY_BEGIN.finditer(text)]
    return bool(begins) and _KEY_END.search(text, begins[-1]) is None


def _without_ends_of_keys(text: str) -> str:
    """Return a text without the keys whose beginning is not there."""
    *before, rest = _KEY_END.split(text)
    return "".join(f"{_without_key_lines(part)}{REDACTED}" for part in before) + rest


def _without_key_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    while lines and _KEY_LINE.fullmatch(lines[-1]):
        lines.pop()
    return "".join(lines)
