/// Memory for trivial elements that is kept from one use to the next and freed with its owner.
@safe
struct ReusableBuffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int
    var count = 0

    init() {
        unsafe base = .allocate(capacity: 16)
        capacity = 16
    }

    deinit { unsafe base.deallocate() }

    /// Makes room for `count` elements in all; keeps those that are there.
    @inline(__always)
    mutating func reserve(_ count: Int) {
        if count > capacity { grow(to: count) }
    }

    @inline(never)
    private mutating func grow(to count: Int) {
        let larger = Swift.max(count, capacity * 2)
        let target = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        unsafe target.update(from: base, count: self.count)
        unsafe base.deallocate()
        unsafe base = target
        capacity = larger
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        reserve(count + 1)
        unsafe base[count] = element
        count += 1
    }

    /// Keeps the memory, forgets what is in it.
    @inline(__always)
    mutating func removeAll() { count = 0 }

    /// The elements; valid until the next change.
    var elements: UnsafeBufferPointer<Element> {
        unsafe UnsafeBufferPointer(start: base, count: count)
    }
}
