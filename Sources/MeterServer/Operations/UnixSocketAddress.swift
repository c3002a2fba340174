internal import CMeter
internal import Glibc

/// The address of a Unix socket as system calls take it.
struct UnixSocketAddress: Sendable {
    /// sockaddr_un has 108 bytes for a path and its final zero.
    static let pathByteCountMax = 107

    private var bytes: [UInt8]

    /// - Returns: Nil if the path is empty, too long, or has a zero in it.
    init?(path: String) {
        let name = Array(path.utf8)
        guard !name.isEmpty, name.count <= Self.pathByteCountMax, !name.contains(0) else {
            return nil
        }
        bytes = name + [0]
    }

    /// Takes what a service manager gives: a whole path, or a name in Linux's abstract namespace,
    /// written as `@name`.
    ///
    /// - Returns: Nil if it is neither, or too long.
    init?(managerSocket text: String) {
        guard text.hasPrefix("/") || text.hasPrefix("@"), text.utf8.count > 1 else { return nil }
        self.init(path: text)
        if text.hasPrefix("@") {
            // An abstract name begins with a zero, and ends where the address does.
            bytes[0] = 0
            bytes.removeLast()
        }
    }

    /// Calls with the address and its length.
    func withAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let count = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + bytes.count } ?? 0
        return unsafe withUnsafeBytes(of: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self) { address in
                // The buffer is a whole sockaddr_un and has a base.
                guard let base = address.baseAddress else { preconditionFailure() }
                return unsafe body(base, socklen_t(count))
            }
        }
    }
}
