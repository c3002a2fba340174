internal import MeterWire

/// What a void would take back, by the kept journal.
package struct VoidedUsage: Sendable {
    /// With the voids whose events it leaves.
    package private(set) var selection: VoidSelection
    /// Below zero each, sorted; none where the events have no amounts.
    package private(set) var lines: [CorrectionLine] = []
    package private(set) var eventCount: UInt64 = 0
    /// Selected events that other voids took back.
    package private(set) var voidedCount: UInt64 = 0

    /// Minutes of agents and components that one void may have.
    package static let lineCountMax = 100_000
}

/// Why it cannot be said what a void would take back.
package enum VoidFailure: Error {
    case journal(KeptJournalError<Never>)
    /// Nothing is voided by what is left of a damaged journal.
    case damage(String)
    case tooManyLines
    case ledger(LedgerError)
}

extension VoidedUsage {
    /// Looks the events up; those that a void has taken back already stay that void's.
    ///
    /// - Complexity: as ``KeptJournal/events(_:_:)``, and for each event O(voids in the book).
    package init(
        _ selection: VoidSelection,
        in events: any KeptEventLookup,
        book: BookState
    ) throws(VoidFailure) {
        self.selection = selection
        let voided = VoidedEvents(book)
        var others: Set<UInt64> = []
        var amounts: [CorrectionCell: UInt128] = [:]
        let reading: KeptReading
        do throws(KeptJournalError<TooMany>) {
            reading = try events.keptEvents(selection.kept) { (event) throws(TooMany) in
                guard selection.covers(event), let minute = Minute(event.time) else { return }
                if let other = voided.void(of: event) {
                    others.insert(other)
                    voidedCount += 1
                    return
                }
                eventCount += 1
                for amount in event.amounts where amount.amount > 0 {
                    let cell = CorrectionCell(
                        tenant: event.series.tenant,
                        agent: event.series.agent,
                        access: event.series.access,
                        component: amount.component,
                        minute: minute,
                        outcome: event.ended,
                        way: event.series.way
                    )
                    amounts[cell, default: 0] += UInt128(amount.amount)
                }
                if amounts.count > Self.lineCountMax { throw TooMany() }
            }
        } catch {
            switch error {
            case .body: throw .tooManyLines
            case .journal(let error): throw .journal(.journal(error))
            case .notKept(let error): throw .journal(.notKept(error))
            }
        }
        if let damage = reading.damage.first { throw .damage(damage.description) }
        self.selection.besides = others.sorted()
        do throws(LedgerError) {
            var negative: [CorrectionCell: LedgerAmount] = [:]
            for (cell, amount) in amounts {
                negative[cell] = LedgerAmount(-(try LedgerAmount(total: amount).rawValue))
            }
            lines = CorrectionPlan.lines(negative)
        } catch {
            throw .ledger(error)
        }
    }

    private struct TooMany: Error {}
}
