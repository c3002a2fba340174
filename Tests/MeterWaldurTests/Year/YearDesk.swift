import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

@testable import MeterServer

/// Where the year's periods are closed: its book, and statements in memory.
final class YearDesk: ClosingEnvironment {
    private let engine: FakeEngine
    private let key: SigningKey
    private let statements = Mutex<[String: [UInt8]]>([:])

    init(_ engine: FakeEngine) throws {
        self.engine = engine
        key = try #require(SigningKey(seed: Array(repeating: 7, count: 32)))
    }

    var book: BookState { engine.bookState }
    var usageRetainedFrom: Minute { Minute(rawValue: 0) }
    func gaps() -> [SourceGap] { [] }

    /// As it was signed; nil where nobody kept it.
    func statement(_ hash: String) -> [UInt8]? { statements.withLock { $0[hash] } }

    func decide(
        _ decisions: [Decision],
        for caller: Caller,
        isDryRun: Bool
    ) throws(Problem) {
        if isDryRun { return }
        do throws(ReporterTrouble) {
            try engine.book(decisions, author: caller.author)
        } catch {
            throw .precondition("\(error)")
        }
    }

    func signer(for caller: Caller) throws(Problem) -> SigningKey {
        if book.billing.statementKeys.isEmpty {
            let decision = Decision.statementKeySet(StatementKeySet(publicKey: key.publicKey))
            try decide([decision], for: caller, isDryRun: false)
        }
        return key
    }

    func keep(_ statement: SignedDocument, _ table: SignedDocument) throws(Problem) {
        statements.withLock { $0[statement.hash] = statement.bytes }
    }
}

/// The engine as the server's ledgers ask for it.
struct YearBilling: BillingSource {
    let engine: FakeEngine
    let time: Timestamp

    var book: BookState { engine.bookState }
    var durablePosition: UInt64 { UInt64(engine.durable.count) }

    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer {
        do throws(ReporterTrouble) {
            return try await engine.usage(query)
        } catch {
            throw .unavailable("\(error)")
        }
    }

    func usage(
        _ query: UsageQuery,
        with details: [DetailsQuery]
    ) async throws(Problem) -> UsageWithDetails {
        UsageWithDetails(usage: try await usage(query), details: [])
    }

    func details(_ query: DetailsQuery) async throws(Problem) -> DetailsAnswer {
        throw .unavailable("The script has no details.")
    }

    func reconciledThrough() -> Timestamp? { nil }
    func now() -> Timestamp { time }
    func agents(of tenant: Name) -> Set<Name> {
        Set(engine.durable.filter { $0.tenant == tenant }.map(\.agent))
    }
    func openHoles(of tenant: Name) -> OpenHoles { OpenHoles() }
}
