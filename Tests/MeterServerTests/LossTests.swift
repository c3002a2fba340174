internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Synchronization
internal import Testing

@testable internal import MeterServer

@Suite struct LossTests {
    @Test(arguments: [UInt64](1...2))
    func `datagrams dropped, duplicated and reordered give the same totals`(seed: UInt64) throws {
        let site = try TestSite(seed: 70 + seed)
        let (_, key) = try site.addKey()
        let server = try site.start()
        let proxy = try LossyProxy(to: server.addresses.udp ?? "", seed: seed)
        var emitter = RawEmitter(seed: 700 + seed, key: key)
        let socket = try TestSocket(udp: "127.0.0.1:\(proxy.port)")
        for _ in 0..<1_000 {
            try socket.send(emitter.makeFrame(10))
            while let bytes = socket.receive(milliseconds: 0) { try emitter.take(bytes) }
        }
        let end = Date().addingTimeInterval(20)
        while !emitter.outstanding.isEmpty, Date() < end {
            if let bytes = socket.receive(milliseconds: 100) {
                try emitter.take(bytes)
            } else {
                for frame in emitter.outstanding { try socket.send(frame.bytes) }
            }
        }
        #expect(emitter.outstanding.isEmpty)
        let faults = proxy.stop()
        #expect(faults.dropped > 5 && faults.duplicated > 5 && faults.reordered > 5, "\(faults)")
        #expect(try server.metric(#"meter_events_total{result="duplicate"}"#) > 0)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    /// Needs root for a small tmpfs: a disk that is really full.
    @Test func `a full disk acknowledges nothing false, and goes on when there is space`() throws {
        let site = try TestSite(seed: 80)
        let mount = site.directory.path + "/small"
        try FileManager.default.createDirectory(
            atPath: mount,
            withIntermediateDirectories: false
        )
        guard getuid() == 0, try run("/bin/mount", "-t", "tmpfs", "-o", "size=4m", "none", mount)
        else {
            print("skipped: a full disk needs root to mount a small tmpfs")
            return
        }
        defer { _ = try? run("/bin/umount", "-l", mount) }
        let ballast = mount + "/ballast"
        try Data(count: 2 << 20).write(to: URL(filePath: ballast))
        let data = mount + "/data"
        let server = try ServerProcess(
            data: data,
            ["--insecure-loopback", "--checkpoint-seconds", "3600"]
        )
        var emitter = RawEmitter(seed: 81, key: nil)
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        // More than fits; the server stops reading some time after the disk is full.
        var isFull = false
        for _ in 0..<4_000 where !isFull {
            try socket.send(RawEmitter.framed(emitter.makeFrame(200)))
            while let bytes = socket.receive(milliseconds: 0), !bytes.isEmpty {
                try emitter.receive(bytes)
            }
            if emitter.frames.count.isMultiple(of: 50) {
                isFull = try server.get("/readyz").body.contains("disk-full")
            }
        }
        #expect(isFull)
        #expect(try server.get("/readyz").status == 503)
        while let bytes = socket.receive(milliseconds: 300), !bytes.isEmpty {
            try emitter.receive(bytes)
        }
        let acknowledged = emitter.acknowledgedEventCount
        #expect(acknowledged > 0 && !emitter.outstanding.isEmpty)
        usleep(1_000_000)
        #expect(socket.receive(milliseconds: 0) == nil, "no acknowledgement while the disk is full")
        try FileManager.default.removeItem(atPath: ballast)
        try waitUntil(seconds: 15) { try server.get("/readyz").status == 200 }
        _ = emitter.makeFrame(5)
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "", milliseconds: 20_000)
        #expect(settled)
        #expect(server.stop() == 0)
        #expect(try Stored(data: data).totals == emitter.totals)
    }

    private func run(_ path: String, _ arguments: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

/// Passes datagrams on in both directions; one in fifty is dropped, one in fifty sent twice, one in
/// fifty held back behind the next.
final class LossyProxy: Sendable {
    struct Faults: Sendable {
        var dropped = 0
        var duplicated = 0
        var reordered = 0
    }

    let port: UInt16
    private let flag: SharedFlag
    private let counts: SharedFaults
    private let thread: WorkerThread

    init(to address: String, seed: UInt64, port ownPort: UInt16 = 0) throws {
        let front = try TestSocket(udpBoundTo: ownPort)
        let back = try TestSocket(udp: address)
        port = front.port
        let stopping = SharedFlag()
        let shared = SharedFaults()
        flag = stopping
        counts = shared
        thread = try WorkerThread("test-proxy") {
            var random = Seed(seed)
            var clientPort: UInt16 = 0
            var held: (isUp: Bool, bytes: [UInt8])?
            func pass(_ bytes: [UInt8], isUp: Bool) {
                if isUp { try? back.send(bytes) } else { front.send(bytes, toPort: clientPort) }
            }
            func handle(_ bytes: [UInt8], isUp: Bool) {
                switch random.below(50) {
                case 0: shared.add { $0.dropped += 1 }
                case 1:
                    pass(bytes, isUp: isUp)
                    pass(bytes, isUp: isUp)
                    shared.add { $0.duplicated += 1 }
                case 2 where held == nil:
                    held = (isUp, bytes)
                    shared.add { $0.reordered += 1 }
                default:
                    pass(bytes, isUp: isUp)
                    if let late = held {
                        held = nil
                        pass(late.bytes, isUp: late.isUp)
                    }
                }
            }
            while !stopping.isSet {
                if let (bytes, from) = front.receiveFrom(milliseconds: 1) {
                    clientPort = from
                    handle(bytes, isUp: true)
                }
                while let bytes = back.receive(milliseconds: 0), !bytes.isEmpty {
                    handle(bytes, isUp: false)
                }
            }
        }
    }

    func stop() -> Faults {
        flag.set()
        thread.join()
        return counts.value
    }

    private final class SharedFlag: Sendable {
        private let flag = Atomic(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set() { flag.store(true, ordering: .releasing) }
    }

    private final class SharedFaults: Sendable {
        private let faults = Mutex(Faults())
        var value: Faults { faults.withLock { $0 } }
        func add(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }
    }
}
