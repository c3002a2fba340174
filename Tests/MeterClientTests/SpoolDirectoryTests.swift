import Glibc
import MeterDisk
import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// The real directory, its locks and its rights.
@Suite struct SpoolDirectoryTests {
    private let source = SourceID(high: 4, low: 2)

    private func wait(_ condition: () -> Bool) {
        for _ in 0..<120_000 where !condition() { usleep(1_000) }
        #expect(condition())
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func `a source's files are one process's at a time`() throws {
        let place = try TemporaryDirectory()
        let one = try POSIXSpoolDirectory(path: place.path + "/spool")
        let other = try POSIXSpoolDirectory(path: place.path + "/spool")
        var held: (any SpoolLock)? = try one.lock(source)
        let refusal = #expect(throws: DiskError.self) { _ = try other.lock(source) }
        #expect(refusal?.reason == .locked(byProcess: getpid()))
        _ = try other.lock(SourceID(high: 4, low: 3))
        withExtendedLifetime(held) {}
        held = nil
        _ = try other.lock(source)
    }

    @Test func `the child of a fork has no part in its parent's spool`() async {
        await #expect(processExitsWith: .success) {
            let place = try TemporaryDirectory()
            let directory = try POSIXSpoolDirectory(path: place.path + "/spool")
            let source = SourceID(high: 4, low: 2)
            var held: (any SpoolLock)? = try directory.lock(source)
            var began: [CInt] = [-1, -1]
            var ends: [CInt] = [-1, -1]
            try #require(unsafe pipe(&began) == 0 && pipe(&ends) == 0)
            var byte: UInt8 = 0
            let child = fork()
            if child == 0 {
                // Lives until its parent has seen what it wanted to see.
                close(ends[1])
                _ = unsafe write(began[1], &byte, 1)
                _ = unsafe read(ends[0], &byte, 1)
                _exit(0)
            }
            _ = unsafe read(began[0], &byte, 1)
            withExtendedLifetime(held) {}
            held = nil
            let again = try? directory.lock(source)
            close(ends[1])
            var status: CInt = 0
            _ = unsafe waitpid(child, &status, 0)
            exit(again == nil ? 1 : 0)
        }
    }

    @Test func `nobody but its owner reads a spool, and two emitters may share it`() throws {
        let place = try TemporaryDirectory()
        let path = place.path + "/spool"
        var options = EmitterOptions(
            endpoint: .udp(host: "127.0.0.1", port: 9),
            protection: .signed(WireKey.derived(fromMaster: [5], id: KeyID(rawValue: 8)))
        )
        options.spool = SpoolOptions(path: path)
        let one = Emitter(options)
        one.record(tenant: "t", agent: "a", [ComponentAmount("input_tokens", 1)])
        #expect(!one.flush(timeoutMilliseconds: 10))
        wait { one.statistics.spoolBytes > 0 }
        #expect(mode(path) == 0o700)
        let files = try POSIXDisk(path: path).list()
        #expect(files.count == 2)
        for file in files { #expect(mode(path + "/" + file) == 0o600, "\(file)") }

        // Another one looks through the directory before it sends its first frame.
        let other = Emitter(options)
        other.record(tenant: "t", agent: "a", [ComponentAmount("input_tokens", 1)])
        wait { other.statistics.framesSent > 0 }
        #expect(other.statistics.adoptedSources == 0)
        #expect(!one.close(timeoutMilliseconds: 0))
        #expect(!other.close(timeoutMilliseconds: 0))
        #expect(one.statistics.spoolFailures == 0 && other.statistics.spoolFailures == 0)
        #expect(try POSIXDisk(path: path).list().filter { $0.hasSuffix(".spool") }.count == 2)

        // Both are gone: the next finds what they have left.
        let next = Emitter(options)
        wait { next.statistics.adoptedSources == 2 }
        wait { next.statistics.adoptedOutstanding == 2 }
        next.close(timeoutMilliseconds: 0)
    }
}
