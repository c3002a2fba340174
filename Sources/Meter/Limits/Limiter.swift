package import MeterWire
internal import Synchronization

/// The buckets of one tenant or one principal, and how often it met which limit.
///
/// Lives as long as the engine; its rates change when a decision changes them. Any thread may ask and
/// take: nothing here waits.
package final class Limiter: Sendable {
    package let subject: LimitSubject
    private let events = TokenBucket()
    private let bytes = TokenBucket()
    private let query = TokenBucket()
    /// What a principal that is over its limits may still have looked at and answered as deferred.
    private let answers = TokenBucket()
    /// A second; 0 for no limit.
    private let eventRate = Atomic<UInt64>(0)
    private let byteRate = Atomic<UInt64>(0)
    private let queryRate = Atomic<UInt64>(0)
    private let burst: Int64
    private let hits = Mutex<[Limit: UInt64]>([:])

    /// Frames of a principal over its limits that are verified and answered, a second.
    private static let answersPerSecond: UInt64 = 256

    init(_ subject: LimitSubject, rules: LimitRules, burstMilliseconds: Int64) {
        self.subject = subject
        burst = burstMilliseconds &* 1_000_000
        apply(rules)
    }

    /// Takes over the rates in force. Where one has changed, its bucket begins full.
    func apply(_ rules: LimitRules) {
        let eventRate = rules.value(.eventsPerSecond, of: subject) ?? 0
        if self.eventRate.exchange(eventRate, ordering: .relaxed) != eventRate { events.fill() }
        let byteRate = rules.value(.bytesPerSecond, of: subject) ?? 0
        if self.byteRate.exchange(byteRate, ordering: .relaxed) != byteRate { bytes.fill() }
        let queryRate = rules.value(.queryMilliseconds, of: subject) ?? 0
        if self.queryRate.exchange(queryRate, ordering: .relaxed) != queryRate { query.fill() }
    }

    // MARK: - Events and bytes

    /// The rate that is in the way of more events now; nil if none is.
    package func hit(at now: Timestamp) -> LimitHit? { hit(at: BucketTime(now)) }

    func hit(at now: BucketTime) -> LimitHit? {
        hit(.eventsPerSecond, events, eventRate, at: now)
            ?? hit(.bytesPerSecond, bytes, byteRate, at: now)
    }

    private func hit(
        _ limit: Limit, _ bucket: borrowing TokenBucket, _ rate: borrowing Atomic<UInt64>,
        at now: BucketTime
    ) -> LimitHit? {
        let value = rate.load(ordering: .relaxed)
        guard value > 0 else { return nil }
        let wait = bucket.wait(at: now, burst: burst)
        guard wait > 0 else { return nil }
        return LimitHit(
            subject: subject, limit: limit, value: value,
            waitMilliseconds: (wait - 1) / 1_000_000 + 1)
    }

    /// Counts what was taken in.
    package func take(events count: Int, bytes byteCount: Int, at now: Timestamp) {
        take(events: count, bytes: byteCount, at: BucketTime(now))
    }

    func take(events count: Int, bytes byteCount: Int, at now: BucketTime) {
        let eventRate = eventRate.load(ordering: .relaxed)
        if eventRate > 0 {
            events.take(BucketTime.cost(of: count, at: eventRate), at: now, burst: burst)
        }
        let byteRate = byteRate.load(ordering: .relaxed)
        if byteRate > 0 {
            bytes.take(BucketTime.cost(of: byteCount, at: byteRate), at: now, burst: burst)
        }
    }

    /// What a thread may gather before it takes it: little beside what flows back in a second.
    struct Portion {
        var events: Int
        var bytes: Int
    }

    var portion: Portion {
        Portion(
            events: Limiter.portion(of: eventRate.load(ordering: .relaxed)),
            bytes: Limiter.portion(of: byteRate.load(ordering: .relaxed)))
    }

    private static func portion(of rate: UInt64) -> Int {
        rate == 0 ? .max : max(1, Int(clamping: rate / 64))
    }

    /// Whether a frame of a principal that is over its limits may be looked at, to tell its emitter so.
    func mayAnswer(at now: BucketTime) -> Bool {
        guard answers.wait(at: now, burst: 1_000_000_000) <= 0 else { return false }
        answers.take(
            BucketTime.cost(of: 1, at: Limiter.answersPerSecond), at: now, burst: 1_000_000_000)
        return true
    }

    // MARK: - Queries

    /// Whether the principal's queries have run for longer than they may.
    package func queryHit(at now: Timestamp) -> LimitHit? {
        hit(.queryMilliseconds, query, queryRate, at: BucketTime(now))
    }

    /// Counts how long a query ran.
    package func takeQuery(milliseconds: Int, at now: Timestamp) {
        let rate = queryRate.load(ordering: .relaxed)
        guard rate > 0 else { return }
        query.take(
            BucketTime.cost(of: milliseconds, at: rate), at: BucketTime(now), burst: burst)
    }

    // MARK: - Counting

    /// Counts that a limit was in the way.
    package func note(_ limit: Limit) { hits.withLock { $0[limit, default: 0] &+= 1 } }

    /// How often each limit was in the way since the start.
    package var hitCounts: [Limit: UInt64] { hits.withLock { $0 } }
}
