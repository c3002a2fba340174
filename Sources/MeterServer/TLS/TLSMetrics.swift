/// What is counted of TLS.
struct TLSMetrics: Sendable {
    /// By door and version.
    let handshakes = CounterFamily()
    /// By door and reason.
    let failures = CounterFamily()
    /// By door and what the client's certificate says; told to administrators only.
    let clients = CounterFamily()
    /// By what came of them.
    let reloads = CounterFamily()
    /// Seconds since 1970.
    let notAfter = Gauge()

    func write(to text: inout PrometheusText, naming: Bool) {
        text.family(
            "meter_tls_handshakes_total",
            .counter,
            "TLS handshakes that succeeded.",
            labels: ["door", "version"],
            handshakes.samples
        )
        text.family(
            "meter_tls_handshake_failures_total",
            .counter,
            "TLS handshakes that failed, by reason.",
            labels: ["door", "reason"],
            failures.samples
        )
        text.family(
            "meter_tls_reloads_total",
            .counter,
            "Times that new certificates were read.",
            labels: ["result"],
            reloads.samples
        )
        text.gauge(
            "meter_tls_certificate_not_after_seconds",
            "When the certificate in force ends, in seconds since 1970; 0 without TLS.",
            notAfter.current
        )
        guard naming else { return }
        text.family(
            "meter_tls_client_certificates_total",
            .counter,
            "Connections whose client showed a certificate, by what it says.",
            labels: ["door", "client"],
            clients.samples
        )
    }
}
