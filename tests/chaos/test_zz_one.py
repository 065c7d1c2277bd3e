import os, time
import tests.chaos.test_crash_matrix as m
from tests.chaos.matrix import NETWORK, cells
from tests.chaos.test_crash_matrix import database_urls
async def test_one(database_urls, redis_url):
    pick = os.environ["CELL"].split(";")
    chosen = [c for c in cells(NETWORK) if any(p in str(c) for p in pick)]
    t=time.monotonic()
    said = await m.run(database_urls, redis_url, chosen)
    print(len(chosen), time.monotonic()-t)
    assert not said, "\n".join(said)
