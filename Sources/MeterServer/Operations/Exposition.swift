internal import Meter
internal import MeterWaldur
internal import MeterWire
internal import Synchronization

/// Everything that `/metrics` shows, put together when somebody asks: the server's own counts, what the
/// engine holds, how reporting stands, and the kernel's facts of process and disk.
///
/// Documentation/Operations.md says of each what to do about it; a test compares both.
enum Exposition {
    static func write(
        _ context: ServerContext,
        _ reporting: (any ReportingControl)?,
        to text: inout PrometheusText
    ) {
        context.metrics.write(to: &text)
        writeEvents(context, to: &text)
        writeEngine(context, to: &text)
        writeRetention(context, to: &text)
        writeDetails(context, to: &text)
        writeState(context, to: &text)
        writeReporting(reporting, to: &text)
        writeSystem(context, to: &text)
    }

    /// Events by what became of them, all principals together: no label names a tenant or a principal.
    private static func writeEvents(_ context: ServerContext, to text: inout PrometheusText) {
        let counts = context.engine.admissionCounts()
        let sum = counts.values.reduce(AdmissionCounts()) { $0 + $1 }
        text.family(
            "meter_events_total",
            .counter,
            "Events in authenticated frames and batches since the start, by what became of them.",
            labels: ["result"],
            [
                (["accepted"], sum.accepted), (["deferred"], sum.deferred),
                (["duplicate"], sum.duplicate), (["in-conflict"], sum.inConflict),
                (["refused"], sum.refused),
            ]
        )
        text.counter(
            "meter_events_received_total",
            "Events in authenticated frames and batches since the start, counted on arrival.",
            sum.events
        )
        text.gauge(
            "meter_principals_not_conserved",
            "Principals whose events have not each exactly one result; anything but 0 is a fault.",
            counts.count { !Conservation.check($0.value, of: $0.key).isEmpty }
        )
    }

    private static func writeEngine(_ context: ServerContext, to text: inout PrometheusText) {
        let engine = context.engine
        text.gauge(
            "meter_journal_appended_bytes",
            "Where the next journal record will begin.",
            Int(clamping: engine.appended)
        )
        text.gauge(
            "meter_journal_durable_bytes",
            "Up to where the journal is on the disk.",
            Int(clamping: engine.durable)
        )
        text.gauge("meter_live_counters", "Counters in memory.", engine.liveKeyCount)
        text.gauge(
            "meter_live_counters_max",
            "Counters that may be in memory (limits.live-keys).",
            engine.options.liveKeyMax
        )
        text.gauge("meter_segments", "Segments that history is read from.", engine.segments.count)
        let sources = engine.sourceStandings()
        text.family(
            "meter_sources",
            .gauge,
            "Sources, and those without a last claim, with numbers missing, or quarantined.",
            labels: ["state"],
            [
                (["total"], sources.total), (["unclean"], sources.unclean),
                (["incomplete"], sources.incomplete), (["quarantined"], sources.quarantined),
            ].map { ($0.0, UInt64($0.1)) }
        )
        let through = sources.completeThrough(at: context.clock.now())
        text.gauge(
            "meter_complete_through_timestamp_seconds",
            "The earliest time that a source could still change; 0 while unknown.",
            seconds(through)
        )
    }

    private static func writeRetention(_ context: ServerContext, to text: inout PrometheusText) {
        let standing = context.retention.withLock { $0 }
        text.gauge(
            "meter_journal_kept_bytes",
            "Bytes of journal files, with those that are kept as evidence.",
            standing?.journal.byteCount ?? 0
        )
        text.gauge(
            "meter_journal_kept_bytes_max",
            "What the kept journal may take, by retention.journal-size and the room on the disk.",
            standing?.rule.journalByteCountMax ?? 0
        )
        text.gauge(
            "meter_journal_growth_bytes_per_day",
            "Bytes that the journal has grown by a day in the last week; 0 while unknown.",
            standing?.journal.bytesPerDay ?? 0
        )
        text.gauge(
            "meter_journal_kept_since_timestamp_seconds",
            "From when on every event is in journal files that are kept; 0 where all that ever came is.",
            seconds(standing?.journal.keptSince)
        )
        text.counter(
            "meter_retention_failures_total",
            "Passes of retention and indexes of journal files that failed.",
            context.metrics.retentionFailures.count
        )
    }

    /// Subjects that are told by name; what others met is added up under `__other__`.
    private static let namedCountMax = 100

    /// How often which limit was in the way: by the kind of its holder, and, where names may be told, by the
    /// holder.
    static func writeLimits(
        _ hits: [(subject: LimitSubject, limit: Limit, count: UInt64)],
        naming: Bool,
        to text: inout PrometheusText
    ) {
        var kinds: [[String]: UInt64] = [:]
        var names: [[String]: UInt64] = [:]
        for (index, hit) in hits.enumerated() {
            let (kind, limit) = (hit.subject.kind, hit.limit.rawValue)
            kinds[[kind, limit], default: 0] &+= hit.count
            let name =
                switch hit.subject {
                case _ where index >= namedCountMax: "__other__"
                case .tenant(let name): name.description
                case .principal(let id): id.description
                }
            names[[kind, limit, name], default: 0] &+= hit.count
        }
        text.family(
            "meter_limited_total",
            .counter,
            "Frames, batches, requests and new names that met a limit, by whose and which.",
            labels: ["of", "limit"],
            sorted(kinds)
        )
        guard naming else { return }
        text.family(
            "meter_limited_by_holder_total",
            .counter,
            "The same by tenant or principal; the hundred that met limits most.",
            labels: ["of", "limit", "holder"],
            sorted(names)
        )
    }

