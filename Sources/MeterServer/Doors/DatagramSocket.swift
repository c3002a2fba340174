internal import CMeter
internal import Glibc
internal import NIOCore

/// One non-blocking UDP socket; closed when the last reference goes.
final class DatagramSocket: Sendable {
    let descriptor: CInt
    /// With the port that was really bound.
    let address: SocketAddress
    /// The receive buffer that the kernel granted, in its own accounting.
    let receiveBufferByteCount: Int

    private init(descriptor: CInt, address: SocketAddress, receiveBufferByteCount: Int) {
        self.descriptor = descriptor
        self.address = address
        self.receiveBufferByteCount = receiveBufferByteCount
    }

    deinit { close(descriptor) }

    /// Datagrams that the kernel dropped for want of buffer space.
    var dropCount: Int64 { meter_socket_drops(descriptor) }

    /// Binds `count` sockets to one address; the kernel keeps each remote address on one of them.
    ///
    /// - Throws: ``SystemCallError`` of `bind` with `EADDRINUSE` if any other socket has the address,
    ///   also one that would be willing to share it.
    static func bind(
        _ listen: ListenAddress,
        count: Int,
        receiveBufferByteCount: Int
    ) throws -> [DatagramSocket] {
        var address = try listen.socketAddress()
        // Sockets that share a port are welcome to every process of the user: a second server would
        // take half of the datagrams in silence. The first bind, without sharing, finds it.
        var first = try open(address, isShared: false, receiveBufferByteCount)
        address = first.address
        guard count > 1 else { return [first] }
        first = try reopen(first, receiveBufferByteCount)
        var sockets = [first]
        while sockets.count < count {
            sockets.append(try open(address, isShared: true, receiveBufferByteCount))
        }
        return sockets
    }

    private static func reopen(
        _ socket: consuming DatagramSocket,
        _ receiveBufferByteCount: Int
    ) throws -> DatagramSocket {
        let address = socket.address
        _ = consume socket
        return try open(address, isShared: true, receiveBufferByteCount)
    }

    private static func open(
        _ address: SocketAddress,
        isShared: Bool,
        _ receiveBufferByteCount: Int
    ) throws -> DatagramSocket {
        let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
        let type = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket", errno) }
        var one: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        if isShared, unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, size) != 0 {
            let number = errno
            close(descriptor)
            throw SystemCallError("setsockopt", number)
        }
        let granted = meter_set_receive_buffer(
            descriptor,
            CInt(clamping: receiveBufferByteCount)
        )
        let bound = unsafe address.withSockAddr { pointer, count in
            unsafe Glibc.bind(descriptor, pointer, socklen_t(count))
        }
        guard bound == 0 else {
            let number = errno
            close(descriptor)
            throw SystemCallError("bind", number)
        }
        var port = address.port ?? 0
        if port == 0 { port = try boundPort(descriptor) }
        return DatagramSocket(
            descriptor: descriptor,
            address: try SocketAddress(ipAddress: address.ipAddress ?? "", port: port),
            receiveBufferByteCount: Int(granted)
        )
    }

    private static func boundPort(_ descriptor: CInt) throws(SystemCallError) -> Int {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                unsafe getsockname(descriptor, addresses.baseAddress, &size)
            }
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            throw SystemCallError("getsockname", number)
        }
        // The port stands at the same place in sockaddr_in and sockaddr_in6.
        let port = unsafe withUnsafeBytes(of: &storage) {
            unsafe $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
        }
        return Int(UInt16(bigEndian: port))
    }
}
