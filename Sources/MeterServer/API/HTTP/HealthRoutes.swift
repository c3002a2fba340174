internal import Meter

/// What the server says of itself.
protocol ServerHealth: Sendable {
    /// Every condition that holds; the server is ready where none of them blocks.
    func conditions() -> [HealthCondition]
    /// Parts that should have come round and did not: what a restart mends.
    func lateParts() -> [String]
    /// Adds all metrics of the server to an exposition, those of the HTTP layer excepted.
    ///
    /// - Parameter naming: Whether tenants and principals may be named.
    func write(to text: inout PrometheusText, naming: Bool)
    /// The version of this build.
    var version: String { get }
}

/// One thing about the server that an operator should know.
package struct HealthCondition: Sendable, Equatable {
    /// Stable, such as `disk-full`.
    package let reason: String
    /// What happened and what to do.
    package let detail: String
    /// Whether traffic should go elsewhere meanwhile.
    package let isBlocking: Bool

    package init(reason: String, detail: String, isBlocking: Bool) {
        self.reason = reason
        self.detail = detail
        self.isBlocking = isBlocking
    }

    var json: JSONOutput {
        [
            "reason": .string(reason), "detail": .string(detail),
            "blocking": .boolean(isBlocking),
        ]
    }
}

/// `/healthz`, `/readyz`, `/metrics`, `/version`, `/openapi.yaml`: open to everybody, naming nobody.
struct HealthRoutes {
    let health: any ServerHealth
    let counters: APICounters

    var routes: [APIRoute] {
        [
            // Alive: never depends on the disk or on Waldur, or a restart would be asked for in vain.
            APIRoute(.get, "/healthz") { _ throws(Problem) in liveness() },
            APIRoute(.get, "/readyz") { _ throws(Problem) in readiness() },
            // Whoever administers is told names as well.
            APIRoute(.get, "/metrics") { call throws(Problem) in
                var text = PrometheusText()
                health.write(to: &text, naming: call.caller.has(.admin))
                counters.write(to: &text)
                return .text(text.text, type: "text/plain; version=0.0.4")
            },
            APIRoute(.get, "/version") { _ throws(Problem) in
                .json(["name": "meter", "version": .string(health.version)])
            },
            APIRoute(.get, "/openapi.yaml") { _ throws(Problem) in
                APIAnswer(contentType: "application/yaml", body: PackageResources.openapi_yaml)
            },
        ]
    }

    private func liveness() -> APIAnswer {
        let late = health.lateParts()
        guard !late.isEmpty else { return .json(["status": "alive"]) }
        return .json(
            ["status": "stuck", "parts": .array(late.map { .string($0) })],
            status: 503
        )
    }

    private func readiness() -> APIAnswer {
        let conditions = health.conditions()
        let isReady = !conditions.contains(where: \.isBlocking)
        return .json(
            [
                "status": .string(isReady ? "ready" : "not-ready"),
                "reasons": .array(conditions.map(\.json)),
            ],
            status: isReady ? 200 : 503
        )
    }
}
