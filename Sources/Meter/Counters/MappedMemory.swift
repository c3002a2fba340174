internal import CMeter

/// Memory of its own mapping, outside the heap: zero where nothing was written, and made larger by moving
/// pages, not bytes.
@safe struct MappedMemory: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var byteCount: Int

    init(byteCount: Int) {
        guard let memory = unsafe meter_map_zeroed(byteCount) else {
            preconditionFailure("the limits of live counters keep \(byteCount) bytes available")
        }
        unsafe base = memory
        self.byteCount = byteCount
    }

    deinit { unsafe meter_unmap(base, byteCount) }

    /// Makes room for `needed` bytes; what was there stays, at a place that may be another.
    @inline(__always)
    mutating func reserve(_ needed: Int) {
        if needed > byteCount { grow(to: needed) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        var larger = byteCount
        while larger < needed { larger *= 2 }
        guard let memory = unsafe meter_remap(base, byteCount, larger) else {
            preconditionFailure("the limits of live counters keep \(larger) bytes available")
        }
        unsafe base = memory
        byteCount = larger
    }
}

/// The memory has one owner and cannot be copied, so handing it to another thread hands over all of it.
extension MappedMemory: @unchecked Sendable {}
