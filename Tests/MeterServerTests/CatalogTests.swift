internal import Foundation
internal import MeterCatalog
internal import MeterClient
internal import MeterTesting
internal import MeterWire
internal import Testing

/// The catalog beside the data of the real server.
@Suite struct CatalogTests {
    @Test func `a deleted catalog is made anew, byte for byte the same`() throws {
        let site = try TestSite(seed: 95)
        let (_, key) = try site.addKey()
        let server = try site.start(["--checkpoint-seconds", "1"])
        let emitter = Emitter(
            EmitterOptions(
                endpoint: .tcp(
                    host: "127.0.0.1", port: TestSocket.port(server.addresses.tcp ?? "")),
                protection: .signed(key)))
        var workload = EventWorkload(seed: 96, start: tenMinutesAgo)
        for event in workload.events(500) { emitter.record(event) }
        #expect(emitter.close(timeoutMilliseconds: 20_000))
        let end = Date().addingTimeInterval(20)
        while Date() < end, try server.metric("meter_checkpoints_total") == 0 { usleep(20_000) }
        #expect(server.stop() == 0)
        let kept = site.data + "/catalog.sqlite"
        let copy = site.directory.path + "/copy"
        try FileManager.default.copyItem(atPath: site.data, toPath: copy)
        try FileManager.default.removeItem(atPath: copy + "/catalog.sqlite")
        for data in [site.data, copy] {
            let again = try ServerProcess(data: data, ["--master-key-file", site.masterKeyFile])
            #expect(again.stop() == 0)
        }
        let followed = try Catalog.open(kept).catalog.canonicalDump()
        let anew = try Catalog.open(copy + "/catalog.sqlite").catalog.canonicalDump()
        #expect(followed == anew)
        #expect(followed.contains("segment-"))
        #expect(followed.contains(emitter.statistics.source.description))
    }
}
