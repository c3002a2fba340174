package import Meter
package import MeterWire

/// Events of one request on their way to the engine, in the frame's event coding.
package struct EventsToIngest: Sendable {
    /// Dictionary and events, as in a frame's payload.
    package var payload: [UInt8]
    /// Time of the first event, milliseconds since 1970.
    package var baseTime: Int64
    /// By what each event is known again.
    package var identities: [EventIdentity]
}

/// The way into the engine, as the events route sees it.
package protocol EventSink: Sendable {
    /// The moment, by the server's clock.
    func now() -> Timestamp
    /// Hands events over; returns after what was accepted is durable.
    ///
    /// - Returns: an outcome for each event, in order.
    /// - Throws: ``Problem`` with 429 or 503 when nothing was decided: the caller sends them again.
    func ingest(
        _ events: EventsToIngest,
        from principal: PrincipalID
    ) async throws(Problem) -> [ItemOutcome]
}

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
        let outcomes = try await ingest(events, from: credential.principal.id)
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
        var rules = CloudEventRules(eventCountMax: eventCountMax)
        switch principal.kind {
        case .tenant(let name): rules.tenant = name.description
        case .platform(let tenants) where tenants.count == 1:
            rules.tenant = tenants.first?.description
        case .platform, .platformForAll: break
        }
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

    /// Hands over the events that could be read, in as many batches as their coding needs.
    ///
    /// An identity that is in the request twice is dealt with by the engine, like any other.
    private func ingest(
        _ events: [CloudEvent],
        from principal: PrincipalID
    ) async throws(Problem) -> [Outcome] {
        var outcomes = events.map { event in
            switch event.result {
            case .success: Outcome.pending
            case .failure(let refusal): Outcome.refused(refusal.reason.rawValue, refusal.detail)
            }
        }
        var encoder = PayloadEncoder(byteCountMax: WireLimits.frameByteCountMax / 2)
        var members: [Int] = []
        for (index, event) in events.enumerated() {
            guard case .success(let usage) = event.result else { continue }
            var appended = encoder.append(usage)
            if appended == .full {
                try await send(&encoder, &members, events, &outcomes, principal)
                appended = encoder.append(usage)
            }
            if case .invalid(let defect) = appended {
                outcomes[index] = .refused(RefusalReason.malformed.name, defect.description)
            } else {
                members.append(index)
            }
        }
        try await send(&encoder, &members, events, &outcomes, principal)
        return outcomes
    }

    private func send(
        _ encoder: inout PayloadEncoder,
        _ members: inout [Int],
        _ events: [CloudEvent],
        _ outcomes: inout [Outcome],
        _ principal: PrincipalID
    ) async throws(Problem) {
        guard !members.isEmpty else { return }
        let identities = members.compactMap { index -> EventIdentity? in
            guard case .success(let usage) = events[index].result else { return nil }
            return hash.identity(
                principal: principal,
                source: events[index].source ?? "",
                id: events[index].id ?? "",
                content: usage.normalisedContent
            )
        }
        let behind = sink.now().advanced(byMilliseconds: -behindMilliseconds)
        let decided = try await sink.ingest(
            EventsToIngest(
                payload: encoder.payload(),
                baseTime: encoder.baseTime,
                identities: identities
            ),
            from: principal
        )
        guard decided.count == members.count else { throw .internalError }
        for (index, outcome) in zip(members, decided) {
            guard case .success(let usage) = events[index].result else { continue }
            outcomes[index] = .decided(outcome, isBehind: usage.time < behind)
        }
        encoder.removeAll()
        members.removeAll(keepingCapacity: true)
    }

    enum Outcome {
        case pending
        case decided(ItemOutcome, isBehind: Bool)
        case refused(String, String)
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
