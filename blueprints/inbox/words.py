"""Words that we do not know yet: a person says what each means, and what holds it is read again."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.database import db, writing
from blueprints.forms import PlainForm, trimmed
from blueprints.inbox import bp
from blueprints.inbox.deliveries import LONGEST_WORD, tabs
from blueprints.runtime import now, redis_url
from blueprints.security import actor, needs
from core import heard_words, replays
from core.deliveries import Wanted
from core.errors import Conflict, Invalid
from jobs.queue import REPLAY, ring


@bp.get("/words")
@needs("admin")
def words() -> ResponseReturnValue:
    return _page()


@bp.post("/words")
@needs("admin")
def explain_word() -> ResponseReturnValue:
    word, meaning = trimmed(request.form.get("word"))[:LONGEST_WORD], trimmed(request.form.get("meaning"))
    try:
        with writing() as session:
            is_new = heard_words.explain_word(session, word, meaning, actor(), now())
            replay_id = _begin(word) if is_new and meaning else None
    except Invalid as problem:
        return _page(word, str(problem)), 422
    if replay_id is not None:
        ring(redis_url(), REPLAY, replay_id)
        flash(f"“{word}” is known from now on. Deliveries that hold it are read again.", "success")
    else:
        flash(f"“{word}” is known from now on." if meaning else f"“{word}” is unknown again.", "success")
    return redirect(url_for(".words", explained="yes" if request.form.get("explained") else None), 303)


def _begin(word: str) -> int | None:
    try:
        return replays.begin_replay(db.session(), Wanted(word=word), actor(), now()).id
    except Conflict:  # a poll brought it, or its deliveries are kept no longer
        return None


def _page(word: str = "", problem: str = "") -> str:
    is_explained, after = bool(request.values.get("explained")), trimmed(request.args.get("after"))[:LONGEST_WORD]
    heard, next_word = heard_words.words_page(db.session(), is_explained=is_explained, after=after)
    return render_template(
        "inbox/words.html", heard=heard, next_word=next_word, after=after, is_explained=is_explained, wrong_word=word,
        problem=problem, meanings=heard_words.MEANINGS, form=PlainForm(), **tabs(),
    )  # fmt: skip
