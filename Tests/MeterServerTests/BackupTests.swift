internal import Foundation
internal import Meter
internal import MeterTesting
internal import Testing

@testable internal import MeterServer

/// What Documentation/Operations.md says of backups, done.
@Suite struct BackupTests {
    /// Sends frames, has the directory copied, sends more, and loses the disk.
    private struct LostSite {
        let site: TestSite
        var emitter: RawEmitter
        let framesAtBackup: Int
    }

    private func lose(seed: UInt64) throws -> LostSite {
        let site = try TestSite(seed: seed)
        let (_, key) = try site.addKey()
        var emitter = RawEmitter(seed: seed, key: key)
        let backup = site.directory.path + "/backup"
        for part in 0..<2 {
            let server = try site.start(["--checkpoint-seconds", "1"])
            for _ in 0..<50 { _ = emitter.makeFrame(20) }
            #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
            usleep(1_500_000)
            #expect(try server.metric("meter_checkpoints_total") > 0)
            #expect(server.stop() == 0)
            if part == 0 {
                try FileManager.default.copyItem(atPath: site.data, toPath: backup)
            }
        }
        let verified = try Self.meterctl("verify", backup)
        #expect(verified.code == 0, "\(verified.output)")
        try FileManager.default.moveItem(atPath: site.data, toPath: site.data + ".lost")
        try FileManager.default.moveItem(atPath: backup, toPath: site.data)
        return LostSite(site: site, emitter: emitter, framesAtBackup: 50)
    }

    @Test func `a restored copy and what is sent again give the same totals`() throws {
        let lost = try lose(seed: 320)
        let server = try lost.site.start()
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        // The emitter has kept everything, what was acknowledged included.
        let count = Double(lost.emitter.frames.count * 20)
        for frame in lost.emitter.frames { try socket.send(RawEmitter.framed(frame.bytes)) }
        let received = "meter_events_received_total"
        for _ in 0..<200 where try server.metric(received) < count { usleep(50_000) }
        #expect(try server.metric(#"meter_events_total{result="duplicate"}"#) == count / 2)
        #expect(try server.metric(#"meter_events_total{result="accepted"}"#) == count / 2)
        #expect(server.stop() == 0)
        #expect(try lost.site.stored().totals == lost.emitter.totals)
    }

    @Test func `what a restored copy misses is named`() throws {
        var lost = try lose(seed: 321)
        let server = try lost.site.start()
        // The emitter goes on, and has nothing any more of what was acknowledged.
        _ = lost.emitter.makeFrame(20)
        #expect(try lost.emitter.settle(tcp: server.addresses.tcp ?? ""))
        #expect(try server.metric(#"meter_sources{state="incomplete"}"#) == 1)
        #expect(server.stop() == 0)
        let source = try #require(try lost.site.stored().sources[lost.emitter.source])
        let missing = UInt64(lost.framesAtBackup * 20)..<(UInt64(lost.framesAtBackup * 40))
        #expect(source.openHoles == [missing])
    }

    private static func meterctl(_ arguments: String...) throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = ServerProcess.binary.deletingLastPathComponent()
            .appending(path: "meterctl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
