internal import Meter
internal import MeterWire

/// Everything that `/metrics` shows, put together when somebody asks: the server's own counts, the
/// engine's counts of events, and the kernel's of the process.
enum Exposition {
    static func write(_ context: ServerContext, to text: inout PrometheusText) {
        context.metrics.write(to: &text)
        writeEngine(context, to: &text)
        writeState(context, to: &text)
        text.gauge(
            "process_resident_memory_bytes",
            "Memory in use.",
            ProcessFacts.residentByteCount
        )
        text.gauge("process_open_fds", "Open descriptors.", ProcessFacts.openFileCount)
        text.counter(
            "process_cpu_seconds_total",
            "Processor time used.",
            milliseconds: ProcessFacts.cpuMilliseconds
        )
    }

    /// Events by what became of them, all principals together: no label names a tenant or a principal.
    private static func writeEngine(_ context: ServerContext, to text: inout PrometheusText) {
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
        text.gauge(
            "meter_journal_appended_bytes",
            "Where the next journal record will begin.",
            Int(clamping: context.engine.appended)
        )
        text.gauge(
            "meter_journal_durable_bytes",
            "Up to where the journal is on the disk.",
            Int(clamping: context.engine.durable)
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
}
