"""The funnel of a session: shared, opened, joined, stayed, saw what was pinned, ordered. See console.funnel_steps."""

from datetime import datetime

from console import store_funnel
from console.funnel_steps import EMPTY, By, Funnel, part_of
from keel.database import Pool


async def read(pool: Pool, merchant_id: str | None, session_id: str, *, by: By | None, now: datetime) -> Funnel | None:
    """The funnel of a merchant's session, or of whosever it is for None; None where there is none.

    Raises NotAuditable where PostgreSQL does not answer.
    """
    owner = await store_funnel.exists(pool, merchant_id, session_id)
    if owner is None:
        return None
    whole = await store_funnel.funnel(pool, owner, session_id, by=None, now=now)
    parts = await store_funnel.funnel(pool, owner, session_id, by=by, now=now) if by else ()
    return Funnel(session_id, by, part_of(whole[0] if whole else EMPTY), [part_of(each) for each in parts])
