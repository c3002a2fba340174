package import MeterWire

/// Which events a void takes back: those for which every given condition holds, of what the journal had.
package struct VoidSelection: Equatable, Codable, Sendable {
    /// Only events of frames of this source that have the numbers `[from, to)`.
    package var source: SourceKey?
    package var from: UInt64?
    package var to: UInt64?
    /// Only events of batches that came with this id.
    package var identifier: IdentifierHash?
    package var tenant: Name?
    package var agent: Name?
    /// Only events of the minutes `[start, end)`.
    package var start: Minute?
    package var end: Minute?
    /// What came from this journal position on is not meant.
    package let position: UInt64
    /// Voids whose events are not taken once more.
    package var besides: [UInt64] = []

    package init(position: UInt64) { self.position = position }
}

extension VoidSelection {
    /// Whether the conditions hold for an event.
    func covers(_ event: KeptEvent) -> Bool {
        guard event.position < position else { return false }
        if let source {
            guard case .sequence(let id, let number) = event.identity,
                source == SourceKey(principal: event.principal, source: id),
                sequences.contains(number)
            else { return false }
        }
        if let identifier {
            guard case .identifier(let identity) = event.identity, identity.hash == identifier
            else { return false }
        }
        if let tenant, tenant != event.series.tenant { return false }
        if let agent, agent != event.series.agent { return false }
        return times.contains(event.time)
    }

    private var sequences: Range<UInt64> {
        let first = from ?? 0
        return first..<max(first, to ?? .max)
    }

    private var times: Range<Timestamp> {
        let first = start?.start ?? Timestamp(milliseconds: 0)
        return first..<max(first, end?.start ?? Timestamp(milliseconds: .max))
    }

    /// What of the kept journal has to be read to find them.
    var kept: KeptSelection {
        var selection = KeptSelection()
        if let source { selection.sequences = KeptSelection.Sequences(source, sequences) }
        if let identifier { selection.identifiers = [identifier] }
        selection.tenants = tenant.map { [$0] }
        selection.agents = agent.map { [$0] }
        if start != nil || end != nil { selection.times = times }
        selection.span = JournalSpan(from: 0, to: position)
        return selection
    }
}

/// Which void took which event back: each is of one at most that is in force.
struct VoidedEvents {
    private var voids: [(number: UInt64, selection: VoidSelection, isReverted: Bool)] = []

    init(_ book: BookState) {
        for standing in book.billing.corrections.values {
            guard let selection = standing.voids else { continue }
            voids.append((standing.number, selection, standing.isReverted))
        }
        voids.sort { $0.number < $1.number }
    }

    /// The void in force that took an event back.
    func void(of event: KeptEvent) -> UInt64? {
        // Also of those that were reverted, since what one took the later ones left.
        var takers: [UInt64] = []
        var found: UInt64?
        for void in voids where void.selection.covers(event) {
            if takers.contains(where: void.selection.besides.contains) { continue }
            takers.append(void.number)
            if !void.isReverted { found = void.number }
        }
        return found
    }
}
