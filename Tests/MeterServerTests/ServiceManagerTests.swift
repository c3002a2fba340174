internal import Foundation
internal import MeterTesting
internal import Testing

@testable internal import MeterServer

/// The server under a service manager that the test plays.
@Suite struct ServiceManagerTests {
    private func start(
        _ site: TestSite,
        _ manager: ManagerSocket,
        _ environment: [String: String] = [:]
    ) throws -> ServerProcess {
        try ServerProcess(
            data: site.data,
            ["--master-key-file", site.masterKeyFile, "--udp-threads", "1"],
            environment: environment.merging(["NOTIFY_SOCKET": manager.place]) { $1 }
        )
    }

    private static func health(_ server: ServerProcess) throws -> (code: Int32, errors: String) {
        let result = try ServerProcess.run(
            ["health", "--admin-socket", server.addresses.admin ?? ""]
        )
        return (result.code, result.errors)
    }

    @Test func `it says when it is ready, that it is alive, and when it stops`() throws {
        let site = try TestSite(seed: 300)
        let manager = try ManagerSocket(site.directory.path + "/notify")
        let server = try start(site, manager, ["WATCHDOG_USEC": "2000000"])
        let first = try #require(manager.receive(until: "READY=1", seconds: 5))
        #expect(first == ["READY=1", "STATUS=ready"], "nothing is said before")
        #expect(try server.get("/readyz").status == 200)
        for _ in 0..<3 { #expect(manager.receive(until: "WATCHDOG=1", seconds: 2) != nil) }
        server.signal(SIGTERM)
        #expect(manager.receive(until: "STOPPING=1", seconds: 5) != nil)
        #expect(server.waitUntilExit() == 0)
        #expect(!manager.receive(for: 0.2).contains("WATCHDOG=1"))
    }

    @Test func `an abstract socket is told as well, and nobody who did not ask of life`() throws {
        let site = try TestSite(seed: 301)
        let manager = try ManagerSocket("@meter-test-\(UUID().uuidString)")
        // The watchdog of a process that started this one is not this one's.
        let server = try start(site, manager, ["WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"])
        #expect(manager.receive(until: "READY=1", seconds: 5) != nil)
        #expect(!manager.receive(for: 1.5).contains("WATCHDOG=1"))
        #expect(server.stop() == 0)
    }

    @Test func `what is no socket is refused, and one that is gone does no harm`() throws {
        let site = try TestSite(seed: 302)
        let refused = try ServerProcess.run(
            ["--data", site.data, "--insecure-loopback"],
            environment: ["NOTIFY_SOCKET": "vsock:2:1234"]
        )
        #expect(refused.code == 78)
        #expect(refused.errors.contains("NOTIFY_SOCKET"))
        let server = try ServerProcess(
            data: site.data,
            ["--master-key-file", site.masterKeyFile],
            environment: ["NOTIFY_SOCKET": site.directory.path + "/nobody"]
        )
        #expect(server.stop() == 0)
        #expect(server.log.contains("the service manager could not be told"))
    }

    /// A timer would go on saying that all is well.
    @Test(arguments: [
        ("meter-committer", "committer"), ("meter-udp-0", "udp-0"), ("NIO-ELT-", "tcp-0"),
    ])
    func `a part that hangs is named, and the watchdog hears no more until it goes on`(
        thread: String,
        part: String
    ) throws {
        let site = try TestSite(seed: 303)
        let manager = try ManagerSocket(site.directory.path + "/notify")
        let server = try start(site, manager, ["WATCHDOG_USEC": "2000000"])
        #expect(manager.receive(until: "WATCHDOG=1", seconds: 5) != nil)
        #expect(try server.get("/healthz").status == 200)
        #expect(try Self.health(server).code == 0)
        let threads = try FrozenThread.threads(thread, of: server.processID)
        let frozen = try FrozenThread(try #require(threads.first))
        #expect(manager.receive(until: "STATUS=stuck: \(part)", seconds: 20) != nil)
        #expect(try Self.health(server).code == 1)
        let health = try server.get("/healthz")
        #expect(health.status == 503)
        #expect(health.body.contains("\"\(part)\""), "\(health.body)")
        #expect(!manager.receive(for: 1.5).contains("WATCHDOG=1"))
        frozen.release()
        #expect(manager.receive(until: "WATCHDOG=1", seconds: 10) != nil)
        #expect(try server.get("/healthz").status == 200)
        #expect(server.stop() == 0)
    }

    @Test func `health says no where no server is, or which setting is missing`() throws {
        let site = try TestSite(seed: 305)
        let nobody = try ServerProcess.run(["health", "--data", site.data])
        #expect(nobody.code == 1)
        #expect(nobody.errors.contains("no server at \(site.data)/admin.sock"))
        #expect(try ServerProcess.run(["health"]).code == 78)
    }

    @Test func `HTTP that answers nobody is found by asking it`() throws {
        let site = try TestSite(seed: 304)
        let manager = try ManagerSocket(site.directory.path + "/notify")
        let server = try start(site, manager, ["WATCHDOG_USEC": "2000000"])
        #expect(manager.receive(until: "WATCHDOG=1", seconds: 5) != nil)
        // The loops that all HTTP connections share.
        let frozen = try FrozenThread.threads("NIO-SGLTN-", of: server.processID)
            .map { try FrozenThread($0) }
        #expect(!frozen.isEmpty)
        #expect(manager.receive(until: "STATUS=stuck: http", seconds: 60) != nil)
        for thread in frozen { thread.release() }
        #expect(manager.receive(until: "WATCHDOG=1", seconds: 10) != nil)
        #expect(server.stop() == 0)
    }
}
