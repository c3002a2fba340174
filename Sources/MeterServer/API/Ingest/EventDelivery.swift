package import Meter
package import MeterWire

/// Events of one request on their way to the engine, in the frame's event coding.
package struct EventsToIngest: Sendable {
    package var transport: Transport
    /// Dictionary and events, as in a frame's payload.
    package var payload: [UInt8]
    /// Time of the first event, milliseconds since 1970.
    package var baseTime: Int64
    /// By what each event is known again.
    package var identities: [EventIdentity]
}

/// The way into the engine, as the routes see it.
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

/// Hands the events of one request to the engine, in as many batches as their coding needs.
struct EventDelivery {
    /// An event, and by what it is known again.
    struct Item {
        var usage: UsageEvent
        var identity: EventIdentity
    }

    enum Outcome {
        case pending
        case decided(ItemOutcome, isBehind: Bool)
        case refused(String, String)
    }

    let sink: any EventSink
    let transport: Transport
    /// Milliseconds behind its arrival from which an accepted event is told to be *behind*.
    let behindMilliseconds: Int64

    /// Hands over the events that could be read; what could not is refused as it says.
    ///
    /// An identity that is in the request twice is dealt with by the engine, like any other.
    ///
    /// - Returns: An outcome for each event, in order.
    /// - Throws: ``Problem`` when some of the request was not decided: the caller sends all of it again.
    func deliver(
        _ events: [Result<Item, ItemRefusal>],
        from principal: PrincipalID
    ) async throws(Problem) -> [Outcome] {
        var outcomes = events.map { event in
            switch event {
            case .success: Outcome.pending
            case .failure(let refusal): Outcome.refused(refusal.reason.rawValue, refusal.detail)
            }
        }
        var encoder = PayloadEncoder(byteCountMax: WireLimits.frameByteCountMax / 2)
        var members: [(index: Int, item: Item)] = []
        for (index, event) in events.enumerated() {
            guard case .success(let item) = event else { continue }
            var appended = encoder.append(item.usage)
            if appended == .full {
                try await send(&encoder, &members, &outcomes, principal)
                appended = encoder.append(item.usage)
            }
            if case .invalid(let defect) = appended {
                outcomes[index] = .refused(RefusalReason.malformed.name, defect.description)
            } else {
                members.append((index, item))
            }
        }
        try await send(&encoder, &members, &outcomes, principal)
        return outcomes
    }

    private func send(
        _ encoder: inout PayloadEncoder,
        _ members: inout [(index: Int, item: Item)],
        _ outcomes: inout [Outcome],
        _ principal: PrincipalID
    ) async throws(Problem) {
        guard !members.isEmpty else { return }
        let behind = sink.now().advanced(byMilliseconds: -behindMilliseconds)
        let decided = try await sink.ingest(
            EventsToIngest(
                transport: transport,
                payload: encoder.payload(),
                baseTime: encoder.baseTime,
                identities: members.map(\.item.identity)
            ),
            from: principal
        )
        guard decided.count == members.count else { throw .internalError }
        for (member, outcome) in zip(members, decided) {
            outcomes[member.index] = .decided(outcome, isBehind: member.item.usage.time < behind)
        }
        encoder.removeAll()
        members.removeAll(keepingCapacity: true)
    }
}

extension Principal.Kind {
    /// The tenant of what names none: the only one that there could be.
    var onlyTenant: String? {
        switch self {
        case .tenant(let name): name.description
        case .platform(let tenants): tenants.count == 1 ? tenants.first?.description : nil
        case .platformForAll: nil
        }
    }
}
