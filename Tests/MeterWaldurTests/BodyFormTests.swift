import Logging
import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

/// In which of Waldur's two forms totals are told.
@Suite struct BodyFormTests {
    /// The double, which names a version of the test's and keeps what is told.
    private final class Versioned: WaldurTransport {
        let inner: WorldTransport
        let version: String?
        let bodies = Mutex<[String]>([])

        init(_ world: DoubleWorld, version: String?) {
            inner = WorldTransport(world: world)
            self.version = version
        }

        func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
            if request.path == "/api/version/", let version {
                return CannedTransport.json(#"{"version":"\#(version)"}"#)
            }
            if request.method == .post { bodies.withLock { $0.append(request.body) } }
            return try await inner.send(request)
        }
    }

    @Test(arguments: [nil, "7.3.0", "8.1.3"])
    func `the version that Waldur names decides the form`(version: String?) async throws {
        let start = Simulation.midMonth
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        let transport = Versioned(simulation.world, version: version)
        let service = ReporterService(
            settings: ReporterSettings(waldur: Simulation.waldur),
            accounts: WaldurAccounts([WaldurClient(transport: transport) { start }]),
            engine: simulation.engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            seed: 1,
            now: { start }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await service.run() }
            while (try? await service.submit()) == nil {
                try await Task.sleep(for: .milliseconds(5))
            }
            group.cancelAll()
        }
        let bodies = transport.bodies.withLock { $0 }
        let isDated = version == "8.1.3"
        #expect(!bodies.isEmpty)
        for body in bodies {
            #expect(body.contains("\"date\":\"2026-11-16T") == isDated)
            #expect(body.contains("missing_usage_policy") == isDated)
            #expect(body.contains("recurring") != isDated)
        }
    }
}
