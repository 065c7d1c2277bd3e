"""The owner's desk: rooms and sessions asked over HTTP."""

from typing import Any

from tests.orders.serving import STAFF, Served


class Staff:
    """The owner, over HTTP."""

    def __init__(self, served: Served):
        self.served, self.head = served, {"authorization": f"Bearer {STAFF}"}

    async def ask(self, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        answer = await self.served.client.request(method, f"/v1/staff/{path}", headers=self.head, **sent)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None