    private static func sorted(
        _ counts: [[String]: UInt64]
    ) -> [(labels: [String], count: UInt64)] {
        counts.map { ($0.key, $0.value) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }

    /// Which tenants caused it is told to administrators only (`/admin/v1/details`).
    private static func writeDetails(_ context: ServerContext, to text: inout PrometheusText) {
        let folded = context.engine.foldedCalls.values.reduce(into: FoldedCalls()) { $0 += $1 }
        text.family(
            "meter_details_folded_calls_total",
            .counter,
            "Calls whose model or user was counted under __other__ since the start, by limit.",
            labels: ["limit"],
            [
                (["keys"], folded.byKeys), (["models"], folded.byModels),
                (["users"], folded.byUsers),
            ]
        )
        text.gauge(
            "meter_details_memory_bytes",
            "Details in memory that no checkpoint has written yet.",
            context.engine.heldDetailByteCount
        )
        text.gauge(
            "meter_details_missing_spans",
            "Spans of the journal whose details are lost or cannot be read.",
            context.engine.missingDetails.count
        )
    }

    private static func writeState(_ context: ServerContext, to text: inout PrometheusText) {
        let holding = Set(context.readiness.entries.map(\.reason))
        text.family(
            "meter_condition",
            .gauge,
            "Conditions that /readyz names: 1 where it holds.",
            labels: ["reason"],
            Readiness.Reason.allCases.map { ([$0.rawValue], holding.contains($0) ? 1 : 0) }
        )
        text.gauge(
            "meter_ready",
            "Whether traffic is welcome.",
            context.readiness.isReady ? 1 : 0
        )
        text.gauge(
            "meter_durable_waiters",
            "Requests that wait for a sync.",
            context.waiters.count
        )
        text.family(
            "meter_build_info",
            .gauge,
            "What runs.",
            labels: ["version"],
            [([Build.version], 1)]
        )
    }

    /// How reporting stands; the configured Waldurs are the only label values.
    private static func writeReporting(
        _ reporting: (any ReportingControl)?,
        to text: inout PrometheusText
    ) {
        let standings = reporting?.status() ?? []
        for (name, help, value) in [
            (
                "meter_report_last_cycle_timestamp_seconds",
                "When a cycle over all bound resources was last completed; 0 before the first.",
                { seconds($0.lastSuccess) }
            ),
            (
                "meter_report_open_intents",
                "Submissions that are decided and whose outcome is not in the book yet.",
                { $0.openIntents }
            ),
            (
                "meter_report_unknown_intents",
                "Submissions of which nobody knows yet what Waldur made of them.",
                { $0.unknownIntents }
            ),
            (
                "meter_report_incidents",
                "Invoice items with a wrong price or without what was used, in months not closed.",
                { $0.incidents }
            ),
            (
                "meter_report_accounts_not_conserved",
                "Accounts of which more or less came in than is accounted for; anything but 0 is a fault.",
                { $0.violations }
            ),
            (
                "meter_report_final_flush_timestamp_seconds",
                "When the last cycle of the present month is to begin; 0 before that can be said.",
                { seconds($0.flush?.start) }
            ),
            (
                "meter_report_final_flush_seconds",
                "How long the last cycle of the present month will take; 0 before that can be said.",
                { Int(clamping: (($0.flush?.milliseconds ?? 0) + 999) / 1_000) }
            ),
        ] as [(String, String, (ReportingStatus) -> Int)] {
            text.family(
                name,
                .gauge,
                help,
                labels: ["waldur"],
                standings.map { ([$0.waldur.name], UInt64(clamping: value($0))) }
            )
        }
        text.gauge(
            "meter_reconciled_through_timestamp_seconds",
            "When the newest reconciliation that found no difference began; 0 if there was none.",
            seconds(reporting?.reconciledThrough())
        )
    }

    private static func writeSystem(_ context: ServerContext, to text: inout PrometheusText) {
        if let disk = DiskFacts(of: context.configuration.dataDirectory) {
            text.gauge(
                "meter_disk_free_bytes",
                "Room on the file system of the data directory.",
                Int(clamping: disk.freeByteCount)
            )
            text.gauge(
                "meter_disk_bytes",
                "Size of the file system of the data directory.",
                Int(clamping: disk.byteCount)
            )
        }
        text.gauge(
            "meter_late_parts",
            "Parts of the server that do not move on; /healthz names them.",
            context.vitals.lateParts.count
        )
        text.gauge(
            "process_resident_memory_bytes",
            "Memory in use.",
            ProcessFacts.residentByteCount
        )
        text.gauge("process_open_fds", "Open descriptors.", ProcessFacts.openFileCount)
        text.gauge(
            "process_max_fds",
            "Descriptors that may be open.",
            ProcessFacts.openFileCountMax
        )
        text.gauge(
            "process_start_time_seconds",
            "When the process began.",
            ProcessFacts.startSeconds
        )
        text.counter(
            "process_cpu_seconds_total",
            "Processor time used.",
            milliseconds: ProcessFacts.cpuMilliseconds
        )
    }

    private static func seconds(_ time: Timestamp?) -> Int {
        Int(clamping: (time?.milliseconds ?? 0) / 1_000)
    }
}
