"""The routes of the history: POST /labels, and GET /entities/{kind}/{id}."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from features.amounts import UNITS
from features.stores.outcomes import Past
from features.stores.store import StoreUnavailable
from inference import schema
from inference.body import BodyReader
from inference.history import Histories, store_away
from inference.history_upkeep import shown_time
from inference.labels import LabelResults, read_labels, record_labels
from inference.messages import NOT_READY, Reply, json_reply
from inference.metrics import Metrics
from inference.routes import as_response, body_of
from inference.serving import Serving
from inference.transaction import InvalidTransaction

MAX_SHOWN = 1000
NO_HISTORY = json_reply(
    {"detail": "the served model has no history here: clients send its features themselves"}, 404
)


class PastTransaction(BaseModel):
    """A transaction in the history of an entity."""

    time: datetime
    amount: float = Field(description="To 1/10,000, as it counts in totals")
    fraud: bool | None = Field(description="null while its label is not known")


class Entity(BaseModel):
    """What is known of a card, a shop or the like, newest first."""

    kind: str
    id: str
    transactions: list[PastTransaction]


def history_routes(
    histories: Histories, serving: Serving, metrics: Metrics, tables: BodyReader
) -> APIRouter:
    """Both need a token with a scope of its own: `labels` and `history`."""
    router = APIRouter(tags=["history"])

    @router.post(
        "/labels",
        summary="Report which transactions were frauds",
        response_model=LabelResults,
        responses=schema.LABELS,
    )
    async def labels(request: Request) -> Response:
        body = await body_of(request, tables)
        if isinstance(body, Reply):
            return as_response(body)
        store, model = histories.store, serving.model
        if store is None or model is None:
            return as_response(NOT_READY if model is None else NO_HISTORY)
        try:
            # In a thread: a thousand labels would block all other requests for milliseconds.
            read = await asyncio.to_thread(read_labels, body, model.reader.max_rows)
            results = await record_labels(read, store, model.contract.delay_days, metrics)
            reply = json_reply({"results": [each.model_dump() for each in results]})
        except StoreUnavailable as error:
            reply = store_away(error, metrics)
        except InvalidTransaction as error:
            reply = json_reply({"detail": error.errors}, error.status)
        return as_response(reply)

    @router.get(
        "/entities/{kind}/{id:path}",
        summary="The history behind decisions",
        response_model=Entity,
        responses={
            **schema.REFUSED,
            404: {"model": schema.Message, "description": "Nothing is kept of it"},
            422: {"model": schema.InvalidBody, "description": "The limit is not 1 to 1,000"},
            503: schema.UNAVAILABLE,
        },
    )
    async def entity(
        kind: str,
        id: str,  # noqa: A002  (the name in the path)
        limit: Annotated[int, Query(ge=1, le=MAX_SHOWN, description="The newest so many")] = 100,
    ) -> Response:
        store, model = histories.store, serving.model
        if store is None or model is None:
            return as_response(NOT_READY if model is None else NO_HISTORY)
        if kind not in store.kinds:
            known = ", ".join(store.kinds)
            return as_response(json_reply({"detail": f"unknown kind; there are {known}"}, 404))
        try:
            past = await store.past(kind, id, limit)
        except StoreUnavailable as error:
            return as_response(store_away(error, metrics))
        if not past:
            return as_response(
                json_reply({"detail": f"no transaction of this {kind} is kept"}, 404)
            )
        zoned = model.raw is None or model.raw.zoned
        transactions = [_shown(each, zoned=zoned) for each in past]
        shown = {"kind": kind, "id": id, "transactions": transactions}
        return as_response(json_reply(shown))

    return router


def _shown(past: Past, *, zoned: bool) -> dict[str, Any]:
    return {
        "time": shown_time(past.time, zoned=zoned),
        "amount": past.units / UNITS,
        "fraud": past.fraud,
    }
