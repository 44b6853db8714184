"""What an admin decides of the inbox: where else a signature may stand, which form alone is taken, and how long bodies are kept."""

import re

from core.errors import Invalid
from core.installation import Choice, number_or_nothing

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# As provider/signatures.py names what matched, and as the inbox shows it: header, shape, and what is signed.
SIGNATURE_FORM = re.compile(
    r"\S+ (?:\w+= )?(?:\w+= |v1, )?(?:hex|base64) over (?:id\.timestamp\.body|timestamp\.body|body\+timestamp|body)"
)
MOST_HEADER_NAMES = 10
MOST_DAYS = 3650


def header_names(text: str) -> str:
    """Names with commas or spaces between them, as "A, B"."""
    names = list(dict.fromkeys(name for name in re.split(r"[,\s]+", text) if name))
    for name in names:
        if not HEADER_NAME.fullmatch(name):
            raise Invalid(f"“{name[:40]}” is no name of a header.")
    if len(names) > MOST_HEADER_NAMES:
        raise Invalid(f"{MOST_HEADER_NAMES} names at most.")
    return ", ".join(names)


def form_or_none(text: str) -> str | None:
    form = " ".join(text.split()).lower()
    if form and not SIGNATURE_FORM.fullmatch(form):
        raise Invalid(
            "Write a form as the inbox names it, such as “x-webhook-signature sha256= hex over timestamp.body”."
        )
    return form or None


def days_or_none(text: str) -> int | None:
    digits = text.strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) < 5) or not 1 <= int(digits) <= MOST_DAYS:
        raise Invalid(f"A whole number of days between 1 and {MOST_DAYS:,}, or nothing.")
    return int(digits)


def days(text: str) -> int:
    given = days_or_none(text)
    if given is None:
        raise Invalid(f"A whole number of days between 1 and {MOST_DAYS:,}.")
    return given


HEADER_NAMES: Choice[str] = Choice(
    "webhook_headers", "Other headers that may hold the signature",
    "Names, with commas between them. They are tried after those that we know.",
    "", header_names, str,
)  # fmt: skip
PINNED_FORM: Choice[str | None] = Choice(
    "webhook_form", "The only form that is taken",
    "Empty: every form that we know. With one, a delivery that is signed in any other way is refused.",
    None, form_or_none, lambda form: form or "",
)  # fmt: skip
BODY_DAYS: Choice[int | None] = Choice(
    "body_days", "Days that genuine bodies are kept",
    "After them, body and headers are taken out; the result and the key that stops repeats stay. Empty: for ever.",
    None, days_or_none, number_or_nothing,
)  # fmt: skip
REFUSED_DAYS: Choice[int] = Choice(
    "refused_days", "Days that refused deliveries are kept",
    "Until then they can be verified again. After them, they are gone.",
    14, days, str,
)  # fmt: skip
INBOX_CHOICES = (HEADER_NAMES, PINNED_FORM, REFUSED_DAYS, BODY_DAYS)
