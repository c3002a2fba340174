internal import Glibc

/// A way to the server: a connected datagram socket, or a stream that is opened again when it breaks.
///
/// Never blocks, except for looking up a host's name. Belongs to one thread.
final class Link {
    private let endpoint: Endpoint
    private var descriptor: CInt = -1
    /// A stream whose `connect` has not come to its end yet.
    private var isConnecting = false
    private var retryAt: Int64 = 0
    private var backoff: Int64 = 50
    /// Bytes for the stream that the socket would not take yet.
    private var unwritten: [UInt8] = []
    private var unwrittenStart = 0
    private var incoming: [UInt8] = []
    private var buffer: [UInt8]

    /// Messages of the stream beyond this are not the server's.
    private static var messageByteCountMax: Int { 1 << 20 }
    private static var backoffMax: Int64 { 2_000 }

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
        buffer = Array(repeating: 0, count: 65_536)
    }

    deinit { close() }

    var way: SendPath.Way {
        if case .tcp = endpoint { return .stream }
        return .datagrams
    }

    var isOpen: Bool { descriptor >= 0 && !isConnecting }

    /// True while the socket has not taken what it was given; more should wait.
    var isCongested: Bool { unwritten.count - unwrittenStart > 1 << 20 }

    /// Opens if it is time to. True when a new connection has come about.
    func open(now: Int64) -> Bool {
        if descriptor >= 0 { return isConnecting && finishConnecting(now: now) }
        guard now >= retryAt else { return false }
        guard connectSocket() else {
            failed(now: now)
            return false
        }
        if isConnecting { return finishConnecting(now: now) }
        backoff = 50
        return true
    }

    /// When to call ``open(now:)`` again; nil while open.
    var openAt: Int64? { descriptor >= 0 ? nil : retryAt }

    /// Closes until the next ``open(now:)``.
    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        isConnecting = false
        unwritten.removeAll()
        unwrittenStart = 0
        incoming.removeAll()
    }

    private func failed(now: Int64) {
        close()
        // Spread: after a server's restart its emitters must not all come at once.
        retryAt = now + backoff * Int64.random(in: 750...1_250) / 1_000
        backoff = min(backoff * 2, Self.backoffMax)
    }

    // MARK: Sending

    /// Hands over a frame. What a datagram socket does not take is lost, as on the way.
    ///
    /// - Returns: False if a datagram of this size cannot get through.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        guard isOpen else { return true }
        if way == .stream {
            let count = UInt32(truncatingIfNeeded: bytes.count)
            for shift in [24, 16, 8, 0] as [UInt32] {
                unwritten.append(UInt8(truncatingIfNeeded: count >> shift))
            }
            unwritten.append(contentsOf: bytes)
            return true
        }
        let sent = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
        return sent >= 0 || errno != EMSGSIZE
    }

    /// Writes as much of the stream as the socket takes.
    func flush(now: Int64) {
        guard isOpen, way == .stream else { return }
        while unwrittenStart < unwritten.count {
            let written = unsafe unwritten.withUnsafeBytes { bytes in
                unsafe Glibc.send(
                    descriptor,
                    bytes.baseAddress.map { unsafe $0 + unwrittenStart },
                    bytes.count - unwrittenStart,
                    CInt(MSG_NOSIGNAL)
                )
            }
            if written > 0 {
                unwrittenStart += written
            } else if written < 0, errno == EINTR {
                continue
            } else if written < 0, errno == EAGAIN {
                break
            } else {
                return failed(now: now)
            }
        }
        if unwrittenStart == unwritten.count {
            unwritten.removeAll(keepingCapacity: true)
            unwrittenStart = 0
        } else if unwrittenStart > 1 << 20 {
            unwritten.removeFirst(unwrittenStart)
            unwrittenStart = 0
        }
    }

    // MARK: Receiving

    /// Takes everything that has come, one message at a time.
    func receive(now: Int64, _ message: (UnsafeRawBufferPointer) -> Void) {
        while isOpen {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            if way == .datagrams {
                // An error here is of an earlier datagram (nobody listens); the next may get through.
                if count < 0 { return }
                unsafe buffer.withUnsafeBytes { bytes in
                    unsafe message(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                }
                continue
            }
            guard count > 0 else { return failed(now: now) }
            incoming.append(contentsOf: buffer[..<count])
            if unsafe !takeMessages(message) { return failed(now: now) }
        }
    }

    /// False if the stream is not what a server sends.
    private func takeMessages(_ message: (UnsafeRawBufferPointer) -> Void) -> Bool {
        var start = 0
        while incoming.count - start >= 4 {
            let byteCount = incoming[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard byteCount > 0, byteCount <= Self.messageByteCountMax else { return false }
            guard incoming.count - start - 4 >= byteCount else { break }
            let range = start + 4..<start + 4 + byteCount
            unsafe incoming.withUnsafeBytes { bytes in
                unsafe message(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
            start = range.upperBound
        }
        incoming.removeFirst(start)
        return true
    }

    // MARK: Waiting

    /// Waits until something comes in over one of the links, a socket takes more, `wake` is written to, or
    /// the time is over. An emitter's thread is between two turns meanwhile.
    static func wait(
        _ links: [Link], milliseconds: Int64, wake: CInt, between core: EmitterCore? = nil
    ) {
        var descriptors = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        for link in links where link.descriptor >= 0 {
            let wantsWrite = link.isConnecting || link.unwrittenStart < link.unwritten.count
            descriptors.append(
                pollfd(
                    fd: link.descriptor,
                    events: Int16(POLLIN) | (wantsWrite ? Int16(POLLOUT) : 0),
                    revents: 0
                )
            )
        }
        let timeout = CInt(clamping: max(0, milliseconds))
        core?.leaveTurn()
        _ = unsafe poll(&descriptors, nfds_t(descriptors.count), timeout)
        core?.enterTurn()
    }

    // MARK: Connecting

    private func connectSocket() -> Bool {
        let (host, port, kind) =
            switch endpoint {
            case .udp(let host, let port): (host, port, CInt(SOCK_DGRAM.rawValue))
            case .tcp(let host, let port): (host, port, CInt(SOCK_STREAM.rawValue))
            }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = kind
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0 else { return false }
        defer { unsafe freeaddrinfo(found) }
        var next = unsafe found
        while let address = unsafe next {
            if unsafe connect(address.pointee, kind: kind) { return true }
            unsafe next = address.pointee.ai_next
        }
        return false
    }

    private func connect(_ address: addrinfo, kind: CInt) -> Bool {
        let flags = CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let socket = unsafe Glibc.socket(address.ai_family, kind | flags, 0)
        guard socket >= 0 else { return false }
        let status = unsafe Glibc.connect(socket, address.ai_addr, address.ai_addrlen)
        guard status == 0 || errno == EINPROGRESS else {
            Glibc.close(socket)
            return false
        }
        descriptor = socket
        isConnecting = status != 0
        if way == .stream {
            var yes: CInt = 1
            _ = unsafe setsockopt(
                socket,
                CInt(IPPROTO_TCP),
                TCP_NODELAY,
                &yes,
                socklen_t(MemoryLayout<CInt>.size)
            )
        }
        return true
    }

    private func finishConnecting(now: Int64) -> Bool {
        var descriptors = [pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)]
        guard unsafe poll(&descriptors, 1, 0) > 0 else { return false }
        var failure: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
        guard status == 0, failure == 0 else {
            failed(now: now)
            return false
        }
        isConnecting = false
        backoff = 50
        return true
    }
}
