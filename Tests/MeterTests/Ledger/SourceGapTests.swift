import MeterTesting
import MeterWire
import Testing

@testable import Meter

/// What of a source may be missing, whom and when it touches, and what a person has accepted of it.
struct SourceGapTests {
    private static let day: Int64 = 86_400_000
    private let key = SourceKey(
        principal: PrincipalID(rawValue: 3),
        source: SourceID(high: 1, low: 2)
    )

    /// Seen on days 100 to 110; numbers 0..<10 and 20..<30 came.
    private func state(_ claim: Claim? = nil, sealed: UInt64 = 30) -> SourceState {
        var state = SourceState(key: key, firstSeen: Timestamp(milliseconds: 100 * Self.day))
        state.lastSeen = Timestamp(milliseconds: 110 * Self.day)
        state.received.insert(0..<10)
        state.received.insert(20..<30)
        state.note(tenant: "acme")
        if let claim {
            state.claimed = SourceState.Claimed(
                claim: claim,
                sealedThrough: sealed,
                time: Timestamp(milliseconds: 110 * Self.day)
            )
        }
        return state
    }

    private func gaps(_ state: SourceState) -> [SourceGap] {
        SourceSummary(state, retired: nil).gaps(horizon: 62 * Self.day)
    }

    private func touches(_ gap: SourceGap?, _ tenant: Name, _ days: Range<Int64>) -> Bool {
        gap?.touches(
            tenant,
            isReachable: true,
            from: Timestamp(milliseconds: days.lowerBound * Self.day),
            to: Timestamp(milliseconds: days.upperBound * Self.day)
        ) ?? false
    }

    @Test
    func `a hole without a claim touches whom the source named, as far back as events may lie`()
        throws
    {
        let found = gaps(state())
        #expect(found.map(\.cause) == [.open, .unclean])
        let hole = try #require(found.first)
        #expect(hole.range == 10..<20 && hole.eventCount == 10)
        #expect(touches(hole, "acme", 38..<39))
        #expect(!touches(hole, "acme", 20..<38))
        #expect(!touches(hole, "acme", 111..<120))
        #expect(!touches(hole, "other", 38..<111))
        #expect(found.last?.eventCount == nil)
        #expect(touches(found.last, "acme", 5_000..<5_001))
    }

    @Test func `a claim narrows a hole to the tenants and times that it leaves unmet`() throws {
        let line = Claim.Line(
            kind: .pending,
            tenant: "other",
            component: "in",
            amount: 5,
            earliest: 105 * Self.day,
            latest: 106 * Self.day
        )
        let claim = Claim(number: 1, isLast: true, recordedCount: 30, lines: [line])
        let found = gaps(state(claim))
        #expect(found.map(\.cause) == [.open])
        #expect(touches(found.first, "other", 106..<107))
        #expect(!touches(found.first, "other", 107..<120))
        #expect(!touches(found.first, "acme", 100..<120))
        // A hole above what the claim knew of is not narrowed by it.
        let younger = gaps(state(claim, sealed: 15))
        #expect(touches(younger.first, "acme", 100..<120))
        // Nor by lines of which some were left out.
        var partial = claim
        partial.linesAreComplete = false
        #expect(touches(gaps(state(partial)).first, "acme", 100..<120))
    }

    @Test func `a source that goes on touches nothing before its newest claim`() {
        var claim = Claim(number: 1, recordedCount: 30)
        claim.givenUp = [10..<20]
        let found = gaps(state(claim))
        #expect(found.map(\.cause) == [.givenUp, .unclean])
        #expect(!touches(found.last, "acme", 0..<110))
        #expect(touches(found.last, "acme", 110..<111))
    }

    @Test func `a source that has named nobody touches everybody its principal reaches`() throws {
        let state = SourceState(key: key, firstSeen: Timestamp(milliseconds: 100 * Self.day))
        let gap = try #require(gaps(state).first)
        let all = Timestamp(milliseconds: 0)..<Timestamp(milliseconds: .max)
        #expect(gap.touches("x", isReachable: true, from: all.lowerBound, to: all.upperBound))
        #expect(!gap.touches("x", isReachable: false, from: all.lowerBound, to: all.upperBound))
    }

    @Test func `what was accepted no longer counts until it grows, each cause for itself`() throws {
        var claim = Claim(number: 1, recordedCount: 37, droppedCount: 7)
        var source = state(claim)
        source.quarantined = true
        source.counts.inConflict = 4
        var book = BookState()
        func accept(_ gaps: [SourceGap]) {
            for gap in gaps {
                book.apply(Self.entry(book.head.number + 1, gap.acceptance(reason: "lost")))
            }
        }
        let found = gaps(source)
        #expect(found.map(\.cause) == [.open, .dropped, .inConflict, .unclean])
        for index in found.indices {
            #expect(!book.accepts(found[index]), "\(found[index].cause)")
            accept([found[index]])
            #expect(book.accepts(found[index]), "\(found[index].cause)")
            for other in found[(index + 1)...] { #expect(!book.accepts(other)) }
        }
        // One more of each: the acceptance was of what was seen then.
        claim.droppedCount = 8
        claim.number = 2
        var grown = state(claim, sealed: 31)
        grown.quarantined = true
        grown.counts.inConflict = 5
        let accepted = gaps(grown).map { ($0.cause, book.accepts($0)) }
        #expect(accepted.filter { !$0.1 }.map(\.0) == [.open, .dropped, .inConflict])
        // Part of a hole came after all: what is left of it stays accepted.
        source.received.insert(12..<14)
        #expect(gaps(source).allSatisfy { book.accepts($0) })
    }

    @Test func `a retired source that speaks again is unclean again`() throws {
        var source = state()
        source.received.insert(10..<20)
        var book = BookState()
        let unclean = try #require(gaps(source).last)
        book.apply(Self.entry(1, unclean.acceptance(reason: "host is gone")))
        #expect(gaps(source).map(\.cause) == [.unclean])
        #expect(gaps(source).allSatisfy { book.accepts($0) })
        source.lastSeen = Self.decided.advanced(byMilliseconds: 1)
        #expect(!gaps(source).contains { book.accepts($0) })
    }

    /// When people of these tests decide: after everything of ``state(_:sealed:)`` has come.
    private static let decided = Timestamp(milliseconds: 111 * day)

    private static func entry(_ number: UInt64, _ decision: Decision) -> BookEntry {
        BookEntry(
            number: number,
            time: decided,
            previous: .zero,
            author: "test",
            decision: decision,
            hash: .zero
        )
    }
}
