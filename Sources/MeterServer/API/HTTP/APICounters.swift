/// What the HTTP layer counts about itself. No label names a tenant, an agent or anything else that a
/// caller can choose.
final class APICounters: Sendable {
    private let requests = CounterFamily()
    private let seconds = DurationHistogram()
    private let keysRefused = CounterFamily()
    private let events = CounterFamily()
    private let spans = CounterFamily()

    /// A request was answered; the route is a pattern, never a path.
    func answered(route: String, status: Int, in duration: Duration) {
        requests.add(route, String(status))
        seconds.record(duration)
    }

    /// A key was shown and not accepted; why is told here and not to its holder.
    func keyRefused(_ reason: String) { keysRefused.add(reason) }

    /// Events whose outcome an answer told, by outcome and, where refused, by reason.
    func told(_ line: EventResults.Line, count: Int) {
        events.add(line.outcome, line.reason, count: count)
    }

    /// Spans of answered requests, by what became of them; those that are no calls of a model are `ignored`.
    func toldSpans(_ outcome: String, _ reason: String, count: Int) {
        spans.add(outcome, reason, count: count)
    }

    /// Adds the counters to an exposition.
    func write(to text: inout PrometheusText) {
        text.family(
            "meter_http_requests_total",
            .counter,
            "Requests answered, by route and status.",
            labels: ["route", "status"],
            requests.samples
        )
        text.histogram(
            "meter_http_request_duration_seconds",
            "Requests, from head to answer.",
            seconds
        )
        text.family(
            "meter_http_keys_refused_total",
            .counter,
            "Keys that were shown and not accepted, by reason.",
            labels: ["reason"],
            keysRefused.samples
        )
        text.family(
            "meter_http_events_total",
            .counter,
            "Events in answered requests, by what became of them.",
            labels: ["result", "reason"],
            events.samples
        )
        text.family(
            "meter_otlp_spans_total",
            .counter,
            "Spans in answered requests, by what became of them.",
            labels: ["result", "reason"],
            spans.samples
        )
    }
}
