import MeterWaldur
import MeterWire

@testable import Meter

/// The engine's amounts as events of a kept journal, each in a record of its own.
struct YearJournal: KeptEventLookup {
    private static let source = SourceKey(
        principal: PrincipalID(rawValue: 1),
        source: SourceID(high: 0, low: 1)
    )
    private let amounts: [FakeEngine.Amount]

    init(_ engine: FakeEngine) { amounts = engine.durable }

    var durable: UInt64 { UInt64(amounts.count) }
    func sources() -> [SourceSummary] { [] }

    func keptEvents<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptEvent) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading {
        var reading = KeptReading()
        for (position, amount) in amounts.enumerated() {
            let time = amount.minute.start
            guard selection.tenants?.contains(amount.tenant) ?? true,
                selection.agents?.contains(amount.agent) ?? true,
                selection.times?.contains(time) ?? true
            else { continue }
            reading.eventCount += 1
            let event = KeptEvent(
                position: UInt64(position),
                index: 0,
                principal: Self.source.principal,
                identity: .sequence(Self.source.source, UInt64(position)),
                receivedAt: time,
                transport: .udp,
                outcome: .accepted,
                series: SeriesName(
                    tenant: amount.tenant,
                    agent: amount.agent,
                    access: amount.access
                ),
                time: time,
                ended: amount.outcome,
                amounts: [.init(component: amount.component, amount: amount.amount)]
            )
            do throws(Failure) {
                try body(event)
            } catch {
                throw .body(error)
            }
        }
        return reading
    }
}
