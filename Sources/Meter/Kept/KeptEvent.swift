package import MeterWire

/// A frame or batch of the kept journal, with what was decided when it came.
package struct KeptRecord: Sendable {
    package enum Origin: Sendable {
        /// The first event has this number, the others follow.
        case frame(SourceID, firstSequence: UInt64)
        /// One for each event, in order.
        case batch([EventIdentity])
    }

    /// Of its first byte in the journal.
    package let position: UInt64
    package let end: UInt64
    package let principal: PrincipalID
    package let receivedAt: Timestamp
    package let transport: Transport
    package let origin: Origin
    /// How the counters took it.
    package let verdict: Verdict
    /// How many events it says to have, also where nobody could read them.
    package let eventCount: Int
    private let batchOutcomes: [ItemOutcome]?

    init(_ record: FrameRecord, _ journalled: JournalRecord) {
        position = journalled.position
        end = journalled.end
        principal = record.principal
        receivedAt = record.receivedAt
        transport = record.transport
        origin = .frame(record.header.source, firstSequence: record.header.firstSequence)
        verdict = record.verdict
        eventCount = record.header.eventCount
        batchOutcomes = nil
    }

    init(_ record: BatchRecord, _ journalled: JournalRecord) {
        position = journalled.position
        end = journalled.end
        principal = record.principal
        receivedAt = record.receivedAt
        transport = record.transport
        origin = .batch(record.identities)
        verdict = record.verdict
        eventCount = record.outcomes.count
        batchOutcomes = record.outcomes
    }

    /// What was decided of each event, in order.
    package var outcomes: [ItemOutcome] { batchOutcomes ?? verdict.itemOutcomes(count: eventCount) }

    func identity(of index: Int) -> KeptEvent.Identity {
        switch origin {
        case .frame(let source, let firstSequence):
            .sequence(source, firstSequence &+ UInt64(index))
        case .batch(let identities): .identifier(identities[index])
        }
    }
}

/// One event of the kept journal.
///
/// Who used the agent, and which model, is not in it: details are erased from their own files, and what
/// was erased there must not come back by this way.
package struct KeptEvent: Sendable {
    package enum Identity: Hashable, Sendable {
        case sequence(SourceID, UInt64)
        /// Of an event that came with an id: hashes, never the id itself.
        case identifier(EventIdentity)
    }

    package struct Amount: Equatable, Sendable {
        package let component: Name
        /// In the component's smallest unit.
        package let amount: UInt64
    }

    /// Of the frame or batch that it came in.
    package let position: UInt64
    /// Its place there, from 0.
    package let index: Int
    package let principal: PrincipalID
    package let identity: Identity
    package let receivedAt: Timestamp
    package let transport: Transport
    /// What was decided when it came.
    package let outcome: ItemOutcome
    /// Whose usage it is.
    package let series: SeriesName
    /// When it happened.
    package let time: Timestamp
    /// How the call ended.
    package let ended: Outcome
    package let amounts: [Amount]

    /// Whether its amounts are in the counters.
    package var isCounted: Bool { outcome == .accepted }
}
