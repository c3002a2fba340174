internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Meter
internal import MeterWire
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// One server from start to stop.
///
/// Started in the order lock, book, engine, doors; stopped in the other: unready, doors, HTTP, reporter,
/// journal. So whatever was received is durable and acknowledged before the journal is finished.
enum Server {
    static func run(_ configuration: ServerConfiguration) async throws -> ExitCode {
        // Everything that is made belongs to the service's user alone: journal, book, admin socket.
        umask(0o077)
        // A peer that closes while it is written to must not end the process.
        _ = signal(SIGPIPE, SIG_IGN)
        ProcessFacts.raiseFileLimit()
        let logger = Logger(label: "meter")
        let manager = try ServiceManager.find(in: ProcessInfo.processInfo.environment)
        let lock = try lockDirectory(configuration)
        defer { withExtendedLifetime(lock) {} }

        let clock = ServerClock(offsetSeconds: configuration.clockOffsetSeconds)
        let context = try open(configuration, clock: clock, logger: logger)
        let doors = try await Doors(context)
        let committer = Committer(context: context) { doors.published() }
        let catalog = CatalogKeeper(
            context: context,
            disk: try POSIXDisk(path: configuration.dataDirectory, access: .readOnly))
        let keeper = RetentionKeeper(
            context: context,
            disk: try POSIXDisk(path: configuration.dataDirectory)
        )
        let checkpointer = Checkpointer(context: context, catalog: catalog, retention: keeper)
        try committer.start()
        try checkpointer.start()
        let watchdog = Watchdog(context: context, manager: manager)
        try watchdog.start()
        defer { watchdog.stop() }
        let storage = StorageService(
            context: context,
            committer: committer,
            checkpointer: checkpointer
        )

        BackfillRunner(context: context).removeLeftovers()
        let start = StartBarrier(context: context, doors: doors, manager: manager)
        var services: [any Service] = [
            storage, Housekeeping(context: context, doors: doors),
            TLSWatch(context: context, identity: configuration.tls),
            BackfillService(context: context),
        ]
        let reporting = try ReportingService(configuration.waldurs, context: context)
        if !reporting.reporters.isEmpty { services.append(reporting) }
        services += try HTTPServices.make(
            context, start, reporting.reporters,
            DataKeepers(catalog: catalog, retention: keeper))
        services += [DoorService(context: context, doors: doors), start]

        var group = ServiceGroupConfiguration(
            services: services.map {
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: $0,
                    serviceName: "\(type(of: $0))"
                )
            },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = configuration.stopTimeout
        let impatience = Task { await Self.endAtSecondSignal() }
        defer { impatience.cancel() }
        do {
            try await ServiceGroup(configuration: group).run()
        } catch {
            storage.close()
            throw error
        }
        logger.notice(
            "stopped",
            metadata: ["durable": "\(context.engine.durable)"]
        )
        return storage.isClosedClean ? .stopped : .failed
    }

