package import MeterWire

/// Which events of the kept journal are asked for: those for which every given condition holds.
package struct KeptSelection: Sendable {
    /// Only events of frames of this source that have these numbers.
    package var sequences: Sequences?
    /// Only events of batches that have one of these ids.
    package var identifiers: Set<IdentifierHash>?
    /// Only what this principal sent.
    package var principal: PrincipalID?
    package var tenants: Set<Name>?
    package var agents: Set<Name>?
    /// An element nil stands for events that name no access.
    package var accesses: Set<AccessID?>?
    /// Only events that happened in this time, by their own clock.
    package var times: Range<Timestamp>?
    /// Only records that begin in this span of the journal.
    package var span: JournalSpan?
    /// Also events that were not counted: refused, in conflict, repeated.
    package var includesUncounted = false
    /// Take what there is where a part of what is asked for is kept no longer.
    package var allowsPartial = false

    /// Numbers of one source.
    package struct Sequences: Hashable, Sendable {
        package var source: SourceKey
        package var range: Range<UInt64>

        package init(_ source: SourceKey, _ range: Range<UInt64>) {
            self.source = source
            self.range = range
        }
    }

    /// Everything that was counted.
    package init() {}
}

extension KeptSelection {
    /// Whether events may be named one by one, so that it shows which of them are not there.
    var namesEvents: Bool { sequences != nil || identifiers != nil }

    /// Whether a record can have a selected event, by what stands before its payload.
    func mayWant(_ record: KeptRecord) -> Bool {
        if let principal, principal != record.principal { return false }
        if let span, record.position < span.from || record.position >= span.to { return false }
        switch record.origin {
        case .frame(let source, let firstSequence):
            if identifiers != nil { return false }
            guard let sequences else { return true }
            let end = firstSequence &+ UInt64(record.eventCount)
            return sequences.source == SourceKey(principal: record.principal, source: source)
                && sequences.range.lowerBound < end && firstSequence < sequences.range.upperBound
        case .batch(let identities):
            if sequences != nil { return false }
            guard let identifiers else { return true }
            return identities.contains { identifiers.contains($0.hash) }
        }
    }

    func wants(_ identity: KeptEvent.Identity) -> Bool {
        switch identity {
        case .sequence(_, let number):
            sequences.map { $0.range.contains(number) } ?? true
        case .identifier(let identity):
            identifiers.map { $0.contains(identity.hash) } ?? true
        }
    }
}
