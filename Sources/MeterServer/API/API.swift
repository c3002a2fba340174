internal import Meter
internal import MeterWire

/// The HTTP interface of one server: its routes, bound to the running engine, book and reporter.
struct API: Sendable {
    private let context: ServerContext
    private let table: RouteTable
    private let counters = APICounters()
    private let limits: RequestLimits

    /// - Parameter reporting: nil where no Waldur is configured.
    /// - Throws: ``StartError`` when the key of the id hashes can neither be read nor made.
    init(_ context: ServerContext, reporting: (any ReportingControl)? = nil) throws {
        self.context = context
        let clock = context.clock
        limits = RequestLimits(limiters: context.engine.limiters) { clock.now() }
        let door = EngineDoor(context: context, reporting: reporting)
        let hash = try IdentifierKeyFile.hash(in: context.configuration.dataDirectory)
        var routes = HealthRoutes(health: door, counters: counters).routes
        routes.append(
            EventsRoute(
                sink: door,
                hash: hash,
                counters: counters,
                behindMilliseconds: context.engine.options.behindMilliseconds,
                eventCountMax: 10_000,
                bodyByteCountMax: context.configuration.limits.httpBodyByteCount
            ).route
        )
        // One query fewer than there are cores would be none here; two never wait for each other long.
        routes += UsageRoutes(source: door, gate: QueryGate(limit: 2)).routes
        routes += StatusRoutes(context: context, reporting: reporting).routes
        routes += KeyRoutes(context: context).routes
        routes += LimitRoutes(context: context).routes
        routes += ComponentRoutes(context: context).routes
        routes += MapRoutes(context: context, reporting: reporting).routes
        routes += SourceRoutes(context: context).routes
        routes += BookRoutes(context: context).routes
        routes += ReportRoutes(reporting: reporting).routes
        table = RouteTable(routes)
    }

    /// Every route, for the test that compares them with `openapi.yaml`.
    var routes: [APIRoute] { table.routes }

    /// What answers at one door.
    func responder(for door: APIDoor) -> APIResponder {
        APIResponder(
            door: door,
            table: table,
            access: ContextAccess(context: context),
            counters: counters,
            limits: limits,
            bodyTimeout: context.configuration.limits.httpTimeout
        )
    }
}

/// Who callers are, by the book.
private struct ContextAccess: APIAccess {
    let context: ServerContext

    func credential(for key: KeyText) throws(KeyRefusal) -> Credential {
        try context.book.state.httpCredential(key, at: context.clock.now())
    }

    var insecureCredential: Credential? {
        guard context.configuration.insecureLoopback else { return nil }
        return Credential(
            key: KeyID(rawValue: 0),
            principal: Principal(
                id: .insecureLoopback,
                kind: .platformForAll,
                label: "insecure loopback"
            ),
            scopes: .ingest
        )
    }
}