    /// Ends the process at the second signal, whatever it is doing: what was acknowledged is durable.
    private static func endAtSecondSignal() async {
        var count = 0
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            count += 1
            if count >= 2 { _exit(128 + (signal == .sigterm ? SIGTERM : SIGINT)) }
        }
    }

    private static func lockDirectory(
        _ configuration: ServerConfiguration
    ) throws -> DirectoryLock {
        do throws(DiskError) {
            // Makes the directory if it is missing.
            _ = try POSIXDisk(path: configuration.dataDirectory)
            return try DirectoryLock(path: configuration.dataDirectory)
        } catch {
            if case .locked = error.reason { throw StartError(.locked, error.description) }
            throw StartError(.configuration, "--data: \(error)")
        }
    }

    private static func open(
        _ configuration: ServerConfiguration,
        clock: ServerClock,
        logger: Logger
    ) throws -> ServerContext {
        let readiness = Readiness()
        let metrics = ServerMetrics()
        let disk: POSIXDisk
        let book: Book
        let state: BookState
        let bookRecovery: BookRecovery
        do {
            disk = try POSIXDisk(path: configuration.dataDirectory)
            (book, state, bookRecovery) = try Book.open(disk)
        } catch {
            throw StartError(.failed, "the book cannot be read: \(error)")
        }
        for damage in bookRecovery.damage {
            readiness.set(.damage, damage.description)
            logger.error("the book is damaged", metadata: ["damage": "\(damage)"])
        }
        for aside in bookRecovery.aside {
            logger.warning("bytes of the book were kept aside", metadata: ["aside": "\(aside)"])
        }
        let policy = BookStore.policy(
            of: state,
            at: clock.now(),
            masterKey: configuration.masterKey,
            isInsecure: configuration.insecureLoopback
        )
        var random = SystemRandomNumberGenerator()
        let engine: Engine
        let recovery: RecoverySummary
        do {
            (engine, recovery) = try Engine.open(
                disk: disk,
                policy: policy,
                options: EngineOptions(configuration),
                random: &random
            )
        } catch {
            throw StartError(.damaged, "the data cannot be opened: \(error)")
        }
        engine.erasures = state.erasures
        report(recovery, readiness, logger)
        metrics.startedUnclean.set(recovery.wasUnclean ? 1 : 0)
        let store = BookStore(
            book: book,
            engine: engine,
            masterKey: configuration.masterKey,
            isInsecure: configuration.insecureLoopback,
            clock: clock,
            metrics: metrics,
            readiness: readiness
        )
        return ServerContext(
            configuration: configuration,
            clock: clock,
            engine: engine,
            book: store,
            waiters: DurableWaiters(durable: engine.durable),
            metrics: metrics,
            readiness: readiness,
            logger: logger
        )
    }
}

extension Server {
    /// Says what the start found; damage stays visible until a person has seen to it.
    private static func report(
        _ recovery: RecoverySummary,
        _ readiness: Readiness,
        _ logger: Logger
    ) {
        logger.notice(
            "recovered",
            metadata: [
                "checkpoint": "\(recovery.checkpoint)", "durable": "\(recovery.durable)",
                "records": "\(recovery.recordCount)", "segments": "\(recovery.segmentCount)",
                "sources": "\(recovery.sourceCount)", "unclean": "\(recovery.wasUnclean)",
            ]
        )
        if let tail = recovery.tornTail {
            logger.warning("the journal's torn end was kept aside", metadata: ["tail": "\(tail)"])
        }
        if !recovery.missingDetails.isEmpty {
            let text = recovery.missingDetails.joined(separator: "; ")
            logger.error("details are missing", metadata: ["details": "\(text)"])
            readiness.set(.detailsMissing, text)
        }
        guard !recovery.damage.isEmpty else { return }
        for damage in recovery.damage {
            logger.error("damage was found", metadata: ["damage": "\(damage)"])
        }
        readiness.set(.damage, recovery.damage.joined(separator: "; "))
    }
}

extension EngineOptions {
    /// The engine's limits as the operator set them.
    init(_ configuration: ServerConfiguration) {
        self.init()
        // A counter is kept once in each shard that sees its agent, so more shards than threads that
        // receive at once only cost memory and cache.
        shardCount = min(shardCount, Processors.count)
        limits = configuration.limits.rules
        burstMilliseconds = configuration.limits.burst.components.seconds * 1_000
        tenantCountMax = configuration.limits.tenantCount
        checkpointKeyCount = configuration.limits.liveKeyCount / 2
        liveKeyMax = configuration.limits.liveKeyCount
        journal.bufferBytesMax = configuration.limits.journalQueueByteCount
        checkpointDetailByteCount = configuration.limits.detailsByteCount / 4
        detailByteCountMax = configuration.limits.detailsByteCount
        detailLimits.modelsPerTenant = configuration.limits.detailModelCount
        detailLimits.usersPerTenant = configuration.limits.detailUserCount
        detailLimits.keysPerTenant = configuration.limits.detailKeyCount
        keptJournalBytes = configuration.retention.journalByteCount
        detailsRetentionMilliseconds = Int64(configuration.detailsRetentionDays) * 86_400_000
    }
}
