"""For whoever runs the server: whether it is well, and how much is asked of it."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from playground import telemetry
from playground.files import KEPT_FREE_BYTES
from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_, Sentence
from playground.server.owner import services_of
from playground.service.services import Services

NO_ROOM = N_("The server has no room for more files now. Try again in some hours.")
router = APIRouter()


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """`{"status": "ready" | "degraded" | "loading", "reasons": [...]}`; 503 while no question is taken."""
    services = services_of(request)
    answers, known = services.models.health()
    reasons = [*known, *([Sentence(NO_ROOM)] if services.quota.free_bytes() < KEPT_FREE_BYTES else [])]
    status = "loading" if not answers else "degraded" if reasons else "ready"
    locale = locale_of(request.headers)
    told: dict[str, Any] = {"status": status, "reasons": [gettext(locale, reason) for reason in reasons]}
    return JSONResponse(told, 200 if answers else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """In Prometheus' text format, for the operator: with `PLAYGROUND_OPERATOR_KEY` in its header or as a bearer."""
    services = services_of(request)
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not services.owners.is_operator(request.headers, bearer):
        return Response(status_code=404)
    now = CollectorRegistry(auto_describe=False)
    now.register(_Now(services))
    ProcessCollector(registry=now)
    return Response(generate_latest(telemetry.REGISTRY) + generate_latest(now), media_type=CONTENT_TYPE_LATEST)


class _Now(Collector):
    """What is so at this moment."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        told = self._services.models.status()
        training, waiting = self._services.finetuning.counts()
        model = InfoMetricFamily("playground_model", "The model that answers.")
        model.add_metric((), {name: str(told[name]) for name in ("model", "device", "quantization", "phase")})
        yield model
        for name, what, value in (
            ("requests_running", "Questions that are being answered.", told["running"]),
            ("requests_waiting", "Questions that wait.", told["queue"]),
            ("adapters_resident", "Adapters in memory.", len(told["adapters_resident"])),
            ("trainings_running", "Training runs that train.", training),
            ("trainings_waiting", "Training runs that wait.", waiting),
            ("model_generation", "Grows by one at each change of the model.", told["generation"]),
            ("disk_free_bytes", "What is left where the data folder lies.", self._services.quota.free_bytes()),
        ):
            yield GaugeMetricFamily(f"playground_{name}", what, value=float(value))
