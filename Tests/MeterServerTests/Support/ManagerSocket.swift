internal import CMeter
internal import Foundation
internal import Glibc

@testable internal import MeterServer

/// The socket that systemd would have: takes what a service says about itself.
final class ManagerSocket: Sendable {
    /// What goes into `NOTIFY_SOCKET`.
    let place: String
    private let descriptor: CInt

    /// - Parameter place: A path, or `@name`.
    init(_ place: String) throws {
        self.place = place
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        guard let address = UnixSocketAddress(managerSocket: place),
            unsafe address.withAddress({ unsafe bind(descriptor, $0, $1) }) == 0
        else { throw TestSocket.Failure(call: "bind", number: errno) }
    }

    deinit { close(descriptor) }

    /// The lines of the next datagram; nil if none came within the time.
    func receive(milliseconds: Int32) -> [String]? {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count >= 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    /// Receives until a datagram has the line.
    ///
    /// - Returns: Every line until then, or nil if it did not come in time.
    func receive(until line: String, seconds: Double) -> [String]? {
        let end = Date().addingTimeInterval(seconds)
        var lines: [String] = []
        while Date() < end {
            lines += receive(milliseconds: 100) ?? []
            if lines.contains(line) { return lines }
        }
        return nil
    }

    /// Everything that comes within the time.
    func receive(for seconds: Double) -> [String] {
        let end = Date().addingTimeInterval(seconds)
        var lines: [String] = []
        while Date() < end { lines += receive(milliseconds: 100) ?? [] }
        return lines
    }
}

/// Stops one thread of another process, as a bug would, and lets it go on.
///
/// A debugger's calls do that; Swift sees none of them, Python's ctypes does.
final class FrozenThread {
    private let process = Process()
    private let input = Pipe()

    struct Failure: Error {
        let said: String
    }

    private static let program = """
        import ctypes, os, sys
        trace = ctypes.CDLL(None, use_errno=True).ptrace
        trace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        seize, interrupt, detach, any_thread = 0x4206, 0x4207, 17, 0x40000000
        thread = int(sys.argv[1])
        if trace(seize, thread, None, None) or trace(interrupt, thread, None, None):
            sys.exit(os.strerror(ctypes.get_errno()))
        os.waitpid(thread, any_thread)
        print("frozen", flush=True)
        sys.stdin.read()
        trace(detach, thread, None, None)
        """

    /// The threads whose names, as `ps -L` shows them, begin so; by name.
    static func threads(_ prefix: String, of server: Int32) throws -> [String] {
        let tasks = "/proc/\(server)/task"
        let names = try FileManager.default.contentsOfDirectory(atPath: tasks).map { thread in
            let name = try String(contentsOfFile: "\(tasks)/\(thread)/comm", encoding: .utf8)
            return (thread: thread, name: name)
        }
        return names.filter { $0.name.hasPrefix(prefix) }.sorted { $0.name < $1.name }
            .map(\.thread)
    }

    /// Returns when the thread stands still.
    init(_ thread: String) throws {
        let output = Pipe()
        process.standardError = output
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.program, thread]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard said.hasPrefix("frozen") else { throw Failure(said: said) }
    }

    /// Lets the thread go on.
    func release() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    deinit { if process.isRunning { release() } }
}
