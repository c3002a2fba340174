/// How one source uses the spool, and since when.
struct SpoolUse {
    let shared: Spool
    private let writing: SpoolOptions.Writing
    /// Whether what is sealed is written now.
    var isWriting: Bool
    /// Since when frames wait and none came to be durable.
    var waitingSince: Int64 = 0
    private var retryAt = Int64.min / 2
    private var retryDelay: Int64 = 1_000

    /// Frames beyond so many bytes are kept on the disk alone.
    static var memoryByteCount: Int { 1 << 20 }
    private static var retryDelayMax: Int64 { 60_000 }

    init(_ shared: Spool, writing: SpoolOptions.Writing) {
        self.shared = shared
        self.writing = writing
        isWriting = writing == .beforeSending
    }

    var isOnlyWhenAway: Bool { writing != .beforeSending }

    /// The disk has refused: it is asked again later, after a longer time each time.
    mutating func failed(now: Int64) {
        isWriting = false
        retryAt = now + retryDelay
        retryDelay = min(Self.retryDelayMax, retryDelay * 2)
    }

    func shouldBegin(isWaiting: Bool, memoryByteCount: Int, now: Int64) -> Bool {
        guard now >= retryAt else { return false }
        switch writing {
        case .beforeSending: return true
        case .whenAway(let time):
            return isWaiting
                && (now - waitingSince >= time || memoryByteCount > Self.memoryByteCount)
        }
    }
}
