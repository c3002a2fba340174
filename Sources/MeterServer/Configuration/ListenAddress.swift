internal import NIOCore

/// Where a listener is bound: an IP address and a port, 0 for any free one.
struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    let host: String
    let port: Int

    /// Reads `127.0.0.1:80`, `[::1]:80` or `localhost:80`; nil for anything else. Host names are not
    /// looked up: what is bound must not depend on an answer from elsewhere.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host == "localhost" { host = "127.0.0.1" }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard (try? SocketAddress(ipAddress: host, port: 0)) != nil else { return nil }
        self.host = host
        self.port = Int(port)
    }

    var isLoopback: Bool {
        host == "::1" || host.hasPrefix("127.")
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address as the socket calls take it.
    func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: host, port: port)
    }
}
