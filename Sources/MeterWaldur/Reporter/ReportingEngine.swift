package import Meter

/// What the reporter needs of the engine: the book, and answers that are durable.
package protocol ReportingEngine: Sendable {
    /// Every decision that is durable.
    var bookState: BookState { get }
    /// Appends decisions, all or none; they are durable when this returns.
    func decide(_ decisions: [Decision], author: String) async throws(ReporterTrouble)
    /// The usage that a query asks for, exact at a position that is durable.
    func usage(_ query: UsageQuery) async throws(ReporterTrouble) -> UsageAnswer
}
