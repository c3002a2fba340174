/// Where the events of the kept journal are looked up.
package protocol KeptEventLookup: Sendable {
    /// Up to which journal position there is anything to be found.
    var durable: UInt64 { get }
    /// Every source, by principal and source.
    func sources() -> [SourceSummary]
    /// Hands out the selected events, in the order in which they were admitted.
    func keptEvents<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptEvent) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading
}

extension Engine: KeptEventLookup {}
