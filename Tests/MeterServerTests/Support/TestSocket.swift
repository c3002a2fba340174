internal import CMeter
internal import Glibc

/// A blocking socket on the loopback, for tests.
final class TestSocket: Sendable {
    struct Failure: Error {
        let call: String
        let number: CInt
    }

    let descriptor: CInt

    /// Connects a stream to `127.0.0.1:PORT`.
    convenience init(tcp address: String) throws {
        try self.init(CInt(SOCK_STREAM.rawValue), connectedTo: TestSocket.port(address))
    }

    /// A datagram socket that sends to `127.0.0.1:PORT`.
    convenience init(udp address: String) throws {
        try self.init(CInt(SOCK_DGRAM.rawValue), connectedTo: TestSocket.port(address))
    }

    private init(_ type: CInt, connectedTo port: UInt16) throws {
        descriptor = socket(AF_INET, type, 0)
        var address = Self.loopback(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe connect(descriptor, addresses.baseAddress, size)
            }
        }
        if result != 0 {
            let number = errno
            close(descriptor)
            throw Failure(call: "connect", number: number)
        }
    }

    /// A datagram socket of its own port, for a proxy.
    init(udpBoundTo port: UInt16 = 0) throws {
        descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        var address = Self.loopback(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe bind(descriptor, addresses.baseAddress, size)
            }
        }
        if result != 0 { throw Failure(call: "bind", number: errno) }
    }

    deinit { close(descriptor) }

    var port: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe getsockname(descriptor, addresses.baseAddress, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    static func port(_ address: String) -> UInt16 {
        UInt16(address.split(separator: ":").last ?? "") ?? 0
    }

    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// Sends all of the bytes.
    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(call: "send", number: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// What has come, waiting for it at most so long: nil if nothing came, empty at the end of a stream.
    func receive(milliseconds: Int32) -> [UInt8]? {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        // A connection that was reset has ended, too.
        guard count > 0 else { return [] }
        return Array(bytes.prefix(count))
    }

    /// A datagram and the port that it came from.
    func receiveFrom(milliseconds: Int32) -> (bytes: [UInt8], port: UInt16)? {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = unsafe withUnsafeMutableBytes(of: &address) { addressBytes in
            unsafe addressBytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe recvfrom(
                        descriptor,
                        $0.baseAddress,
                        $0.count,
                        0,
                        addresses.baseAddress,
                        &size
                    )
                }
            }
        }
        guard count >= 0 else { return nil }
        return (Array(bytes.prefix(count)), UInt16(bigEndian: address.sin_port))
    }

    func send(_ bytes: [UInt8], toPort port: UInt16) {
        var address = Self.loopback(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeBytes(of: &address) { addressBytes in
            unsafe addressBytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe bytes.withUnsafeBytes {
                    unsafe sendto(
                        descriptor,
                        $0.baseAddress,
                        $0.count,
                        0,
                        addresses.baseAddress,
                        size
                    )
                }
            }
        }
    }

    /// No more is sent; the peer sees the end.
    func finishSending() {
        _ = shutdown(descriptor, CInt(SHUT_WR))
    }
}
