internal import Meter
internal import MeterWire

/// What the closing of periods needs of what is around it.
protocol ClosingEnvironment: Sendable {
    /// With every decision that is durable.
    var book: BookState { get }
    /// Before this minute usage by the minute may be kept no longer.
    var usageRetainedFrom: Minute { get }
    /// Everything of any source that may be missing.
    func gaps() -> [SourceGap]
    /// Books decisions that belong together, all or none; as a dry run only refuses what would be refused.
    func decide(_ decisions: [Decision], for caller: Caller, isDryRun: Bool) throws(Problem)
    /// What statements are signed with; its public half is in the book from then on.
    func signer(for caller: Caller) throws(Problem) -> SigningKey
    /// Keeps a statement in both forms; durable when this returns.
    func keep(_ statement: SignedDocument, _ table: SignedDocument) throws(Problem)
}

/// The running server's: its engine, its book, and its data directory.
struct ServerClosing: ClosingEnvironment {
    let context: ServerContext
    let statements: StatementFiles

    var book: BookState { context.book.state }
    var usageRetainedFrom: Minute { context.engine.usageRetainedFrom }

    func gaps() -> [SourceGap] { context.engine.gaps() }

    func decide(
        _ decisions: [Decision],
        for caller: Caller,
        isDryRun: Bool
    ) throws(Problem) {
        try context.book.decide(decisions, caller, isDryRun: isDryRun)
    }

    func signer(for caller: Caller) throws(Problem) -> SigningKey {
        try statements.signingKey.signer(context.book, for: caller)
    }

    func keep(_ statement: SignedDocument, _ table: SignedDocument) throws(Problem) {
        try statements.keep(statement, table)
    }
}
