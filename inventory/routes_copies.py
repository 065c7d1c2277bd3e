"""Sales made again over HTTP, for staff: copies and templates."""

from fastapi import APIRouter

from inventory import copying
from inventory.routes import Below, Count, Manager, PathId, Reader, Shop
from inventory.schemas import CopyWish, TemplateWish
from inventory.schemas_shown import Copied, SaleBrief, TemplateOut, TemplatePage
from keel.paging import next_of

router = APIRouter(prefix="/v1/staff", tags=["staff"])


@router.post("/sales/{sale_id}/copy", status_code=201)
async def copy(shop: Shop, by: Manager, sale_id: PathId, wish: CopyWish | None = None) -> Copied:
    """A draft like this sale: its items, prices, planned units and limits, with a window of its own."""
    sale, left_out = await copying.copy_sale(shop, by, sale_id, copying.Again(**dict(wish or CopyWish())))
    return Copied(sale=SaleBrief.model_validate(sale), left_out=left_out)


@router.post("/sales/{sale_id}/template", status_code=201)
async def save(shop: Shop, by: Manager, sale_id: PathId, wish: TemplateWish | None = None) -> TemplateOut:
    """Keep this sale as a template."""
    return TemplateOut.model_validate(await copying.save_template(shop, by, sale_id, wish.title if wish else None))


@router.get("/sale-templates")
async def list_all(shop: Shop, by: Reader, below: Below = None, count: Count = 20) -> TemplatePage:
    """Templates, newest first."""
    rows = await copying.list_templates(shop, by, below=below, count=count)
    templates = [TemplateOut.model_validate(row) for row in rows]
    return TemplatePage(templates=templates, next=next_of(rows, count))


@router.post("/sale-templates/{template_id}/sales", status_code=201)
async def create(shop: Shop, by: Manager, template_id: PathId, wish: CopyWish | None = None) -> Copied:
    """A draft from a template."""
    again = copying.Again(**dict(wish or CopyWish()))
    sale, left_out = await copying.sale_from_template(shop, by, template_id, again)
    return Copied(sale=SaleBrief.model_validate(sale), left_out=left_out)


@router.post("/sale-templates/{template_id}/archive", status_code=204)
async def archive(shop: Shop, by: Manager, template_id: PathId) -> None:
    """Put a template away; sales made from it stay."""
    await copying.archive_template(shop, by, template_id)
