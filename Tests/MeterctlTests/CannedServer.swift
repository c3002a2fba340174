internal import Foundation
internal import Glibc
internal import MeterTesting
internal import Synchronization

/// A server whose answers are files: what meterctl makes of them must not depend on a clock or on keys
/// that are drawn. The files are answers that a real server gave.
final class CannedServer: Sendable {
    struct Answer {
        var status = 200
        var body: String
    }

    let socket: String
    private let directory: TemporaryDirectory
    private let listener: Int32
    private let requests = Mutex<[String]>([])
    private let answer: @Sendable (String) -> Answer

    struct Failure: Error { let errno: Int32 }

    /// - Parameter answer: By method and target, such as `GET /admin/v1/status`.
    init(_ answer: @escaping @Sendable (String) -> Answer) throws {
        self.answer = answer
        directory = try TemporaryDirectory()
        socket = directory.path + "/admin.sock"
        listener = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(socket.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, size)
            }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw Failure(errno: errno) }
        Thread { [self] in serve() }.start()
    }

    /// Every request so far: method, target, and body where it had one.
    var asked: [String] { requests.withLock { $0 } }

    /// Ends the thread.
    func stop() { shutdown(listener, CInt(SHUT_RDWR)) }

    deinit { close(listener) }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            defer { close(connection) }
            var text = ""
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while !Self.isWhole(text) {
                let count = unsafe read(connection, &bytes, bytes.count)
                guard count > 0 else { break }
                text += String(decoding: bytes[..<count], as: UTF8.self)
            }
            let line = text.split(separator: " ", maxSplits: 2)
            guard line.count == 3 else { continue }
            let request = "\(line[0]) \(line[1])"
            let body = text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
            requests.withLock { $0.append(body.isEmpty ? request : "\(request) \(body)") }
            let answer = answer(request)
            let reply = Array(
                """
                HTTP/1.1 \(answer.status) X\r
                Content-Type: application/json\r
                Content-Length: \(answer.body.utf8.count)\r
                Connection: close\r
                \r
                \(answer.body)
                """.utf8
            )
            _ = unsafe write(connection, reply, reply.count)
        }
    }

    private static func isWhole(_ text: String) -> Bool {
        guard let end = text.range(of: "\r\n\r\n") else { return false }
        let length = text.lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        return text[end.upperBound...].utf8.count >= length ?? 0
    }
}
