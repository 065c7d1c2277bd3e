"""A list by id is walked page by page, each beginning below the last id of the one before."""

import pytest
from sqlalchemy import insert, select

from keel.clock import FakeClock
from keel.database import create_engine, newest_first, sessions_of, transaction
from keel.ids import Ids
from keel.paging import next_of
from keel.tables import StaffAuditRow


@pytest.mark.parametrize("there", [0, 3, 4, 7])
async def test_every_row_is_on_one_page_and_the_last_page_says_so(database_url: str, there: int):
    clock, engine = FakeClock(), create_engine(database_url)
    ids = Ids(clock)
    merchant_id, made = ids.new(), [ids.new() for _ in range(there)]
    values = {"merchant_id": merchant_id, "actor": "hua", "command": "look", "detail": {}, "at": clock.now()}
    pages, below, more = list[list[str]](), None, True
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO merchant (id, name, created_at) VALUES ($1, 'Pond', now())", (merchant_id,)
        )
    async with transaction(sessions_of(engine)) as session:
        for row_id in made:
            await session.execute(insert(StaffAuditRow).values(id=row_id, **values))
        while more:
            query = newest_first(select(StaffAuditRow), StaffAuditRow.id, below=below, count=4)
            rows = (await session.scalars(query)).all()
            pages.append([row.id for row in rows])
            below = next_of(rows, 4)
            more = below is not None
    await engine.dispose()
    assert [row_id for page in pages for row_id in page] == made[::-1]
    assert all(len(page) == 4 for page in pages[:-1])
    assert len(pages[-1]) < 4
