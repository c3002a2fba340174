internal import Meter
internal import MeterWire

/// `POST /v1/traces`: spans of OpenTelemetry in (OTLP/HTTP), of which those of calls of models are usage.
struct TracesRoute {
    let sink: any EventSink
    let hash: IdentifierHash
    let counters: APICounters
    /// Milliseconds behind its arrival from which an accepted event counts as *behind*.
    let behindMilliseconds: Int64
    /// Spans of generative AI in one request.
    let spanCountMax: Int
    let bodyByteCountMax: Int

    private static let mediaTypes = TracesEncoding.allCases.map(\.rawValue)
        .joined(separator: " or ")

    var route: APIRoute {
        APIRoute(
            .post,
            "/v1/traces",
            scopes: .ingest,
            bodyByteCountMax: bodyByteCountMax,
            takesGzip: true,
            failure: { problem, path, type in
                TracesEncoding(rawValue: type)?.failure(problem)
                    ?? .problem(problem, instance: path)
            },
            handler: { call async throws(Problem) in try await answer(call) }
        )
    }

    private func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        guard case .holder(let credential) = call.caller else { throw .unauthenticated }
        try call.query.allow([])
        guard let encoding = TracesEncoding(rawValue: call.contentType) else {
            throw .mediaType(Self.mediaTypes)
        }
        let export = try read(call.body, encoding)
        let principal = credential.principal
        let mapping = SpanMapping(
            tenant: principal.kind.onlyTenant,
            principal: principal.id,
            hash: hash
        )
        var ignored: [SpanMapping.Ignored: Int] = [.notGenAI: export.otherSpanCount]
        var calls: [Result<EventDelivery.Item, ItemRefusal>] = []
        for (span, resource) in export.spans {
            switch mapping.result(span, resource) {
            case .ignored(let reason): ignored[reason, default: 0] += 1
            case .refused(let refusal): calls.append(.failure(refusal))
            case .call(let event, let identity):
                calls.append(.success(EventDelivery.Item(usage: event, identity: identity)))
            }
        }
        let delivery = EventDelivery(
            sink: sink,
            transport: .otlp,
            behindMilliseconds: behindMilliseconds
        )
        let outcomes = try await delivery.deliver(calls, from: principal.id)
        for (reason, count) in ignored where count > 0 {
            counters.toldSpans("ignored", reason.rawValue, count: count)
        }
        return answer(outcomes, encoding)
    }

    private func read(
        _ body: [UInt8],
        _ encoding: TracesEncoding
    ) throws(Problem) -> SpanExport {
        do throws(SpanExport.Failure) {
            switch encoding {
            case .protobuf: return try SpanProtobuf.read(body, spanCountMax: spanCountMax)
            case .json: return try SpanJSON.read(body, spanCountMax: spanCountMax)
            }
        } catch {
            switch error {
            case .malformed(let reason):
                throw .badBody("The body is no ExportTraceServiceRequest: \(reason).")
            case .tooMany(let limit):
                throw Problem(
                    "too-many-events",
                    status: 413,
                    title: "The body has too many spans",
                    detail:
                        "At most \(limit) spans of generative AI a request; export smaller batches."
                )
            }
        }
    }

    /// What is not counted is told by reason, the most frequent first, with what to do about that one.
    private func answer(
        _ outcomes: [EventDelivery.Outcome],
        _ encoding: TracesEncoding
    ) -> APIAnswer {
        var counts: [EventResults.Line: (count: Int, detail: String)] = [:]
        for outcome in outcomes {
            let (line, detail) = EventResults.line(outcome)
            counts[line, default: (0, detail ?? "")].count += 1
        }
        for (line, count) in counts {
            counters.toldSpans(line.outcome, line.reason, count: count.count)
        }
        let rejected = counts.filter { ["refused", "in-conflict"].contains($0.key.outcome) }
            .sorted { ($1.value.count, $0.key.reason) < ($0.value.count, $1.key.reason) }
        let count = rejected.reduce(0) { $0 + $1.value.count }
        let reasons = rejected.map { line, count in
            let name = line.reason.isEmpty ? line.outcome : line.reason
            return "\(count.count) \(name) (\(count.detail))"
        }
        return encoding.answer(
            rejected: count,
            message: "\(count) of \(outcomes.count) calls are not counted: "
                + reasons.joined(separator: "; ")
        )
    }
}
