/// What the server counts about itself. What happened to events is counted by the engine, which has it
/// exactly; here is what came to the doors, what the disk took, and how long.
struct ServerMetrics: Sendable {
    // Doors.
    let datagrams = Counter()
    let datagramBytes = Counter()
    let datagramsTooLarge = Counter()
    let datagramReceiveErrors = CounterFamily()
    let connectionsAccepted = Counter()
    let connectionsOpen = Gauge()
    let connectionsRefused = CounterFamily()
    let connectionsClosed = CounterFamily()
    let streamBytes = Counter()
    let readingPauses = Counter()
    let udpFrames = FrameCounters()
    let tcpFrames = FrameCounters()
    let ignored = CounterFamily()
    let deferrals = CounterFamily()
    let acknowledgements = CounterFamily()
    let acknowledgementsHeldBack = CounterFamily()
    let kernelDrops = Gauge()
    let tls = TLSMetrics()

    // The disk.
    let commits = Counter()
    let commitSeconds = DurationHistogram()
    let commitFailures = CounterFamily()
    let journalRecoveries = Counter()
    let checkpoints = Counter()
    let checkpointSeconds = DurationHistogram()
    let checkpointFailures = Counter()
    let merges = Counter()
    let mergeFailures = Counter()
    let retentionFailures = Counter()
    let bookEntries = Counter()
    let startedUnclean = Gauge()

    /// Adds every metric of the server to an exposition.
    func write(to text: inout PrometheusText) {
        text.counter(
            "meter_udp_datagrams_total",
            "Datagrams received.",
            datagrams.count
        )
        text.counter(
            "meter_udp_bytes_total",
            "Bytes of the datagrams received.",
            datagramBytes.count
        )
        text.counter(
            "meter_udp_too_large_total",
            "Datagrams larger than the buffer; dropped.",
            datagramsTooLarge.count
        )
        text.family(
            "meter_udp_receive_errors_total",
            .counter,
            "Failed receive calls, by errno.",
            labels: ["errno"],
            datagramReceiveErrors.samples
        )
        text.counter(
            "meter_tcp_connections_accepted_total",
            "TCP connections accepted.",
            connectionsAccepted.count
        )
        text.gauge(
            "meter_tcp_connections",
            "TCP connections open now.",
            connectionsOpen.current
        )
        text.family(
            "meter_tcp_connections_refused_total",
            .counter,
            "TCP connections closed when accepted, by limit.",
            labels: ["limit"],
            connectionsRefused.samples
        )
        text.family(
            "meter_tcp_connections_closed_total",
            .counter,
            "TCP connections that the server closed, by reason.",
            labels: ["reason"],
            connectionsClosed.samples
        )
        text.counter("meter_tcp_bytes_total", "Bytes received over TCP.", streamBytes.count)
        text.counter(
            "meter_tcp_reading_pauses_total",
            "Times that reading from a connection was held back.",
            readingPauses.count
        )
        text.family(
            "meter_frames_total",
            .counter,
            "Frames received, by transport and what became of them.",
            labels: ["transport", "disposition"],
            udpFrames.samples(of: "udp") + tcpFrames.samples(of: "tcp")
        )
        text.family(
            "meter_frames_ignored_total",
            .counter,
            "Frames that were not authentic or not frames and got no answer, by reason.",
            labels: ["transport", "reason"],
            ignored.samples
        )
        text.family(
            "meter_frames_deferred_total",
            .counter,
            "Frames that were not taken now and are to be sent again, by reason.",
            labels: ["transport", "reason"],
            deferrals.samples
        )
        text.family(
            "meter_acknowledgements_total",
            .counter,
            "Acknowledgements sent, by transport.",
            labels: ["transport"],
            acknowledgements.samples
        )
        text.family(
            "meter_acknowledgements_held_back_total",
            .counter,
            "Acknowledgements not sent yet, by reason.",
            labels: ["reason"],
            acknowledgementsHeldBack.samples
        )
        text.counter(
            "meter_udp_kernel_drops_total",
            "Datagrams that the kernel dropped for want of buffer space.",
            UInt64(clamping: kernelDrops.current)
        )
        text.counter("meter_journal_commits_total", "Syncs of the journal.", commits.count)
        text.histogram(
            "meter_journal_commit_duration_seconds",
            "Write and sync of the journal.",
            commitSeconds
        )
        text.family(
            "meter_journal_commit_failures_total",
            .counter,
            "Writes and syncs of the journal that failed, by reason.",
            labels: ["reason"],
            commitFailures.samples
        )
        text.counter(
            "meter_journal_recoveries_total",
            "Times that everything above the durable position was given up.",
            journalRecoveries.count
        )
        text.counter("meter_checkpoints_total", "Checkpoints published.", checkpoints.count)
        text.histogram(
            "meter_checkpoint_duration_seconds",
            "Checkpoints from begin to publication.",
            checkpointSeconds
        )
        text.counter(
            "meter_checkpoint_failures_total",
            "Checkpoints that failed and were tried again.",
            checkpointFailures.count
        )
        text.counter("meter_segment_merges_total", "Merges of segments.", merges.count)
        text.counter(
            "meter_segment_merge_failures_total",
            "Merges that failed.",
            mergeFailures.count
        )
        text.counter("meter_book_entries_total", "Decisions appended.", bookEntries.count)
        text.gauge(
            "meter_started_unclean",
            "Whether the server before this one ended without finishing its journal.",
            startedUnclean.current
        )
    }
}
