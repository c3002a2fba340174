import MeterWire

@testable import Meter

/// The year's events as those of a kept journal, each in a record of its own.
struct SentEvents: KeptEventLookup {
    let sent: [YearWorld.Sent]

    var durable: UInt64 { UInt64(sent.count) }
    func sources() -> [SourceSummary] { [] }

    /// All of them: whoever asks has to look which are meant.
    func keptEvents<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptEvent) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading {
        for (position, sent) in sent.enumerated() {
            let time = sent.event.minute.start
            let event = KeptEvent(
                position: UInt64(position),
                index: 0,
                principal: sent.source.principal,
                identity: .sequence(sent.source.source, sent.number),
                receivedAt: time,
                transport: .tcp,
                outcome: .accepted,
                series: SeriesName(tenant: sent.event.tenant, agent: sent.event.agent),
                time: time,
                ended: .ok,
                amounts: [.init(component: sent.event.component, amount: sent.event.amount)]
            )
            do throws(Failure) {
                try body(event)
            } catch {
                throw .body(error)
            }
        }
        return KeptReading()
    }
}
