internal import Meter
internal import MeterWaldur
internal import MeterWire

/// The HTTP interface of one server: its routes, bound to the running engine, book and reporter.
struct API: Sendable {
    private let context: ServerContext
    private let table: RouteTable
    private let access: ContextAccess
    private let counters = APICounters()
    private let limits: RequestLimits

    /// - Parameters:
    ///   - reporting: nil where no Waldur is configured.
    ///   - files: nil where nobody keeps files, as in tests of single routes.
    /// - Throws: ``StartError`` when the key of the id hashes can neither be read nor made.
    init(
        _ context: ServerContext,
        reporting: (any ReportingControl)? = nil,
        files: DataKeepers? = nil
    ) throws {
        self.context = context
        let clock = context.clock
        limits = RequestLimits(limiters: context.engine.limiters) { clock.now() }
        let door = EngineDoor(context: context, reporting: reporting)
        let directory = context.configuration.dataDirectory
        let hash = try IdentifierKeyFile.hash(in: directory)
        let tokens = PortalTokens(
            key: try DataKeyFile.key(
                "portal.key",
                byteCount: 32,
                in: directory,
                consequence: "remove it, and portal tokens that were made so far open nothing"
            )
        )
        access = ContextAccess(context: context, tokens: tokens)
        let ledgers = TenantLedgers(door, context.configuration.waldurs)
        let billingGate = QueryGate(limit: 1)
        let statements = try StatementFiles(in: directory)
        let environment = ServerClosing(context: context, statements: statements)
        let closings = ledgers.all.map { PeriodClosing(environment: environment, ledger: $0) }
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
        routes.append(
            TracesRoute(
                sink: door,
                hash: hash,
                counters: counters,
                behindMilliseconds: context.engine.options.behindMilliseconds,
                spanCountMax: 10_000,
                bodyByteCountMax: context.configuration.limits.httpBodyByteCount
            ).route
        )
        // One query fewer than there are cores would be none here; two never wait for each other long.
        routes +=
            UsageRoutes(
                source: door,
                gate: QueryGate(limit: 2),
                live: LiveTotalsRoute(
                    source: door,
                    seats: LiveSeats(limit: context.configuration.limits.liveStreamCount)
                ),
                homePorts: context.configuration.homePorts
            ).routes
        routes +=
            BillingRoutes(ledgers: ledgers, gate: billingGate).routes
        routes +=
            PeriodRoutes(
                closings: closings,
                ledgers: ledgers,
                reporting: reporting,
                gate: billingGate
            ).routes
        routes +=
            StatementRoutes(context: context, files: statements, ledgers: ledgers)
            .routes
        routes +=
            ExportRoutes(closings: closings, ledgers: ledgers, gate: billingGate).routes
        routes += ExplainRoutes(context: context, ledgers: ledgers, gate: billingGate).routes
        routes += RetentionRoutes(context: context, keeper: files?.retention).routes
        routes +=
            RecountRoutes(
                jobs: RecountJobs(context: context, catalog: files?.catalog),
                ledgers: ledgers
            ).routes
        routes.append(
            PortalTokenRoute(tokens: tokens, now: { context.clock.now() }).route
        )
        routes += StatusRoutes(context: context, reporting: reporting).routes
        routes += KeyRoutes(context: context).routes
        routes += LimitRoutes(context: context).routes
        routes += CountingRoutes(context: context).routes
        routes += ComponentRoutes(context: context).routes
        routes += MapRoutes(context: context, reporting: reporting).routes
        routes += MapSyncRoutes(context: context, reporting: reporting).routes
        routes += OfferingRoutes(context: context, reporting: reporting).routes
        routes += SourceRoutes(context: context).routes
        routes += DetailsRoutes(context: context).routes
        routes += NameRoutes(context: context).routes
        routes += ConfigRoutes(context: context).routes
        routes += BookRoutes(context: context, signingKey: statements.signingKey).routes
        routes += CarryRoutes(context: context).routes
        routes += CreditRoutes(context: context, signingKey: statements.signingKey).routes
        routes +=
            AdjustmentRoutes(
                context: context,
                ledgers: ledgers,
                gate: billingGate,
                identifiers: hash
            ).routes
        routes +=
            BackfillRoutes(context: context, ledgers: ledgers, identifiers: hash).routes
        routes += ForeignRoutes(context: context).routes
        routes += OrderRoutes(context: context, reporting: reporting).routes
        routes += TakeoverRoutes(reporting: reporting).routes
        routes += ReportRoutes(reporting: reporting).routes
        routes += ReconcileRoutes(context: context, reporting: reporting, source: door).routes
        table = RouteTable(routes)
    }

    /// Every route, for the test that compares them with `openapi.yaml`.
    var routes: [APIRoute] { table.routes }

    /// What answers at one door.
    func responder(for door: APIDoor) -> APIResponder {
        APIResponder(
            door: door,
            table: table,
            access: access,
            counters: counters,
            limits: limits,
            crossOrigin: CrossOrigin(origins: context.configuration.corsOrigins),
            bodyTimeout: context.configuration.limits.httpTimeout
        )
    }
}

/// Who callers are, by the book.
private struct ContextAccess: APIAccess {
    let context: ServerContext
    let tokens: PortalTokens

    func credential(for key: KeyText) throws(KeyRefusal) -> Credential {
        try context.book.state.httpCredential(key, at: context.clock.now())
    }

    func grant(of token: String) throws(PortalTokenRefusal) -> PortalGrant {
        let now = context.clock.now()
        let grant = try tokens.grant(token, at: now)
        // What the issuer may no longer read, its tokens do not open either.
        let state = context.book.state
        guard let issuer = state.keys[grant.issuer], issuer.refusal(at: now) == nil,
            issuer.key.scopes.isSuperset(of: grant.scopes),
            state.principals[issuer.key.principal]?.reaches(grant.tenant) == true
        else { throw .withoutIssuer }
        return grant
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
