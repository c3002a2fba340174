internal import Foundation
internal import Meter
internal import MeterClient
internal import MeterTesting
internal import MeterWire
internal import Testing

/// The real emitter with a spool, killed, against the real server.
@Suite struct SpoolTests {
    /// An agent runtime that records without pause and tells how much was sealed, until it is killed.
    private static func runAgent(_ options: EmitterOptions, telling pipe: CInt) -> Never {
        let emitter = Emitter(options)
        var number: UInt64 = 0
        while true {
            for _ in 0..<50 {
                emitter.record(
                    tenant: "acme", agent: "bot", [ComponentAmount("input_tokens", number)])
                number += 1
            }
            var sealed = emitter.statistics.sealed
            _ = unsafe write(pipe, &sealed, 8)
            usleep(2_000)
        }
    }

    /// Kills an agent once it has sealed so many events. Returns how many it was sure to have sealed.
    private static func killAgent(_ options: EmitterOptions, afterSealed least: UInt64) -> UInt64 {
        var ends: [CInt] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return 0 }
        let child = fork()
        if child == 0 { runAgent(options, telling: ends[1]) }
        close(ends[1])
        var sealed: UInt64 = 0
        var next: UInt64 = 0
        while sealed < least, unsafe read(ends[0], &next, 8) == 8 { sealed = next }
        _ = kill(child, SIGKILL)
        var status: CInt = 0
        _ = unsafe waitpid(child, &status, 0)
        while unsafe read(ends[0], &next, 8) == 8 { sealed = max(sealed, next) }
        close(ends[0])
        return sealed
    }

    @Test func `what a killed agent had sealed is counted once, and its source ended by the next`()
        async
    {
        await #expect(processExitsWith: .success) {
            let site = try TestSite(seed: 120)
            let (_, key) = try site.addKey()
            var server = try site.start()
            let addresses = [
                "--udp", server.addresses.udp ?? "", "--tcp", server.addresses.tcp ?? "",
            ]
            var options = EmitterOptions(
                endpoint: .udp(
                    host: "127.0.0.1",
                    port: TestSocket.port(server.addresses.udp ?? "")
                ),
                protection: .encrypted(key)
            )
            options.spool = SpoolOptions(path: site.directory.path + "/spool")
            options.sealAfterMilliseconds = 5
            var sealed: UInt64 = 0
            for round in 0..<4 as Range<UInt64> {
                // With the server there, and with the server away.
                if round == 2 { server.kill() }
                sealed += SpoolTests.killAgent(options, afterSealed: 500 + 700 * round)
            }
            server = try site.restart(onAddresses: addresses)
            let next = Emitter(options)
            let spool = site.directory.path + "/spool"
            try waitUntil(seconds: 120) {
                try FileManager.default.contentsOfDirectory(atPath: spool).isEmpty
            }
            #expect(next.statistics.adoptedSources > 0)
            #expect(next.close(timeoutMilliseconds: 60_000))
            #expect(server.stop() == 0)
            let stored = try site.stored()
            let calls = stored.totals.totals.filter { $0.key.component == "agent_calls" }
            #expect(calls.values.reduce(0) { $0 + $1.sum } >= UInt128(sealed))
            #expect(stored.sources.count == 4)
            #expect(stored.sources.values.allSatisfy { $0.isEnded && !$0.isUnclean })
        }
    }

    @Test func `what a close cannot send waits in the spool for the next process`() throws {
        let site = try TestSite(seed: 121)
        let (_, key) = try site.addKey()
        var server = try site.start()
        let addresses = ["--udp", server.addresses.udp ?? "", "--tcp", server.addresses.tcp ?? ""]
        var options = EmitterOptions(
            endpoint: .tcp(host: "127.0.0.1", port: TestSocket.port(server.addresses.tcp ?? "")),
            protection: .signed(key)
        )
        options.spool = SpoolOptions(path: site.directory.path + "/spool")
        options.spool?.isSynced = true
        server.kill()
        let first = Emitter(options)
        var workload = EventWorkload(seed: 122, start: tenMinutesAgo)
        var model = NaiveMeter()
        for _ in 0..<3_000 {
            let event = workload.event()
            model.count([event])
            first.record(event)
        }
        #expect(!first.close(timeoutMilliseconds: 300))
        server = try site.restart(onAddresses: addresses)
        let second = Emitter(options)
        try waitUntil(seconds: 120) {
            second.statistics.adoptedSources > 0 && second.statistics.adoptedOutstanding == 0
        }
        #expect(second.close(timeoutMilliseconds: 60_000))
        #expect(server.stop() == 0)
        let stored = try site.stored()
        #expect(stored.totals == model)
        #expect(stored.sources[first.statistics.source]?.isEnded == true)
    }
}
