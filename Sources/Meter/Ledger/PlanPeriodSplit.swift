package import MeterWire

/// Which minutes of a billing period belong to which plan period of a resource.
///
/// The rules, of which the first that applies decides:
/// 1. The end of the billing period comes before any plan rule: a plan period that Waldur ended before
///    the billing period began has no minute of it, and what its rule would give it goes to its successor.
/// 2. A resource's first plan period begins with the minute in which its `start` lies.
/// 3. Every later one begins with the minute after the one in which its `start` lies, so the minute of
///    the switch belongs to the old plan; of several switches in a minute the last wins.
/// 4. The last one ends with the minute in which its `end` lies, if it has one.
package struct PlanPeriodSplit: Equatable, Sendable {
    /// One plan period's minutes, `[from, to)`; never empty.
    package struct Span: Equatable, Sendable {
        package let period: PlanPeriod
        package let from: Minute
        package let to: Minute
    }

    /// Disjoint and ascending.
    package let spans: [Span]

    /// - Parameter periods: Sorted by start; of two with the same start the later switch comes later.
    package init(_ periods: [PlanPeriod], in month: BillingPeriod) {
        var spans: [Span] = []
        var isFirst = true
        for (index, period) in periods.enumerated() {
            let next = index + 1 < periods.count ? periods[index + 1] : nil
            let end = period.end ?? next?.start
            if let end, end < month.start.start { continue }
            let from = isFirst ? Self.minute(of: period.start) : Self.minute(after: period.start)
            isFirst = false
            // The successor's start decides, not this one's end: Waldur stamps them microseconds apart,
            // which may be two different minutes.
            let to =
                next.map { Self.minute(after: $0.start) } ?? period.end.map(Self.minute(after:))
                ?? month.end
            let clippedFrom = max(from, month.start)
            let clippedTo = min(to, month.end)
            if clippedFrom < clippedTo {
                spans.append(Span(period: period, from: clippedFrom, to: clippedTo))
            }
        }
        self.spans = spans
    }

    /// The plan period that a minute belongs to; nil where there was none.
    package func period(at minute: Minute) -> PlanPeriod? {
        spans.last { $0.from <= minute && minute < $0.to }?.period
    }

    private static func minute(of time: Timestamp) -> Minute {
        Minute(time) ?? Minute(rawValue: time.milliseconds < 0 ? 0 : .max)
    }

    private static func minute(after time: Timestamp) -> Minute {
        let minute = minute(of: time).rawValue
        return Minute(rawValue: minute == .max ? .max : minute + 1)
    }
}
