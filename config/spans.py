"""OpenTelemetry spans, for who collects them: off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Nothing below knows of it. `begin` wraps the few functions that are worth a span, in the process
that asked for it; without it there is no wrapper, no import and no cost. The packages are a set of
their own (requirements/telemetry.txt).

A decision's span has an event for each placement, by the semantic conventions for feature flags.
No span carries a visitor's id, a trait, a statement's parameters or the text of an error.
"""

import atexit
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, Final

from django.db.backends.signals import connection_created

from apps.access.http import BEGUN, HotView
from apps.decisions import hot_wire, record_reads
from apps.delivery import deciding
from apps.events import arrivals
from apps.pipeline import fold
from apps.work import tracing
from apps.work.endings import at_end
from apps.work.prepared import Prepared
from config.env import ENV

logger = logging.getLogger(__name__)

_PROVIDER: Final = "attune"
_QUERY_WORDS: Final = 80


def begin(role: str, views: Mapping[str, HotView]) -> bool:
    """Make spans in this process if the environment asks for them; return whether it does.

    Args:
        role: of the process, "web" for one.
        views: the hot views, whose calls are spans of kind server.
    """
    if not ENV.otlp_endpoint:
        return False
    try:
        tracer = _tracer(role)
    except ImportError as error:
        logger.warning("spans.not_installed", extra={"missing": error.name})
        return False
    for view in set(views.values()):
        view.answer = _serving(tracer, view)
    _wrap(tracer, hot_wire, "ask", "redis", {"db.system.name": "redis"})
    _wrap(tracer, record_reads, "rows", "postgres", {"db.system.name": "postgresql"})
    _wrap(tracer, Prepared, "fetch", "postgres", {"db.system.name": "postgresql"})
    _wrap(tracer, arrivals, "take", "intake", {})
    _wrap(tracer, fold, "fold_once", "fold", {})
    deciding.decide = _deciding(tracer, deciding.decide)

    def watch(connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(_statements(tracer))

    connection_created.connect(watch, weak=False, dispatch_uid="spans")
    return True


def _tracer(role: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": f"attune-{role}", "service.namespace": "attune"})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{ENV.otlp_endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    at_end(provider.force_flush)
    atexit.register(provider.shutdown)
    return provider.get_tracer("attune")


@contextmanager
def _within(tracer: Any, name: str, **more: Any) -> Iterator[Any]:
    """A span around a block. Of an error only the class is told: its text may quote a row."""
    from opentelemetry.trace.status import StatusCode

    with tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **more
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise


def _serving(tracer: Any, view: HotView) -> Callable[..., Any]:
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        SpanKind,
        TraceFlags,
        set_span_in_context,
    )
    from opentelemetry.trace.status import StatusCode

    answer, route = view.answer, view.route

    @wraps(answer)
    def served(request: Any, *args: Any, **kwargs: Any) -> Any:
        meta = request.META
        caller = tracing.trace_of(meta)
        context = None
        if caller is not None:
            flags = TraceFlags(caller.is_sampled)
            ids = (int(caller.trace_id, 16), int(caller.span_id, 16))
            parent = SpanContext(*ids, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(parent))
        attributes = {
            "http.request.method": request.method,
            "http.route": route,
            "attune.request_id": tracing.request_id_of(meta),
        }
        begun: float | None = meta.get(BEGUN)  # events are taken in before their view is called
        start_ns = None if begun is None else time.time_ns() - int((perf_counter() - begun) * 1e9)
        named = f"{request.method} {route}"
        with _within(
            tracer, named, context=context, kind=SpanKind.SERVER, attributes=attributes,
            start_time=start_ns,
        ) as span:  # fmt: skip
            response, headers = answer(request, *args, **kwargs)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response, headers

    return served


def _wrap(tracer: Any, module: Any, name: str, span: str, attributes: dict[str, str]) -> None:
    inner = getattr(module, name)

    @wraps(inner)
    def measured(*args: Any, **kwargs: Any) -> Any:
        with _within(tracer, span, attributes=attributes):
            return inner(*args, **kwargs)

    setattr(module, name, measured)


def _deciding(tracer: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(inner)
    def measured(*args: Any, **kwargs: Any) -> Any:
        with _within(tracer, "decide") as span:
            decided = inner(*args, **kwargs)
            for placed in decided.placed:
                span.add_event("feature_flag.evaluation", _evaluation(placed, decided))
            # Rendering is the last thing that was done.
            now_ns = time.time_ns()
            begun_ns = now_ns - int(decided.render_s * 1e9)
            tracer.start_span("render", start_time=begun_ns).end(now_ns)
            return decided

    return measured


def _evaluation(placed: Any, decided: Any) -> dict[str, str]:
    """What the semantic conventions want to know of one placement's decision."""
    attributes = {
        "feature_flag.key": placed.decision.placement,
        "feature_flag.provider.name": _PROVIDER,
        "feature_flag.result.reason": placed.told.reason.lower(),
        "feature_flag.version": str(decided.served.number),
    }
    if placed.ready is not None:
        attributes["feature_flag.result.variant"] = placed.ready.doc.key
    return attributes


def _statements(tracer: Any) -> Callable[..., Any]:
    def wrapper(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        words = " ".join(str(sql).split())[:_QUERY_WORDS]
        attributes = {"db.system.name": "postgresql", "db.query.summary": words}
        with _within(tracer, "postgres", attributes=attributes):
            return execute(sql, params, many, context)

    return wrapper
