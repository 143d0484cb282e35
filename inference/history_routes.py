"""The routes of the history: POST /labels, and GET /entities/{kind}/{id}."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from features.amounts import UNITS
from features.stores.outcomes import Past
from features.stores.store import StoreUnavailable
from inference import schema
from inference.body import BodyReader
from inference.history import STORE_AWAY, Histories
from inference.labels import LABELS_BODY, LabelResults, read_labels, record_labels
from inference.messages import Reply, json_reply
from inference.metrics import Metrics
from inference.routes import as_response, body_of
from inference.serving import Serving
from inference.transaction import InvalidTransaction

MAX_SHOWN = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
        responses={**schema.PREDICT, 404: {"model": schema.Message}},
        openapi_extra={"requestBody": LABELS_BODY},
    )
    async def labels(request: Request) -> Response:
        body = await body_of(request, tables)
        if isinstance(body, Reply):
            return as_response(body)
        store, model = histories.store, serving.model
        if store is None or model is None:
            return as_response(NO_HISTORY)
        try:
            read = read_labels(body)
            model.reader.check_rows(len(read))
            results = await record_labels(read, store, model.contract.delay_days, metrics)
            reply = json_reply({"results": [each.model_dump() for each in results]})
        except StoreUnavailable:
            reply = STORE_AWAY
        except InvalidTransaction as error:
            reply = json_reply({"detail": error.errors}, error.status)
        return as_response(reply)

    @router.get(
        "/entities/{kind}/{id:path}",
        summary="The history behind decisions",
        response_model=Entity,
        responses={**schema.REFUSED, 404: {"model": schema.Message}, 503: schema.UNAVAILABLE},
    )
    async def entity(
        kind: str,
        id: str,  # noqa: A002  (the name in the path)
        limit: Annotated[int, Query(ge=1, le=MAX_SHOWN, description="The newest so many")] = 100,
    ) -> Response:
        store = histories.store
        if store is None:
            return as_response(NO_HISTORY)
        if kind not in store.kinds:
            known = ", ".join(store.kinds)
            return as_response(json_reply({"detail": f"unknown kind; there are {known}"}, 404))
        try:
            past = await store.past(kind, id, limit)
        except StoreUnavailable:
            return as_response(STORE_AWAY)
        if not past:
            return as_response(
                json_reply({"detail": f"no transaction of this {kind} is kept"}, 404)
            )
        shown = {"kind": kind, "id": id, "transactions": [_shown(each) for each in past]}
        return as_response(json_reply(shown))

    return router


def _shown(past: Past) -> dict[str, Any]:
    return {
        "time": _EPOCH + timedelta(microseconds=past.time),
        "amount": past.units / UNITS,
        "fraud": past.fraud,
    }
