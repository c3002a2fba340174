import Foundation
import Meter
import Synchronization
import Testing

@testable import MeterServer

struct VitalsTests {
    @Test func `a part is late when it has not come round by when it promised`() async throws {
        let vitals = Vitals()
        let quick = vitals.add("quick")
        let slow = vitals.add("slow")
        quick.beat(within: .milliseconds(20))
        slow.beat(within: .seconds(60))
        #expect(vitals.lateParts.isEmpty)
        try await Task.sleep(for: .milliseconds(50))
        #expect(vitals.lateParts == ["quick"])
        quick.beat()
        #expect(vitals.lateParts.isEmpty)
        quick.beat(within: .milliseconds(-1))
        #expect(vitals.lateParts == ["quick"])
        quick.end()
        #expect(vitals.lateParts.isEmpty)
    }

    /// To start again would not mend the disk, and would end the answers that need none.
    @Test func `a committer that waits for the disk is not stuck`() async throws {
        let gate = Gate()
        let server = try await TestServer { HangingDisk($0, gate) }
        let key = try await server.makeKey(#"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        gate.isShut.store(true, ordering: .sequentiallyConsistent)
        let event = """
            {"specversion":"1.0","type":"call","source":"/s","id":"1","time":"\(server.now)",
            "subject":"agent","data":{"tenant":"acme","amounts":{"calls":1}}}
            """
        async let reply = server.call(
            "POST",
            "/api/v1/events",
            event,
            key: key,
            type: "application/cloudevents+json"
        )
        try await Task.sleep(for: Heartbeat.usual + .seconds(1))
        #expect(gate.waiterCount.load(ordering: .sequentiallyConsistent) > 0, "the sync hangs")
        #expect(server.context.vitals.lateParts.isEmpty)
        #expect(try await server.call("GET", "/healthz").status == 200)
        gate.isShut.store(false, ordering: .sequentiallyConsistent)
        #expect(try await reply.status == 200)
    }
}

private final class Gate: Sendable {
    let isShut = Atomic(false)
    let waiterCount = Atomic(0)

    func pass() {
        waiterCount.add(1, ordering: .sequentiallyConsistent)
        while isShut.load(ordering: .sequentiallyConsistent) { usleep(1_000) }
        waiterCount.subtract(1, ordering: .sequentiallyConsistent)
    }
}

/// A disk whose syncs hang while the gate is shut.
private final class HangingDisk: Disk {
    private let disk: any Disk
    private let gate: Gate

    init(_ disk: any Disk, _ gate: Gate) {
        self.disk = disk
        self.gate = gate
    }

    func list() throws(DiskError) -> [String] { try disk.list() }
    func create(_ name: String) throws(DiskError) -> any DiskFile {
        HangingFile(try disk.create(name), gate)
    }
    func open(_ name: String) throws(DiskError) -> any DiskFile {
        HangingFile(try disk.open(name), gate)
    }
    func rename(_ name: String, to newName: String) throws(DiskError) {
        try disk.rename(name, to: newName)
    }
    func remove(_ name: String) throws(DiskError) { try disk.remove(name) }
    func syncDirectory() throws(DiskError) { try disk.syncDirectory() }
}

private final class HangingFile: DiskFile {
    private let file: any DiskFile
    private let gate: Gate

    init(_ file: any DiskFile, _ gate: Gate) {
        self.file = file
        self.gate = gate
    }

    var name: String { file.name }
    func byteCount() throws(DiskError) -> Int { try file.byteCount() }
    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        try unsafe file.append(bytes)
    }
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        try unsafe file.read(at: offset, into: target)
    }
    func sync() throws(DiskError) {
        gate.pass()
        try file.sync()
    }
}
