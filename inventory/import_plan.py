"""What an import is going to change: lines of a file held against the catalogue as it is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.csv_lines import PRICE, Fault, Line
from inventory.model import SKUS_PER_PRODUCT_MAX


@dataclass(frozen=True, slots=True)
class Known:
    """A SKU that the catalogue has, with its product's title and today's list prices by currency."""

    id: str
    version: int
    product_id: str
    product_version: int
    title: str
    archived: bool
    fields: Mapping[str, Any]
    prices: Mapping[str, int]
    product_skus: int  # how many that product has, archived ones too


@dataclass
class Plan:
    """`products` (titles), `skus` and `prices` are new; `changes` (all fields and the next version) by SKU id, `titles`
    (with the next version) by product id; `receipts` are units by SKU id, of new ones and known ones.

    With `faults` nothing of it may be stored.
    """

    products: dict[str, str] = field(default_factory=dict)
    titles: dict[str, tuple[str, int]] = field(default_factory=dict)
    skus: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    prices: list[tuple[str, str, int]] = field(default_factory=list)
    receipts: dict[str, int] = field(default_factory=dict)
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    line_of: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def plan_of(lines: Sequence[Line], known: Mapping[str, Known], new_id: Callable[[], str]) -> Plan:
    """The plan for all lines; `known` by code, of every code and `variant_of` in the file that the catalogue has."""
    plan = Plan()
    first = _first_lines(lines, plan)
    products = _Products(first, known, new_id, plan)
    for line in first.values():
        product_id = products.of(line)
        if product_id is None or not products.agrees(product_id, line):
            continue
        standing = known.get(line.code)
        if standing is None:
            if products.has_room(product_id, line):
                _create(plan, line, product_id, new_id())
        elif standing.archived:
            plan.faults.append(Fault(line.no, "code", "this SKU is archived: bring it back first"))
        else:
            _change(plan, line, standing, is_retitled=product_id in plan.titles)
    plan.faults.sort(key=lambda fault: fault.line)
    return plan


def _first_lines(lines: Sequence[Line], plan: Plan) -> dict[str, Line]:
    first: dict[str, Line] = {}
    for line in lines:
        if first.setdefault(line.code, line) is not line:
            plan.faults.append(Fault(line.no, "code", f"stands in line {first[line.code].no} already"))
    return first


class _Products:
    """Which product a line belongs to, whether its lines agree about the title, and whether it has room for them."""

    def __init__(
        self, first: Mapping[str, Line], known: Mapping[str, Known], new_id: Callable[[], str], plan: Plan
    ) -> None:
        self._first, self._known, self._new_id, self._plan = first, known, new_id, plan
        self._new: dict[str, str] = {}  # product id by the code of its first SKU
        self._titled: dict[str, Line] = {}
        self._skus = Counter({one.product_id: one.product_skus for one in known.values()})

    def of(self, line: Line) -> str | None:
        """The product's id; None where there is none, which is noted."""
        standing, root = self._known.get(line.code), line.variant_of
        if root is None or root == line.code:
            return standing.product_id if standing else self._made_for(line)
        wanted = self._of_root(line, root)
        if standing and wanted not in (None, standing.product_id):
            return self._fault(line, "this SKU belongs to another product, and stays there")
        return wanted

    def _of_root(self, line: Line, root: str) -> str | None:
        if root in self._known:
            if self._known[root].archived:
                return self._fault(line, "this SKU is archived: bring it back first")
            return self._known[root].product_id
        target = self._first.get(root)
        if target is None:
            return self._fault(line, "neither the file nor the catalogue has a SKU with this code")
        if target.variant_of not in (None, target.code):
            return self._fault(line, f"line {target.no} is a variant itself: name the SKU that it is a variant of")
        return self._made_for(target)

    def _made_for(self, line: Line) -> str:
        if line.code not in self._new:
            self._new[line.code] = product_id = self._new_id()
            self._plan.products[product_id] = line.title
        return self._new[line.code]

    def agrees(self, product_id: str, line: Line) -> bool:
        """Whether a line's title is that of the other lines of its product; a new title is taken down."""
        other = self._titled.setdefault(product_id, line)
        if other.title != line.title:
            what = f"is another title than in line {other.no}, which is of the same product"
            self._plan.faults.append(Fault(line.no, "title", what))
            return False
        if product_id not in self._plan.products:
            standing = self._known.get(line.code) or self._known[line.variant_of or ""]
            if standing.title != line.title:
                self._plan.titles[product_id] = line.title, standing.product_version + 1
        return True

    def has_room(self, product_id: str, line: Line) -> bool:
        """Whether a product takes one more SKU, which is counted; else that is noted."""
        self._skus[product_id] += 1
        if self._skus[product_id] > SKUS_PER_PRODUCT_MAX:
            self._fault(line, f"a product has at most {SKUS_PER_PRODUCT_MAX} SKUs, and this would be one more")
            return False
        return True

    def _fault(self, line: Line, what: str) -> str | None:
        self._plan.faults.append(Fault(line.no, "variant_of", what))
        return None


def _create(plan: Plan, line: Line, product_id: str, sku_id: str) -> None:
    if not line.prices:
        plan.faults.append(Fault(line.no, None, f"a new SKU needs a price: {PRICE}CNY, or another currency"))
        return
    needs = line.fields.get("needs_recipient")
    plan.skus[sku_id] = {
        "product_id": product_id,
        "code": line.code,
        "specification": line.fields.get("specification", {}),
        "picture_url": line.fields.get("picture_url"),
        "needs_recipient": True if needs is None else needs,
        "low_stock": line.fields.get("low_stock"),
    }
    plan.receipts[sku_id] = line.receive
    plan.line_of[sku_id] = line.no
    plan.prices += [(sku_id, currency, price) for currency, price in line.prices.items()]
    plan.created += 1


def _change(plan: Plan, line: Line, standing: Known, *, is_retitled: bool) -> None:
    changes = {
        name: value
        for name, value in line.fields.items()
        if value != standing.fields[name] and not (name == "needs_recipient" and value is None)
    }
    prices = [(standing.id, c, price) for c, price in line.prices.items() if standing.prices.get(c) != price]
    plan.prices += prices
    plan.line_of[standing.id] = line.no
    if changes:
        plan.changes[standing.id] = {**standing.fields, **changes, "version": standing.version + 1}
    if line.receive:
        plan.receipts[standing.id] = line.receive
    if changes or prices or line.receive or is_retitled:
        plan.changed += 1
    else:
        plan.unchanged += 1
