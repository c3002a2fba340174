internal import Meter
internal import MeterWire

/// `POST /api/v1/events`: CloudEvents in, an outcome for each event out, after the journal is synced.
struct EventsRoute {
    let sink: any EventSink
    let hash: IdentifierHash
    let counters: APICounters
    /// Milliseconds behind its arrival from which an accepted event is told to be *behind*.
    let behindMilliseconds: Int64
    let eventCountMax: Int
    let bodyByteCountMax: Int

    static let single = "application/cloudevents+json"
    static let batch = "application/cloudevents-batch+json"

    var route: APIRoute {
        APIRoute(
            .post,
            "/api/v1/events",
            scopes: .ingest,
            bodyByteCountMax: bodyByteCountMax
        ) { call async throws(Problem) in try await answer(call) }
    }

    private func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        guard case .holder(let credential) = call.caller else { throw .unauthenticated }
        guard [Self.single, Self.batch, "application/json"].contains(call.contentType) else {
            throw .mediaType("\(Self.single), \(Self.batch) or application/json")
        }
        let (events, isBatch) = try read(call, credential.principal)
        guard call.contentType != Self.single || !isBatch else {
            throw .badBody("\(Self.single) is one event, not an array; send \(Self.batch).")
        }
        guard call.contentType != Self.batch || isBatch else {
            throw .badBody("\(Self.batch) is an array of events; send \(Self.single) for one.")
        }
        let principal = credential.principal.id
        let delivery = EventDelivery(
            sink: sink,
            transport: .http,
            behindMilliseconds: behindMilliseconds
        )
        let outcomes = try await delivery.deliver(
            events.map { event in
                event.result.map { usage in
                    EventDelivery.Item(
                        usage: usage,
                        identity: hash.identity(
                            principal: principal,
                            source: event.source ?? "",
                            id: event.id ?? "",
                            content: usage.normalisedContent
                        )
                    )
                }
            },
            from: principal
        )
        let results = EventResults(events: events, outcomes: outcomes)
        for (line, count) in results.counts {
            counters.told(line, count: count)
        }
        return results.answer(isBatch: isBatch, path: call.path)
    }

    private func read(
        _ call: APICall,
        _ principal: Principal
    ) throws(Problem) -> (events: [CloudEvent], isBatch: Bool) {
        let rules = CloudEventRules(
            eventCountMax: eventCountMax,
            tenant: principal.kind.onlyTenant
        )
        do throws(CloudEventReader.Failure) {
            return try CloudEventReader.read(call.body, rules: rules)
        } catch {
            switch error {
            case .notJSON(let reason): throw .badBody("The body is not JSON: \(reason).")
            case .notEvents: throw .badBody("The body is a CloudEvent or an array of CloudEvents.")
            case .tooMany(let limit):
                throw Problem(
                    "too-many-events",
                    status: 413,
                    title: "The body has too many events",
                    detail: "At most \(limit) events a request; send them in several requests."
                )
            }
        }
    }
}

extension IdentifierHash {
    /// What the engine remembers of an event: what CloudEvents makes unique, within the principal.
    func identity(
        principal: PrincipalID,
        source: String,
        id: String,
        content: [UInt8]
    ) -> EventIdentity {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16 + source.utf8.count + id.utf8.count)
        for number in [principal.rawValue, UInt64(source.utf8.count)] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        bytes.append(contentsOf: source.utf8)
        bytes.append(contentsOf: id.utf8)
        let (high, low) = hash(bytes)
        return EventIdentity(high: high, low: low, content: hash(content).high)
    }
}

extension UsageEvent {
    /// The event as bytes: equal for equal events. Amounts are in the order that they have here.
    var normalisedContent: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ number: UInt64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        func append(_ text: String?) {
            append(text.map { UInt64($0.utf8.count) } ?? .max)
            if let text { bytes.append(contentsOf: text.utf8) }
        }
        append(UInt64(bitPattern: time.milliseconds))
        append(tenant)
        append(agent)
        append(access?.description)
        append(model)
        append(user)
        bytes.append(outcome.rawValue)
        append(durationMilliseconds ?? .max)
        for amount in amounts {
            append(amount.component)
            append(amount.amount)
        }
        return bytes
    }
}
