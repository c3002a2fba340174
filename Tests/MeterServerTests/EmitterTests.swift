internal import Foundation
internal import Meter
internal import MeterClient
internal import MeterTesting
internal import MeterWire
internal import Testing

/// The real emitter against the real server.
@Suite struct EmitterTests {
    private func endpoint(_ address: String?, udp: Bool) -> Endpoint {
        let port = TestSocket.port(address ?? "")
        return udp
            ? .udp(host: "127.0.0.1", port: port) : .tcp(host: "127.0.0.1", port: port)
    }

    @Test(arguments: [true, false])
    func `what the emitter records is counted once, and its last claim ends the source`(
        udp: Bool
    ) throws {
        let site = try TestSite(seed: 90)
        let (_, key) = try site.addKey()
        let server = try site.start()
        let emitter = Emitter(
            EmitterOptions(
                endpoint: endpoint(
                    udp ? server.addresses.udp : server.addresses.tcp,
                    udp: udp
                ),
                protection: .signed(key)
            )
        )
        var workload = EventWorkload(seed: 91, start: tenMinutesAgo)
        var model = NaiveMeter()
        for _ in 0..<5_000 {
            let event = workload.event()
            model.count([event])
            emitter.record(event)
        }
        #expect(emitter.close(timeoutMilliseconds: 20_000))
        #expect(emitter.statistics.durable == 5_000)
        #expect(server.stop() == 0)
        let stored = try site.stored()
        #expect(stored.totals == model)
        let source = try #require(stored.sources[emitter.statistics.source])
        #expect(source.isEnded && !source.isUnclean && source.openHoles.isEmpty)
    }

    /// Half of the emitters use UDP through a proxy that loses, doubles and reorders; the server is
    /// killed twice while they record.
    @Test func `emitters carry on while the server is killed and started again`() throws {
        let site = try TestSite(seed: 92)
        let (_, key) = try site.addKey()
        var server = try site.start()
        let ports = [
            "--udp", server.addresses.udp ?? "", "--tcp", server.addresses.tcp ?? "",
        ]
        let proxy = try LossyProxy(to: server.addresses.udp ?? "", seed: 93)
        let emitters = [
            Emitter(
                EmitterOptions(
                    endpoint: endpoint(server.addresses.tcp, udp: false),
                    protection: .signed(key)
                )
            ),
            Emitter(
                EmitterOptions(
                    endpoint: .udp(host: "127.0.0.1", port: proxy.port),
                    protection: .encrypted(key)
                )
            ),
        ]
        var workload = EventWorkload(seed: 94, start: tenMinutesAgo)
        var model = NaiveMeter()
        func record(_ count: Int) {
            for index in 0..<count {
                let event = workload.event()
                model.count([event])
                emitters[index % emitters.count].record(event)
                if index.isMultiple(of: 20) { usleep(1_000) }
            }
        }
        for _ in 0..<2 {
            record(4_000)
            server.kill()
            record(1_000)
            server = try site.restart(onAddresses: ports)
        }
        record(4_000)
        for emitter in emitters { #expect(emitter.close(timeoutMilliseconds: 30_000)) }
        _ = proxy.stop()
        #expect(emitters.reduce(0) { $0 + $1.statistics.framesResent } > 0)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == model)
    }

    /// Far more counters than may be in memory: checkpoints make room while senders wait.
    /// Datagrams go to a socket that nobody reads; later to a proxy that loses, doubles and reorders.
    @Test func `frames whose datagrams vanish go over TCP, back over UDP, and are counted once`()
        throws
    {
        let site = try TestSite(seed: 97)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var blackHole: TestSocket? = try TestSocket(udpBoundTo: 0)
        let port = try #require(blackHole?.port)
        var options = EmitterOptions(
            endpoint: .udp(host: "127.0.0.1", port: port),
            protection: .signed(key)
        )
        options.fallBack = endpoint(server.addresses.tcp, udp: false)
        options.fallBackAfterMilliseconds = 300
        options.probeEveryMilliseconds = 200
        options.sealAfterMilliseconds = 20
        let emitter = Emitter(options)
        var workload = EventWorkload(seed: 98, start: tenMinutesAgo)
        var model = NaiveMeter()
        func record(_ count: Int) {
            for _ in 0..<count {
                let event = workload.event()
                model.count([event])
                emitter.record(event)
            }
        }
        record(2_000)
        #expect(emitter.flush(timeoutMilliseconds: 60_000))
        #expect(emitter.statistics.durable == 2_000)
        #expect(emitter.statistics.isFallenBack && emitter.statistics.connections == 1)

        blackHole = nil
        let proxy = try LossyProxy(to: server.addresses.udp ?? "", seed: 99, port: port)
        try waitUntil(seconds: 120) {
            // Only what is sent can show whether datagrams get through.
            record(5)
            usleep(20_000)
            return !emitter.statistics.isFallenBack
        }
        record(2_000)
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        _ = proxy.stop()
        #expect(server.stop() == 0)
        let stored = try site.stored()
        #expect(stored.totals == model)
        let source = try #require(stored.sources[emitter.statistics.source])
        #expect(stored.sources.count == 1)
        #expect(source.isEnded && !source.isUnclean && source.openHoles.isEmpty)
    }

    @Test func `at the limit of live keys senders wait and nothing is lost`() throws {
        let site = try TestSite(seed: 95)
        let (_, key) = try site.addKey()
        let server = try site.start(["--limits-live-keys", "1000"])
        let emitter = Emitter(
            EmitterOptions(
                endpoint: endpoint(server.addresses.tcp, udp: false),
                protection: .signed(key)
            )
        )
        var workload = EventWorkload(
            seed: 96,
            tenantCount: 3,
            agentCount: 300,
            minuteCount: 8,
            start: tenMinutesAgo
        )
        var model = NaiveMeter()
        for _ in 0..<20_000 {
            let event = workload.event()
            model.count([event])
            emitter.record(event)
        }
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        #expect(try server.metric("meter_checkpoints_total") >= 3)
        #expect(try server.metric("meter_tcp_reading_pauses_total") > 0)
        #expect(try server.metric("meter_principals_not_conserved") == 0)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == model)
    }
}
