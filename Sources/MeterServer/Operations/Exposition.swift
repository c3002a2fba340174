internal import Meter

/// Everything that `/metrics` shows, put together when somebody asks: the server's own counts, the
/// engine's counts of events, and the kernel's of the process.
enum Exposition {
    static func write(_ context: ServerContext, to text: inout PrometheusText) {
        context.metrics.write(to: &text)
        writeEngine(context, to: &text)
        writeDetails(context, to: &text)
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
}
