/// Room for one piece as it is stored and as it is plain, kept from one read to the next so that a scan
/// allocates once.
@safe struct PieceBuffer: ~Copyable {
    private var storedRoom: UnsafeMutableRawBufferPointer
    private var plainRoom: UnsafeMutableRawBufferPointer
    private var storedByteCount = 0
    private var plainByteCount = 0

    init() {
        unsafe storedRoom = .allocate(byteCount: 0, alignment: 16)
        unsafe plainRoom = .allocate(byteCount: 0, alignment: 16)
    }

    deinit {
        unsafe storedRoom.deallocate()
        unsafe plainRoom.deallocate()
    }

    /// Where the stored bytes are to be read to; valid until the next `reserve`.
    var stored: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: storedRoom[..<storedByteCount])
    }

    var isPlain: Bool { storedByteCount == plainByteCount }

    /// The plain bytes after `decompress`; valid until the next `reserve`.
    var plain: UnsafeRawBufferPointer {
        unsafe isPlain
            ? UnsafeRawBufferPointer(stored)
            : UnsafeRawBufferPointer(rebasing: plainRoom[..<plainByteCount])
    }

    mutating func reserve(stored: Int, plain: Int) {
        if unsafe storedRoom.count < stored {
            unsafe storedRoom.deallocate()
            unsafe storedRoom = .allocate(byteCount: stored, alignment: 16)
        }
        if unsafe stored != plain && plainRoom.count < plain {
            unsafe plainRoom.deallocate()
            unsafe plainRoom = .allocate(byteCount: plain, alignment: 16)
        }
        storedByteCount = stored
        plainByteCount = plain
    }

    /// False if the stored bytes do not stand for as many as were reserved.
    func decompress() -> Bool {
        if isPlain { return true }
        return unsafe LZ4.decompress(
            UnsafeRawBufferPointer(stored),
            into: UnsafeMutableRawBufferPointer(rebasing: plainRoom[..<plainByteCount])
        )
    }
}
