internal import Meter
internal import MeterWaldur
internal import MeterWire

extension AdjustmentPlanning {
    /// Events that were counted should not have been.
    func void(_ fields: RequestFields) async throws(Problem) -> AdjustmentDraft {
        let book = ledger.source.book
        let voided = try await voided(try selection(fields), book)
        guard voided.eventCount > 0 else {
            throw .precondition(
                voided.voidedCount == 0
                    ? "No event of these was counted."
                    : voided.voidedCount == 1
                        ? "The event is voided already."
                        : "All \(voided.voidedCount) of these events are voided already."
            )
        }
        guard !voided.lines.isEmpty else {
            throw .precondition("The events have no amounts that could be taken away.")
        }
        let earliest = try earliest
        for line in voided.lines where line.minute.start < earliest.start(in: ledger.zone) {
            throw .precondition(
                "Some of the events lie before \(earliest), which is not corrected any more."
            )
        }
        try await refuseBelowZero(voided.lines, book)
        let plan = try plan(.void, voided.lines, book, voids: voided.selection)
        return .usage(plan, voided)
    }

    /// All events of a file go, or none: what else took some of them back is taken back first.
    func revert(
        _ standing: BackfillStanding,
        _ book: BookState
    ) async throws(Problem) -> AdjustmentDraft {
        let number = standing.begun.number
        if standing.isReverted {
            throw .precondition("Backfill \(number) is taken back already.")
        }
        guard standing.done != nil, let source = standing.source else {
            throw .precondition("Backfill \(number) is not finished; apply its file again first.")
        }
        var selection = VoidSelection(position: events.durable)
        selection.source = source
        selection.to = standing.begun.eventCount
        let voided = try await voided(selection, book)
        if let other = voided.selection.besides.first {
            throw .precondition(
                "Adjustment \(other) voids \(voided.voidedCount) of its events; take that back first."
            )
        }
        try await refuseBelowZero(voided.lines, book)
        let plan = try plan(
            .revert,
            voided.lines,
            book,
            reverts: number,
            voids: voided.selection
        )
        return .usage(plan, voided)
    }

    /// By numbers of a source, by the id of an event, or by agent and time.
    private func selection(_ fields: RequestFields) throws(Problem) -> VoidSelection {
        var selection = VoidSelection(position: events.durable)
        let source = try fields.optional("source")
        let id = try fields.optional("eventID")
        let tenant = try fields.optional("tenant")
        let principal = try fields.natural("principal").map { PrincipalID(rawValue: $0) }
        switch (source, id, tenant) {
        case (let text?, nil, nil):
            guard let source = SourceID(text) else {
                throw .badBody("`source` is 32 hexadecimal digits.")
            }
            let first = try fields.natural("firstSequence") ?? 0
            let last = try fields.natural("lastSequence")
            if let last, last < first || last == .max {
                throw .badBody("`lastSequence` is not before `firstSequence`.")
            }
            selection.source = try key(of: source, principal)
            selection.from = first
            selection.to = last.map { $0 + 1 }
        case (nil, let id?, nil):
            guard let principal, let source = try fields.optional("eventSource") else {
                throw .badBody("An event's id needs its `eventSource` and its `principal`, too.")
            }
            selection.identifier =
                identifiers.identity(principal: principal, source: source, id: id, content: [])
                .hash
        case (nil, nil, _?):
            selection.tenant = try fields.name("tenant")
            selection.agent = try fields.name("agent")
            guard let start = try fields.minute("from"), let end = try fields.minute("to"),
                start < end
            else { throw .badBody("An agent's events need `from` and a later `to`.") }
            selection.start = start
            selection.end = end
        default:
            throw .badBody("Say one of `source`, `eventID`, and `tenant` with `agent`.")
        }
        return selection
    }

    /// The one source of this number, or that of a principal.
    private func key(
        of source: SourceID,
        _ principal: PrincipalID?
    ) throws(Problem) -> SourceKey {
        if let principal { return SourceKey(principal: principal, source: source) }
        let known = events.sources().map(\.key).filter { $0.source == source }
        guard let key = known.first, known.count == 1 else {
            throw .precondition(
                known.isEmpty
                    ? "There is no source \(source); see `meterctl sources list`."
                    : "Several principals have a source \(source); name the `principal`, too."
            )
        }
        return key
    }

    /// Reading files takes time: not on the threads that serve connections.
    @concurrent
    private func voided(
        _ selection: VoidSelection,
        _ book: BookState
    ) async throws(Problem) -> VoidedUsage {
        do throws(VoidFailure) {
            return try VoidedUsage(selection, in: events, book: book)
        } catch {
            switch error {
            case .journal(.notKept(let gone)):
                throw .precondition("The events cannot be looked up: \(gone).")
            case .journal(let error):
                throw .unavailable("The journal cannot be read: \(error).")
            case .damage(let damage):
                throw .unavailable(
                    "The journal is damaged, and nothing is voided by what is left: \(damage)."
                )
            case .tooManyLines:
                throw .precondition(
                    "More than \(VoidedUsage.lineCountMax) minutes of agents and components; void less "
                        + "at once."
                )
            case .ledger(let error): throw .precondition("The events cannot be added up: \(error).")
            }
        }
    }
}
