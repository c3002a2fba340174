internal import MeterWire

extension KeptJournal {
    /// Hands out the selected events one by one, in the order in which they were admitted.
    ///
    /// - Throws: ``KeptJournalError``, as ``records(_:_:)`` does.
    /// - Complexity: as ``records(_:_:)``; names are made once for each frame or batch.
    package func events<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptEvent) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading {
        var filter = EventFilter(selection)
        var count: UInt64 = 0
        var reading = try records(selection) {
            (record: KeptRecord, batch: borrowing EventBatch) throws(Failure) in
            filter.begin(batch)
            guard filter.wantsAnyAgent else { return }
            let outcomes = record.outcomes
            for index in 0..<batch.eventCount {
                let outcome = outcomes[index]
                guard outcome == .accepted || selection.includesUncounted else { continue }
                let identity = record.identity(of: index)
                guard selection.wants(identity),
                    let wanted = filter.event(at: index, of: batch, by: record.transport.way)
                else { continue }
                count += 1
                try body(
                    KeptEvent(
                        position: record.position, index: index, principal: record.principal,
                        identity: identity, receivedAt: record.receivedAt,
                        transport: record.transport, outcome: outcome, series: wanted.series,
                        time: wanted.time, ended: wanted.ended, amounts: wanted.amounts))
            }
        }
        reading.eventCount = count
        return reading
    }
}

/// Finds the selected events of decoded batches, one batch after the other.
private struct EventFilter {
    private let selection: KeptSelection
    /// Of the batch's agents; nil where its events are not wanted.
    private var agents: [AgentKey?] = []
    private var components: [Name] = []

    init(_ selection: KeptSelection) { self.selection = selection }

    var wantsAnyAgent: Bool { agents.contains { $0 != nil } }

    mutating func begin(_ batch: borrowing EventBatch) {
        agents.removeAll(keepingCapacity: true)
        var tenants: [Name?] = []
        for index in unsafe batch.tenants.indices {
            let name = unsafe batch.name(batch.tenants[index])
            tenants.append(selection.tenants?.contains(name) ?? true ? name : nil)
        }
        for index in unsafe batch.agents.indices {
            let agent = unsafe batch.agents[index]
            guard let tenant = tenants[Int(agent.tenant)] else {
                agents.append(nil)
                continue
            }
            let name = batch.name(agent.name)
            let isWanted = selection.agents?.contains(name) ?? true
            agents.append(isWanted ? AgentKey(tenant: tenant, agent: name) : nil)
        }
        components.removeAll(keepingCapacity: true)
        for index in unsafe batch.components.indices {
            components.append(unsafe batch.name(batch.components[index]))
        }
    }

    func event(
        at index: Int, of batch: borrowing EventBatch, by way: UsageWay
    ) -> (series: SeriesName, time: Timestamp, ended: Outcome, amounts: [KeptEvent.Amount])? {
        let event = unsafe batch.events[index]
        guard let agent = agents[Int(event.agent)] else { return nil }
        let time = Timestamp(milliseconds: event.time)
        if let times = selection.times, !times.contains(time) { return nil }
        let access = event.access < 0 ? nil : unsafe batch.accesses[Int(event.access)]
        if let accesses = selection.accesses, !accesses.contains(access) { return nil }
        let shape = unsafe batch.shapes[Int(event.shape)]
        var amounts: [KeptEvent.Amount] = []
        amounts.reserveCapacity(Int(shape.count))
        for place in 0..<Int(shape.count) {
            let component = unsafe batch.shapeComponents[Int(shape.first) + place]
            amounts.append(
                KeptEvent.Amount(
                    component: components[Int(component)],
                    amount: unsafe batch.amounts[Int(event.firstAmount) + place]))
        }
        let series = SeriesName(
            tenant: agent.tenant, agent: agent.agent, access: access, way: way)
        // Decoding has refused what is none.
        return (series, time, Outcome(rawValue: event.outcome) ?? .ok, amounts)
    }
}
