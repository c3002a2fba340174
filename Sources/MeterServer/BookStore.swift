internal import Meter
internal import MeterWire

/// The server's door to the book: who may decide comes with the caller, what follows for admission
/// goes to the engine before the decision is answered.
///
/// So a key that was answered as revoked opens nothing more: a frame that arrives later is judged by the
/// new policy.
final class BookStore: Sendable {
    private let book: Book
    private let engine: Engine
    /// Derives wire keys; nil where the server was started without one.
    let masterKey: MasterKey?
    private let isInsecure: Bool
    private let clock: ServerClock
    private let metrics: ServerMetrics
    private let readiness: Readiness

    init(
        book: Book,
        engine: Engine,
        masterKey: MasterKey?,
        isInsecure: Bool,
        clock: ServerClock,
        metrics: ServerMetrics,
        readiness: Readiness
    ) {
        self.book = book
        self.engine = engine
        self.masterKey = masterKey
        self.isInsecure = isInsecure
        self.clock = clock
        self.metrics = metrics
        self.readiness = readiness
    }

    /// Every decision that is durable; a value that never changes.
    var state: BookState { book.state }

    /// Books decisions that belong together, all or none, and puts them in force.
    ///
    /// Blocks for one sync, a few milliseconds: from asynchronous code it is fine for the rare calls
    /// of the administration, and not for requests in bulk.
    ///
    /// - Parameter author: Who decided: a person, `reporter`, `server`.
    /// - Returns: The entries, durable and in force.
    /// - Throws: ``BookError``; nothing was decided then.
    @discardableResult
    func append(
        _ decisions: [Decision],
        author: String
    ) throws(BookError) -> [BookEntry] {
        try append(author: author) { _ in decisions }
    }

    /// Books what is decided in sight of the newest state; see the form with several.
    @discardableResult
    func append(
        author: String,
        _ decide: (BookState) -> [Decision]
    ) throws(BookError) -> [BookEntry] {
        do throws(BookError) {
            let entries = try book.append(author: author, at: clock.now(), decide)
            metrics.bookEntries.add(entries.count)
            readiness.clear(.bookFailing)
            if entries.contains(where: \.decision.changesAdmission) { refreshPolicy() }
            if entries.contains(where: { $0.decision.kind == .detailsErased }) {
                engine.erasures = book.state.erasures
            }
            return entries
        } catch {
            switch error {
            case .disk, .damaged: readiness.set(.bookFailing, error.description)
            case .refused, .tooLarge: break
            }
            throw error
        }
    }

    /// Books one decision; see the form with several.
    @discardableResult
    func append(_ decision: Decision, author: String) throws(BookError) -> [BookEntry] {
        try append([decision], author: author)
    }

    /// The entries that decisions would be; refused as they would be, and nothing is decided.
    func rehearse(
        _ decisions: [Decision],
        author: String
    ) throws(BookError) -> [BookEntry] {
        try book.rehearse(decisions, author: author, at: clock.now())
    }

    /// Puts the book's state in force for admission; also due when a key has expired.
    func refreshPolicy() {
        engine.policy = Self.policy(
            of: book.state,
            at: clock.now(),
            masterKey: masterKey,
            isInsecure: isInsecure
        )
    }

    /// Who may emit what, by the book's state at a moment.
    static func policy(
        of state: BookState,
        at time: Timestamp,
        masterKey: MasterKey?,
        isInsecure: Bool
    ) -> AdmissionPolicy {
        var credentials: [KeyID: AdmissionPolicy.Credential] = [:]
        if let masterKey {
            for (id, standing) in state.keys
            where standing.key.kind == .wire && standing.refusal(at: time) == nil {
                guard let key = WireKey(id: id, secret: masterKey.wireKey(id).bytes) else {
                    continue
                }
                credentials[id] = AdmissionPolicy.Credential(
                    key: key,
                    principal: standing.key.principal
                )
            }
        }
        var principals = state.principals.mapValues { principal -> AdmissionPolicy.Tenants in
            switch principal.kind {
            case .platformForAll: .all
            case .platform(let tenants): .only(tenants)
            case .tenant(let tenant): .only([tenant])
            }
        }
        if isInsecure { principals[.insecureLoopback] = .all }
        return AdmissionPolicy(
            credentials: credentials,
            principals: principals,
            accesses: state.accesses.mapValues(\.tenant),
            declaredComponents: Set(state.components.keys),
            retired: state.retiredSources.mapValues(\.time),
            insecurePrincipal: isInsecure ? .insecureLoopback : nil,
            limits: state.limits,
            counting: state.counting
        )
    }
}

extension Decision {
    /// Whether who may emit what follows from it.
    fileprivate var changesAdmission: Bool {
        switch self {
        case .principalSet, .keyCreated, .keyRevoked, .keyReplaced, .componentDeclared,
            .componentWithdrawn, .accessMade, .limitsSet, .sourceRetired, .countingDeclared:
            true
        default: false
        }
    }
}
