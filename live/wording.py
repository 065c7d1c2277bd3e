"""Use cases of a merchant's words: which ones nobody wants to read."""

from collections.abc import Sequence
from dataclasses import dataclass

from keel.errors import Conflict, Malformed
from keel.identity import Principal
from live import store_talk
from live.studio import Studio
from live.tables_talk import WordRow
from live.word_filter import WORDS_MAX, Action, fold


@dataclass(frozen=True, slots=True)
class WordWish:
    """A word as staff write it."""

    word: str
    action: Action


async def add_words(studio: Studio, by: Principal, wishes: Sequence[WordWish]) -> int:
    """Add words, or change what they do; how many there are now. Raises Malformed and Conflict."""
    folded = {fold(wish.word).text: wish for wish in wishes}
    if "" in folded:
        raise Malformed(detail="words: one has no letter")
    rows = [
        {"merchant_id": by.merchant_id, "id": studio.new_id(), "word": wish.word, "folded": text, "action": wish.action}
        for text, wish in folded.items()
    ]
    async with studio.command() as command:
        await store_talk.bump_words(command.session, by.merchant_id)
        await store_talk.put_words(command.session, rows)
        there = await store_talk.count_words(command.session, by.merchant_id)
        if there > WORDS_MAX:
            raise Conflict(detail=f"a merchant has at most {WORDS_MAX} words")
        command.audit(by, "words.add", by.merchant_id, words=len(rows))
    return there


async def remove_word(studio: Studio, by: Principal, word_id: str) -> None:
    """Take a word off the list. Raises NotFound."""
    async with studio.command() as command:
        await store_talk.bump_words(command.session, by.merchant_id)
        word = await store_talk.drop_word(command.session, by.merchant_id, word_id)
        command.audit(by, "words.remove", word_id, word=word)


async def list_words(studio: Studio, by: Principal, *, below: str | None, count: int) -> Sequence[WordRow]:
    """A page of the words, newest first."""
    async with studio.command() as command:
        return await store_talk.list_words(command.session, by.merchant_id, below=below, count=count)
