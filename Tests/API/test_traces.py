"""Spans from OpenTelemetry's own SDK and exporter to a real server, and the same as OTLP's JSON: what its users have."""

import gzip
import json
import time
import unittest

from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from server import ROOT, Server

PROTOBUF = "application/x-protobuf"
FIXTURES = ROOT / "Tests" / "Fixtures" / "otlp"


def as_json(request):
    """OTLP's JSON of a request: protobuf's mapping, but ids in hexadecimal."""
    import base64

    def mend(value, name=None):
        if isinstance(value, dict):
            return {key: mend(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [mend(inner) for inner in value]
        return base64.b64decode(value).hex() if name in ("traceId", "spanId", "parentSpanId") else value

    return json.dumps(mend(MessageToDict(request, use_integers_for_enums=True)))


class Kept(SpanExporter):
    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans += spans
        return SpanExportResult.SUCCESS


class TracesTests(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.key = self.server.key("ingest", tenant="acme")
        self.reader = self.server.key("usage", "usage-users", tenant="acme")

    def trace(self, exporter, agent="support-bot", count=3):
        """An agent's turn: a span of its own above the calls of a model, with a tool between them."""
        provider = TracerProvider(resource=Resource.create({"service.name": agent}))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span(f"invoke_agent {agent}") as turn:
            turn.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 300})
            for number in range(count):
                with tracer.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT) as call:
                    call.set_attributes(
                        {
                            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                            "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06",
                            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 40,
                            "gen_ai.usage.output_tokens": 7, "user.id": "u-1",
                            "gen_ai.response.finish_reasons": ["stop"],
                        }
                    )
                    if number == 0:
                        call.set_status(StatusCode.ERROR, "filtered")
            with tracer.start_as_current_span("execute_tool search") as tool:
                tool.set_attribute("gen_ai.operation.name", "execute_tool")
            with tracer.start_as_current_span("GET /search"):
                pass
        provider.shutdown()

    def exporter(self, **further):
        return OTLPSpanExporter(
            endpoint=self.server.url + "/v1/traces",
            headers={"Authorization": f"Bearer {self.key}"}, timeout=10, **further,
        )

    def usage(self, agent="support-bot", query="class=advisory"):
        reply = self.server.call(
            "GET", f"/api/v1/tenants/acme/agents/{agent}/usage?{query}", key=self.reader
        )
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json

    def totals(self, *arguments, **named):
        return {c["component"]: int(c["total"]) for c in self.usage(*arguments, **named)["components"]}

    def metrics(self):
        lines = self.server.call("GET", "/metrics").text.splitlines()
        return {line.split(" ")[0]: line.split(" ")[1] for line in lines if line.startswith("meter_otlp_")}

    EXPECTED = {"agent_calls": 3, "input_tokens": 180, "cached_input_tokens": 120, "output_tokens": 21}

    def test_the_sdk_and_its_exporter(self):
        for number, compression in enumerate((Compression.NoCompression, Compression.Gzip)):
            agent = f"bot-{number}"
            self.trace(self.exporter(compression=compression), agent)
            self.assertEqual(self.totals(agent), self.EXPECTED)
            details = self.usage(agent, "class=advisory&split=model,user,outcome")["details"]
            self.assertEqual(details["calls"], "3")
            self.assertEqual([(s["value"], s["calls"]) for s in details["splits"]["model"]], [("gpt-4o-2024-08-06", "3")])
            self.assertEqual([s["value"] for s in details["splits"]["user"]], ["u-1"])
            self.assertEqual(
                {s["value"]: s["calls"] for s in details["splits"]["outcome"]}, {"ok": "2", "error": "1"}
            )
            # Nothing of it counts.
            self.assertEqual(self.totals(agent, "class=counted"), {})
        metrics = self.metrics()
        self.assertEqual(metrics['meter_otlp_spans_total{result="accepted",reason=""}'], "6")
        self.assertEqual(metrics['meter_otlp_spans_total{result="ignored",reason="other-operation"}'], "4")
        self.assertEqual(metrics['meter_otlp_spans_total{result="ignored",reason="not-gen-ai"}'], "2")

    def test_protobuf_and_json_of_one_export_are_one(self):
        kept = Kept()
        self.trace(kept)
        request = encode_spans(kept.spans)
        for body, kind in (
            (request.SerializeToString(), PROTOBUF), (as_json(request), "application/json"),
            (gzip.compress(request.SerializeToString()), PROTOBUF),
        ):
            headers = {"Content-Type": kind}
            if body[:2] == b"\x1f\x8b":
                headers["Content-Encoding"] = "gzip"
            reply = self.server.call("POST", "/v1/traces", body, key=self.key, headers=headers)
            self.assertEqual(reply.status, 200)
            self.assertEqual(dict(reply.headers)["Content-Type"], kind)
            if kind == PROTOBUF:
                response = ExportTraceServiceResponse.FromString(reply.body)
                self.assertFalse(response.HasField("partial_success"))
            else:
                self.assertEqual(reply.json, {})
            self.assertEqual(self.totals(), self.EXPECTED)
        self.assertEqual(self.metrics()['meter_otlp_spans_total{result="duplicate",reason=""}'], "6")

    def test_frames_and_events_of_the_same_agent_are_never_added(self):
        self.trace(self.exporter())
        runtime = self.server.key("ingest", platform=["acme"])
        self.server.send(runtime, [("acme", "support-bot", {"input_tokens": 5, "agent_calls": 1}, {})])
        self.assertEqual(self.totals(query="class=counted"), {"input_tokens": 5, "agent_calls": 1})
        self.assertEqual(self.totals(query=""), {"input_tokens": 5, "agent_calls": 1})
        self.assertEqual(self.totals(), self.EXPECTED)
        meter = self.server.call(
            "GET", "/api/v1/meters/input_tokens/query?groupBy=model&class=advisory", key=self.reader
        )
        self.assertEqual([row["value"] for row in meter.json["data"]], ["180"])

    def test_what_is_refused_is_told_as_others_read_it(self):
        for name, kind in (("export.pb", PROTOBUF), ("export.json", "application/json")):
            request = ExportTraceServiceRequest.FromString((FIXTURES / "export.pb").read_bytes())
            body = (FIXTURES / name).read_bytes()
            self.assertEqual(json.loads(as_json(request)), json.loads((FIXTURES / "export.json").read_text()))
            reply = self.server.call(
                "POST", "/v1/traces", body, key=self.key, headers={"Content-Type": kind}
            )
            self.assertEqual(reply.status, 200)
            if kind == PROTOBUF:
                partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
                rejected, message = partial.rejected_spans, partial.error_message
            else:
                partial = reply.json["partialSuccess"]
                rejected, message = int(partial["rejectedSpans"]), partial["errorMessage"]
            # One for its tokens; the others, if their time is not this week's.
            self.assertGreaterEqual(rejected, 1)
            self.assertIn("1 token-parts (tokens of the cache are parts", message)

    def test_failures_are_statuses(self):
        cases = [
            (None, b"", 401, 16), (self.reader, b"", 403, 7), (self.key, b"\xff", 400, 3),
            (self.key, b" " * ((4 << 20) + 1), 413, 8),
        ]
        for key, body, status, code in cases:
            for kind in (PROTOBUF, "application/json"):
                reply = self.server.call("POST", "/v1/traces", body, key=key, headers={"Content-Type": kind})
                self.assertEqual(reply.status, status)
                self.assertEqual(dict(reply.headers)["Content-Type"], kind)
                if kind == PROTOBUF:
                    told = Status.FromString(reply.body)
                    self.assertEqual(told.code, code)
                    self.assertTrue(told.message)
                else:
                    self.assertEqual(reply.json["code"], code)
                    self.assertTrue(reply.json["message"])

    def test_the_exporter_comes_again_after_429(self):
        """At its limit a tenant's spans wait in the exporter, which heeds Retry-After, and none is lost."""
        limits = {"tenant": "acme", "limits": {"events-per-second": 20}}
        self.assertEqual(self.server.call("PUT", "/admin/v1/limits", limits, admin=True).status, 200)
        kept = Kept()
        self.trace(kept, count=260)
        request = encode_spans(kept.spans).SerializeToString()
        # Overdraws the bucket; what follows has to wait.
        reply = self.server.call("POST", "/v1/traces", request, key=self.key, headers={"Content-Type": PROTOBUF})
        self.assertEqual(reply.status, 200)
        begin = time.monotonic()
        self.trace(self.exporter(), agent="late")
        self.assertEqual(self.totals("late"), self.EXPECTED)
        self.assertGreater(time.monotonic() - begin, 0.5)
        held = self.server.call("GET", "/metrics").text
        self.assertRegex(held, r'meter_frames_deferred_total\{transport="otlp",reason="[a-z-]+"\} [1-9]|'
                               r'meter_limited_total\{of="tenant",limit="events-per-second"\} [1-9]')

    def test_noise_does_no_harm(self):
        import random

        seeded = random.Random(7)
        whole = (FIXTURES / "export.pb").read_bytes()
        for _ in range(300):
            body = bytearray(whole)
            for _ in range(seeded.randrange(1, 4)):
                body[seeded.randrange(len(body))] = seeded.randrange(256)
            reply = self.server.call(
                "POST", "/v1/traces", bytes(body[: seeded.randrange(len(body))]), key=self.key,
                headers={"Content-Type": PROTOBUF},
            )
            self.assertIn(reply.status, (200, 400))
        self.trace(self.exporter(), agent="after")
        self.assertEqual(self.totals("after"), self.EXPECTED)

    def test_a_declaration_is_of_the_future(self):
        answer = self.server.call(
            "POST", "/admin/v1/counting", {"tenant": "acme", "counts": "otlp", "reason": "r"}, admin=True
        )
        self.assertEqual(answer.status, 201, answer.text)
        refused = self.server.call(
            "POST", "/admin/v1/counting",
            {"tenant": "acme", "counts": "otlp", "reason": "r", "from": "2026-01-01T00:00:00Z"}, admin=True,
        )
        self.assertEqual(refused.status, 409)
        listed = self.server.call("GET", "/admin/v1/counting", admin=True).json["declarations"]
        self.assertEqual([(d["state"], d["counts"]) for d in listed], [("planned", "otlp")])


if __name__ == "__main__":
    unittest.main()
