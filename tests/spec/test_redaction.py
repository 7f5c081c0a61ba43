"""What is not to be read in a log, and what is left of a log's text."""

import time

import pytest

from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS, log_lines
from speccluster_lab.spec.redaction import (
    REDACTED,
    hide_secrets,
    is_secret_name,
    redact,
    secrets_in,
)

CANARY = "canary-Zx81/+q"

KEY = f"""-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIB{"A" * 54}
{"b" * 64}
-----END EC PRIVATE KEY-----"""


@pytest.mark.parametrize(
    "text",
    [
        "password={}",
        "DB_PASSWORD: {}",
        "AWS_SECRET_ACCESS_KEY='{}'",
        "{{'password': '{}', 'user': 'eve'}}",
        '{{"api_key": "{}"}}',
        '{{"api_key": "a \\" quote {}"}}',
        "env={{'TOKEN': b'{}'}}",
        "{{'Authorization': ['token {}']}}",
        "tokens = ('a', '{}')",
        "Authorization: Bearer {}",
        "Authorization: Basic {}",
        "authorization: something else {}",
        "Cookie: a=b; session={}",
        "sent Bearer {}",
        "GET /lab?token={} HTTP/1.1",
        "s3://eve:{}@bucket/key",
        "postgresql://:{}@host/",
        "worker --token {} --nthreads 2",
        "worker --password={}",
        'secret="never closed {}',
        "my.token.value => {}",
    ],
)
def test_what_goes_by_the_name_of_a_secret(text: str) -> None:
    secret = CANARY.replace("/", "") if "://" in text else CANARY
    found = redact(f"before, {text.format(secret)}\nafter")
    assert secret[:8] not in found
    assert REDACTED in found
    assert found.startswith("before, ")
    assert found.endswith("\nafter")


@pytest.mark.parametrize(
    "text",
    [
        "Registered to: tls://127.0.0.1:40001",
        "2026-01-01 00:00:00,000 - distributed.worker - INFO - Start worker at: 'tls://[::1]:1'",
        "Traceback (most recent call last):",
        "KeyError: 'x'",
        "3 tokens were made",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_private_keys_go_whole_or_in_part() -> None:
    assert redact(f"a\n{KEY}\nb") == f"a\n{REDACTED}\nb"
    # As at the beginning of what was read, and at its end.
    assert redact(KEY.partition("\n")[2] + "\nb") == f"{REDACTED}\nb"
    assert redact("a\n" + KEY.rpartition("\n")[0]) == f"a\n{REDACTED}"


def test_what_is_known_goes_wherever_it_stands() -> None:
    spec = {
        "worker": {"options": {"security": {"password": "hunter2!", "n": 3}, "name": "public"}},
        "list": [{"api-key": ["first-one", "x"]}],
    }
    known = secrets_in(spec)
    # One of a letter or two would hide half of the text.
    assert known == {"hunter2!", "first-one"}
    assert redact("it is hunter2! or first-one, public", known) == f"it is {REDACTED} or " + (
        f"{REDACTED}, public"
    )
    # However they overlap.
    assert redact("abcdef abcd", {"abcd", "abcdef"}) == f"{REDACTED} {REDACTED}"
    assert is_secret_name("MY_ACCESS_KEY_ID")
    assert not is_secret_name("nthreads")


@pytest.mark.parametrize(
    "text",
    [
        "AAAA\n" * 200_000,
        "AAAA\n" * 200_000 + "-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----" * 30_000,
        "-" * MAX_LOG_CHARACTERS,
        "a" * MAX_LOG_CHARACTERS,
        "token=" * 170_000,
        "token='" * 140_000,
        "--" + "token-" * 170_000,
        "password" + " " * 1_000_000,
        "://" * 340_000,
        "\x1b[" * 500_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """None of the patterns may take a time that grows as the square of the text."""
    began = time.perf_counter()
    log_lines(text, 500)
    assert time.perf_counter() - began < 10


def test_the_last_lines() -> None:
    text = "".join(f"line {number}\n" for number in range(10))
    assert log_lines(text, 3) == (["line 7", "line 8", "line 9"], False)
    assert log_lines(text, 10) == (text.splitlines(), True)
    # The first line of a part may have lost its beginning, and with it the name of a secret.
    assert log_lines(f"{CANARY}\nnext\n", 10, complete=False) == (["next"], False)
    assert log_lines("", 10) == ([], True)
    assert log_lines("x" * 5000, 10, characters=10) == (["x" * 9 + "…"], True)
    lines, complete = log_lines("x" * (MAX_LOG_CHARACTERS + 1) + "\nlast", 10)
    assert (lines, complete) == (["last"], False)


def test_what_a_terminal_or_a_page_would_obey_is_taken_out() -> None:
    text = "\x1b[31mred\x1b[0m\ta\x00b\x1b]0;title\x07\u202eright\u2066 \u00a0<img src=x>\rnext"
    (first, second), _ = log_lines(text, 10)
    assert first == "red\ta\ufffdb0;title\ufffd\ufffdright\ufffd  <img src=x>"
    assert second == "next"


def test_what_only_names_a_secret_is_shown() -> None:
    spec = {"env": {"TOKEN": {"$env": "MY_TOKEN"}, "password": {"$file": "~/.secrets/dask"}}}
    assert hide_secrets(spec) == spec
    assert secrets_in(spec) == frozenset()
    assert hide_secrets({"token": {"$env": "A", "b": CANARY}}) == {
        "token": {"$env": REDACTED, "b": REDACTED}
    }
